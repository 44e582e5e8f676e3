"""The forges' contract: a forge that is down, slow or loses its answers is waited for, and nothing is said twice by that."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from forges.port import Check, Said
from schemas.errors import Waiting
from tests.builders.forge_site import ForgeSite, Trouble
from tests.drivers.forge_contract_base import SiteContract
from tests.drivers.forge_words import remarks, shown

TROUBLES: tuple[Trouble, ...] = ("down", "cut", "error", "lost")


class TroublesContract(SiteContract):
    @pytest.mark.parametrize("kind", TROUBLES)
    def test_a_question_is_asked_again(self, site: ForgeSite, kind: Trouble) -> None:
        asks: list[Callable[[], object]] = [
            lambda: site.api.repository(site.name),
            lambda: site.api.pulls(site.name),
            lambda: site.api.permission(site.name, site.writer),
            lambda: site.api.shown(site.name, site.head()),
            lambda: site.api.comments_since(site.name, site.now()),
            lambda: site.api.check_rights(site.name),
            lambda: site.api.ensure_hook(site.name, site.hook_url, site.secret),
        ]
        site.api.pulls(site.name)
        for ask in asks:
            site.trouble(kind)
            with pytest.raises(Waiting) as caught:
                ask()
            assert caught.value.after > 0
            ask()

    @pytest.mark.parametrize("kind", TROUBLES)
    def test_a_hook_whose_deletion_was_not_answered_is_gone_in_the_end(
        self, site: ForgeSite, kind: Trouble
    ) -> None:
        if site.api.drop_hook(site.name, site.hook_url).did == "shared":
            pytest.skip("the hook is not the repository's own")
        site.api.ensure_hook(site.name, site.hook_url, site.secret)
        site.trouble(kind, spare=1)
        with pytest.raises(Waiting):
            site.api.drop_hook(site.name, site.hook_url)
        assert site.api.drop_hook(site.name, site.hook_url).did in ("deleted", "absent")
        site.raw()
        site.push("main", "unheard")
        assert site.raw() == []

    def test_an_answer_that_is_too_late_is_waited_for(self, site: ForgeSite) -> None:
        api = site.fresh(patience=0.3)
        site.trouble("slow")
        with pytest.raises(Waiting):
            api.repository(site.name)
        site.weather_clears()
        assert site.api.repository(site.name).id == site.repository_id

    @pytest.mark.parametrize("kind", TROUBLES)
    def test_a_status_stands_once_in_the_end(self, site: ForgeSite, kind: Trouble) -> None:
        sha = site.head()
        site.api.pulls(site.name)
        site.trouble(kind)
        with pytest.raises(Waiting):
            site.api.say_status(site.name, sha, "luotsi", "success", "Done")
        known = site.api.say_status(site.name, sha, "luotsi", "success", "Done")
        assert known.final
        assert shown(site, sha, "luotsi").state == site.status_word("success")
        if kind in ("down", "error"):
            assert len(site.statuses(sha, "luotsi")) == 1

    @pytest.mark.parametrize("kind", TROUBLES)
    def test_a_check_whose_answer_was_lost_is_found_and_not_made_twice(
        self, site: ForgeSite, kind: Trouble
    ) -> None:
        if not site.api.checks:
            pytest.skip("this identity may not show checks")
        sha = site.head()
        site.api.pulls(site.name)
        check = Check(
            "luotsi", sha, "failure", "Failed", "Failed.", external_id="=7", annotations=remarks(70)
        )
        site.trouble(kind)
        with pytest.raises(Waiting):
            site.api.say_check(site.name, check)
        found = [one for one in site.api.shown(site.name, sha) if one.external_id == "=7"]
        assert len(found) == (kind in ("cut", "lost"))
        known = site.api.say_check(site.name, check, Said(found[0].id, "") if found else None)
        (kept,) = site.checks(sha)
        assert (kept.id, kept.remarks) == (known.id, tuple(one.message for one in remarks(70)))
        assert site.api.say_check(site.name, check, known) == known

    @pytest.mark.parametrize("kind", TROUBLES)
    def test_remarks_whose_answer_was_lost_are_not_added_twice(self, site: ForgeSite, kind: Trouble) -> None:
        if not site.api.checks:
            pytest.skip("this identity may not show checks")
        sha = site.head()
        for spare in range(5):  # which of the calls meets it
            check = Check(f"luotsi/{spare}", sha, "running", "Runs", "Runs.", annotations=remarks(20))
            known = site.api.say_check(site.name, check)
            check = replace(check, state="failure", title="Failed", annotations=remarks(130))
            site.trouble(kind, spare=spare)
            try:
                known = site.api.say_check(site.name, check, known)
            except Waiting:
                assert spare < 2, "what was said before is forgotten"
            site.weather_clears()
            known = site.api.say_check(site.name, check, known)
            assert known.digest
            kept = site.checks(sha)[-1]
            assert len(site.checks(sha)) == spare + 1
            assert (kept.id, kept.state) == (known.id, site.check_word("failure"))
            assert kept.remarks == tuple(one.message for one in remarks(130))

    @pytest.mark.parametrize("kind", TROUBLES)
    def test_a_comment_whose_answer_was_lost_is_found(self, site: ForgeSite, kind: Trouble) -> None:
        site.push("own", "1")
        number, since = site.pull_of_branch("own", "Own"), site.now()
        text = "<!-- luotsi =7 -->\nDone"
        site.api.pulls(site.name)
        site.trouble(kind)
        with pytest.raises(Waiting):
            site.api.comment(site.name, number, text)
        ours = [one.id for one in site.api.comments_since(site.name, since) if one.text == text]
        site.api.comment(site.name, number, text, known=ours[0] if ours else "")
        assert site.comments(number) == [text]

    @pytest.mark.parametrize("kind", TROUBLES)
    def test_a_deployment_shows_its_state_in_the_end(self, site: ForgeSite, kind: Trouble) -> None:
        sha = site.head()
        site.api.pulls(site.name)
        known = site.api.say_deployment(site.name, sha, "production", "queued", "Waits")
        site.trouble(kind)
        with pytest.raises(Waiting):
            site.api.say_deployment(site.name, sha, "production", "success", "Serves", known=known)
        known = site.api.say_deployment(site.name, sha, "production", "success", "Serves", known=known)
        assert known.final
        assert site.shown_deployments(sha) == [("production", "success")]

    @pytest.mark.parametrize("kind", TROUBLES)
    def test_a_hook_is_made_once(self, site: ForgeSite, kind: Trouble) -> None:
        site.api.pulls(site.name)
        site.trouble(kind)
        with pytest.raises(Waiting):
            site.api.ensure_hook(site.name, site.hook_url, site.secret)
        site.api.ensure_hook(site.name, site.hook_url, site.secret)
        assert site.api.ensure_hook(site.name, site.hook_url, site.secret).did == "kept"
        site.raw()
        site.push("main", "1")
        assert len([one for one in site.heard() if one.event == "push"]) == 1
