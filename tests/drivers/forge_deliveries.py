"""The forges' contract: the hook, and what it brings."""

import pytest

from forges import load
from forges.port import Action, Check
from schemas.errors import Gone, Refused
from schemas.values import Secret
from tests.builders.forge_site import ForgeSite
from tests.drivers.forge_contract_base import SiteContract, groups, pushes, repositories, reruns

NOTHING = "0" * 40


class DeliveriesContract(SiteContract):
    def test_a_hook_is_made_kept_and_repaired(self, site: ForgeSite) -> None:
        site.push("main", "unheard")
        assert site.raw() == []
        made = site.api.ensure_hook(site.name, site.hook_url, site.secret)
        assert made.did in ("created", "repaired")
        site.raw()
        kept = site.fresh().ensure_hook(site.name, site.hook_url, site.secret)
        assert (kept.id, kept.did) == (made.id, "kept")
        site.spoil_hook()
        site.push("main", "lost")
        assert site.raw() == []
        repaired = site.api.ensure_hook(site.name, site.hook_url, site.secret)
        assert (repaired.id, repaired.did) == (made.id, "repaired")
        sha = site.push("main", "heard")
        assert pushes(site.heard())[-1][2] == sha
        assert site.api.ensure_hook(site.name, site.hook_url, site.secret, renew=True).did == "repaired"

    def test_a_hook_is_deleted_once_and_no_other(self, site: ForgeSite, hook: str) -> None:
        assert site.api.drop_hook(site.name, f"{site.hook_url}/of-another").did in ("absent", "shared")
        site.push("main", "heard")
        assert pushes(site.heard())
        dropped = site.api.drop_hook(site.name, site.hook_url)
        site.push("main", "unheard")
        if dropped.did == "shared":
            assert pushes(site.heard()), "others need it"
            return
        assert (dropped.did, dropped.id, site.raw()) == ("deleted", hook, [])
        assert site.api.drop_hook(site.name, site.hook_url).did == "absent"
        with pytest.raises(Gone):
            site.api.missed_deliveries(site.name, hook, site.now())
        assert site.api.ensure_hook(site.name, site.hook_url, site.secret).did == "created"

    def test_the_hook_of_a_repository_with_a_new_name_is_kept_and_deleted(
        self, site: ForgeSite, hook: str
    ) -> None:
        old = site.name
        site.rename("renamed")
        kept = site.fresh().ensure_hook(old, site.hook_url, site.secret)
        assert (kept.id, kept.did) == (hook, "kept")
        assert site.fresh().drop_hook(old, site.hook_url).did in ("deleted", "shared")

    def test_every_kind_of_push_is_heard(self, site: ForgeSite, hook: str) -> None:
        first = site.head()
        sha = site.push("main", "1")
        forced = site.push("main", "2", onto=first)
        made = site.push("new/branch", "3")
        site.delete_ref("refs/heads/new/branch")
        tag = site.tag("v1.0", forced)
        heard = site.heard()
        assert pushes(heard) == [
            ("refs/heads/main", first, sha),
            ("refs/heads/main", sha, forced),
            ("refs/heads/new/branch", NOTHING, made),
            ("refs/heads/new/branch", made, NOTHING),
            ("refs/tags/v1.0", NOTHING, tag),
        ]
        assert {one.repository_id for one in heard} == {site.repository_id}
        assert len({one.id for one in heard}) == len(heard)

    def test_threat_05_what_is_changed_or_signed_by_others_is_refused(
        self, site: ForgeSite, hook: str
    ) -> None:
        site.push("main", "1")
        (came, *_) = site.raw()
        site.forge.verify(came.headers, [came.body])
        with pytest.raises(Refused):
            site.forge.verify(came.headers, [came.body.replace(b"refs/heads/main", b"refs/heads/mine")])
        with pytest.raises(Refused):
            site.forge.verify(came.headers, [came.body, b" "])
        signed = {name: "" if "signature" in name else value for name, value in came.headers.items()}
        with pytest.raises(Refused):
            site.forge.verify(signed, [came.body])
        kind = type(site.forge).__module__.split(".")[1]
        with pytest.raises(Refused):
            load(kind, {"secret": Secret("of somebody else")}).verify(came.headers, [came.body])
        load(kind, {"secrets": [Secret("a new one"), site.secret]}).verify(came.headers, [came.body])
        with pytest.raises(Refused):
            site.forge.parse(came.headers, came.body[:-2])

    def test_what_comes_twice_has_one_id(self, site: ForgeSite, hook: str) -> None:
        site.double_deliveries()
        site.push("main", "1")
        found = [one for one in site.heard() if one.event == "push"]
        assert len(found) == 2
        assert found[0] == found[1]

    def test_what_was_missed_is_delivered_again(self, site: ForgeSite, hook: str) -> None:
        since = site.now()
        site.lose_deliveries(1)
        sha = site.push("main", "1")
        assert pushes(site.heard()) == []
        (missed,) = site.api.missed_deliveries(site.name, hook, since)
        site.api.redeliver(site.name, hook, missed)
        (found,) = [one for one in site.heard() if one.event == "push"]
        assert (found.id, found.after) == (missed.delivery, sha)
        assert site.api.missed_deliveries(site.name, hook, since) == ()
        site.lose_deliveries(1)
        site.push("main", "2")
        site.raw()
        site.advance(60)
        assert site.api.missed_deliveries(site.name, hook, site.now()) == ()

    def test_a_merge_queue_asks_for_checks_of_its_own_commit(self, site: ForgeSite, hook: str) -> None:
        if not site.queues:
            pytest.skip("this forge's hooks tell of no merge queue")
        base = site.head()
        site.require("luotsi")
        site.push("own", "1")
        number = site.pull_of_branch("own", "Train")
        site.raw()
        sha = site.queue(number)
        heard = site.heard()
        (asked,) = groups(heard)
        assert (asked.head, asked.base, asked.base_ref) == (sha, base, "refs/heads/main")
        assert asked.action == "requested"
        assert (asked.head_ref, NOTHING, sha) in pushes(heard)
        assert not site.queue_merges()
        if site.api.checks:
            site.api.say_check(site.name, Check("luotsi", sha, "neutral", "Nothing to do", "No step."))
        else:
            site.api.say_status(site.name, sha, "luotsi", "success", "Nothing to do")
        assert site.queue_merges()
        (ended,) = groups(site.heard())
        assert (ended.action, ended.reason, ended.head) == ("destroyed", "merged", sha)

    def test_checks_are_asked_for_again_by_buttons(self, site: ForgeSite, hook: str) -> None:
        if not site.api.checks:
            pytest.skip("no checks, no buttons")
        sha = site.push("main", "1")
        go = Action("Approve", "Deploys it", "approve")
        check = Check("luotsi/train", sha, "failure", "Failed", "It failed.", external_id="=7", actions=(go,))
        said = site.api.say_check(site.name, check)
        site.raw()
        site.rerequest(sha, "luotsi/train")
        site.rerequest(sha, "luotsi/train", button="approve")
        site.rerequest(sha)
        one, pressed, suite = reruns(site.heard())
        assert (one.head, one.context, one.check_id, one.external_id) == (sha, "luotsi/train", said.id, "=7")
        assert (one.action, pressed.action, suite.action) == ("rerun", "approve", "rerun")
        assert (pressed.context, suite.context, suite.head) == ("luotsi/train", "", sha)
        assert {(asked.author_id, asked.author_login) for asked in (one, pressed, suite)} == {
            (site.writer.id, site.writer.login)
        }

    def test_a_new_name_is_heard_and_followed(self, site: ForgeSite, hook: str) -> None:
        old, sha = site.name, site.head()
        assert site.api.repository(old).id == site.repository_id
        assert site.api.new_name(old) is None
        site.rename("renamed")
        (told,) = repositories(site.heard())
        assert (told.id, told.name, told.action) == (site.repository_id, site.name, "renamed")
        said = site.api.say_status(old, sha, "luotsi", "pending", "Waits")
        site.api.say_status(old, sha, "luotsi", "success", "Done", known=said)
        assert [state for state, _ in site.statuses(sha, "luotsi")] == [
            site.status_word("pending"),
            site.status_word("success"),
        ]
        assert site.api.repository(old).name == site.api.new_name(old) == site.name != old
        assert site.fresh().repository(old).name == site.name
        assert site.api.pulls(old) == ()
        site.push("main", "after")
        assert {one.repository_id for one in site.heard()} == {site.repository_id}

    def test_another_owner_is_followed(self, site: ForgeSite, hook: str) -> None:
        old, sha = site.name, site.head()
        site.api.say_status(old, sha, "before", "success", "Done")
        site.transfer()
        assert site.api.repository(old).name == site.name != old
        assert site.api.new_name(old) == site.name
        site.api.say_status(old, sha, "after", "success", "Done")
        assert len(site.statuses(sha, "after")) == 1
        assert site.reads_by_git(site.fresh().git_login(site.name))
