"""The forges' contract: how much a forge takes, and how long a login lives."""

import pytest

from schemas.errors import Waiting
from tests.builders.forge_site import ForgeSite
from tests.drivers.forge_contract_base import SiteContract


class LimitsContract(SiteContract):
    def test_the_budget_is_what_the_forge_says(self, site: ForgeSite) -> None:
        api = site.fresh()
        assert api.budget(site.name) is None
        api.pulls(site.name)
        first = api.budget(site.name)
        api.comments_since(site.name, site.now())
        second = api.budget(site.name)
        if not site.counts_calls:
            assert first is second is None
            return
        assert first is not None
        assert second is not None
        assert (second.limit, second.remaining) == (first.limit, first.remaining - 1)
        assert 0 < second.remaining < second.limit

    def test_a_question_with_the_same_answer_is_free(self, site: ForgeSite) -> None:
        if not site.counts_calls:
            pytest.skip("no calls are counted")
        first = site.api.repository(site.name)
        before = site.api.budget(site.name)
        assert site.api.repository(site.name) == first
        after = site.api.budget(site.name)
        assert before is not None
        assert after is not None
        assert after.remaining == before.remaining

    def test_a_spent_budget_is_waited_for_without_a_call(self, site: ForgeSite) -> None:
        if not site.counts_calls:
            pytest.skip("no calls are counted")
        site.api.pulls(site.name)
        site.spend_budget(1)
        site.api.say_status(site.name, site.head(), "luotsi", "pending", "Waits")
        calls = site.calls
        with pytest.raises(Waiting):
            site.api.pulls(site.name)
        with pytest.raises(Waiting) as caught:
            site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")
        assert 0 < caught.value.after <= 3700
        assert (site.calls, site.impatient) == (calls, 0)
        site.advance(caught.value.after + 1)
        site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")
        assert len(site.statuses(site.head(), "luotsi")) == 2

    def test_a_spent_budget_that_somebody_else_spent(self, site: ForgeSite) -> None:
        if not site.counts_calls:
            pytest.skip("no calls are counted")
        site.api.pulls(site.name)
        site.spend_budget(0)
        with pytest.raises(Waiting):
            site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")
        refused = site.impatient
        with pytest.raises(Waiting) as caught:
            site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")
        assert site.impatient == refused
        site.advance(caught.value.after + 1)
        site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")

    def test_a_secondary_limit_holds_for_all_calls(self, site: ForgeSite) -> None:
        site.api.pulls(site.name)
        site.secondary_limit(90)
        with pytest.raises(Waiting) as caught:
            site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")
        assert 80 < caught.value.after <= 91
        calls = site.calls
        with pytest.raises(Waiting):
            site.api.pulls(site.name)
        assert site.calls == calls
        site.advance(92)
        site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")
        assert len(site.statuses(site.head(), "luotsi")) == 1

    def test_a_login_is_made_anew_before_it_ends(self, site: ForgeSite) -> None:
        for _ in range(3):
            site.api.pulls(site.name)
            site.advance(1790)
        site.advance(3 * 3600)
        site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")
        assert site.unaccepted == 0

    def test_a_login_that_was_taken_back_is_replaced(self, site: ForgeSite) -> None:
        site.api.pulls(site.name)
        if not site.revoke():
            pytest.skip("there is one login, and no other can be had without a person")
        site.api.say_status(site.name, site.head(), "luotsi", "success", "Done")
        assert site.unaccepted == 1
        assert len(site.statuses(site.head(), "luotsi")) == 1

    def test_git_reads_with_our_login(self, site: ForgeSite) -> None:
        login = site.api.git_login(site.name)
        assert site.reads_by_git(login)
        assert login[1].reveal() not in repr(login) + repr(site.api)
        assert not site.reads_by_git(("x", type(login[1])("nonsense")))
        site.advance(2 * 3600)
        assert site.reads_by_git(site.api.git_login(site.name))
