"""The forges' contract: what commits show, said once, and made right again."""

from dataclasses import replace

import pytest

from forges.port import Annotation, Check, CheckShown, CheckState, Said
from schemas.errors import Gone, Stalled
from tests.builders.forge_site import ForgeSite
from tests.drivers.forge_contract_base import SiteContract

STATES: tuple[CheckState, ...] = (
    "waiting", "running", "success", "failure", "error", "neutral", "cancelled", "action-required",
)  # fmt: skip


def remarks(count: int, start: int = 0) -> tuple[Annotation, ...]:
    return tuple(Annotation("train.py", one + 1, f"remark {one}") for one in range(start, count))


def shown(site: ForgeSite, sha: str, context: str) -> CheckShown:
    """The one entry of a context."""
    (found,) = [one for one in site.api.shown(site.name, sha) if one.context == context]
    return found


class WordsContract(SiteContract):
    @pytest.fixture
    def checking(self, site: ForgeSite) -> None:
        if not site.api.checks:
            pytest.skip("this identity may not show checks")

    def test_a_status_is_said_once(self, site: ForgeSite) -> None:
        api, sha = site.api, site.head()
        known = api.say_status(site.name, sha, "luotsi", "pending", "Waits", "https://luotsi.example/1")
        calls = site.calls
        same = api.say_status(site.name, sha, "luotsi", "pending", "Waits", "https://luotsi.example/1", known)
        assert (same, site.calls) == (known, calls)
        known = api.say_status(site.name, sha, "luotsi", "failure", "Failed: " + "ä" * 300, known=same)
        assert known.final
        assert not same.final
        calls = site.calls
        assert (
            site.fresh().say_status(site.name, sha, "luotsi", "failure", "Failed: " + "ä" * 300, known=known)
            == known
        )
        assert site.calls == calls
        assert [state for state, _ in site.statuses(sha, "luotsi")] == [
            site.status_word("pending"),
            site.status_word("failure"),
        ]
        assert shown(site, sha, "luotsi").state == site.status_word("failure")

    def test_a_status_that_somebody_overwrote_is_said_again(self, site: ForgeSite) -> None:
        sha = site.push("main", "1")
        known = site.api.say_status(site.name, sha, "luotsi", "success", "Done")
        site.overwrite(sha, "luotsi")
        assert shown(site, sha, "luotsi").state != site.status_word("success")
        again = site.api.say_status(
            site.name, sha, "luotsi", "success", "Done", known=replace(known, digest="")
        )
        assert again.digest == known.digest
        assert shown(site, sha, "luotsi").state == site.status_word("success")

    def test_without_the_right_to_checks_it_is_said(self, site: ForgeSite) -> None:
        if site.api.checks:
            pytest.skip("this identity may show checks")
        with pytest.raises(Stalled):
            site.api.say_check(site.name, Check("luotsi", site.head(), "success", "Done", "Done."))

    @pytest.mark.usefixtures("checking")
    def test_one_check_goes_through_its_life(self, site: ForgeSite) -> None:
        sha = site.head()
        check = Check(
            "luotsi/train", sha, "waiting", "Waits", "It waits.", external_id="=7", url="https://x.example/7"
        )
        known = site.api.say_check(site.name, check)
        life: tuple[tuple[CheckState, str], ...] = (
            ("running", "Runs"),
            ("running", "Half"),
            ("success", "Done"),
        )
        for state, title in life:
            check = replace(check, state=state, title=title, started_at="2030-01-02T03:04:05.678901+00:00")
            if state == "success":
                check = replace(check, finished_at="2030-01-02T03:05:06+00:00", text="| a | b |")
            known = site.api.say_check(site.name, check, known)
            calls = site.calls
            assert site.api.say_check(site.name, check, known) == known
            assert site.calls == calls
            (kept,) = site.checks(sha)
            assert (kept.id, kept.state, kept.title) == (known.id, site.check_word(check.state), title)
        assert known.final
        there = shown(site, sha, "luotsi/train")
        assert (there.id, there.external_id, there.title) == (known.id, "=7", "Done")
        again = site.api.say_check(site.name, replace(check, state="running", finished_at=""), known)
        assert again.id != known.id
        assert shown(site, sha, "luotsi/train").state == site.check_word("running")

    @pytest.mark.usefixtures("checking")
    def test_every_state_is_shown(self, site: ForgeSite) -> None:
        sha = site.head()
        for state in STATES:
            known = site.api.say_check(site.name, Check(f"luotsi/{state}", sha, state, "", ""))
            assert known.final == (state not in ("waiting", "running"))
            assert shown(site, sha, f"luotsi/{state}").state == site.check_word(state)

    @pytest.mark.usefixtures("checking")
    def test_many_remarks_are_all_there_once(self, site: ForgeSite) -> None:
        sha = site.head()
        check = Check("luotsi", sha, "running", "Runs", "Runs.", annotations=remarks(7))
        known = site.api.say_check(site.name, check)
        check = replace(check, state="failure", title="Failed", annotations=remarks(133))
        known = site.api.say_check(site.name, check, known)
        (kept,) = site.checks(sha)
        assert kept.remarks == tuple(one.message for one in remarks(133))
        assert site.api.say_check(site.name, check, known) == known
        other = replace(check, annotations=remarks(60, start=3))
        site.api.say_check(site.name, other, known)
        first, second = site.checks(sha)
        assert (first, second.remarks) == (kept, tuple(one.message for one in other.annotations))
        assert shown(site, sha, "luotsi").id == second.id

    @pytest.mark.usefixtures("checking")
    def test_what_is_too_long_or_odd_is_cut_and_not_refused(self, site: ForgeSite) -> None:
        note = Annotation("a.py", 0, "x" * 70_000, title="t" * 300, end_line=-1, column=3)
        check = Check("luotsi", site.head(), "failure", "y" * 400 + "\n", "ä" * 70_000, "z" * 70_000)
        check = replace(check, annotations=(note, Annotation("b.py", 4, "", end_line=9, column=2)))
        site.api.say_check(site.name, check)
        (kept,) = site.checks(site.head())
        assert len(kept.remarks) == 2
        assert kept.remarks[0].startswith("xxx")

    @pytest.mark.usefixtures("checking")
    def test_a_check_that_shows_something_else_is_made_right(self, site: ForgeSite) -> None:
        sha = site.head()
        check = Check("luotsi", sha, "running", "Runs", "Runs.", annotations=remarks(3))
        known = site.api.say_check(site.name, check)
        site.overwrite(sha, "luotsi")
        assert shown(site, sha, "luotsi").state != site.check_word("running")
        again = site.api.say_check(site.name, check, replace(known, digest=""))
        assert again == known
        (kept,) = site.checks(sha)
        assert (kept.state, len(kept.remarks)) == (site.check_word("running"), 3)

    @pytest.mark.usefixtures("checking")
    def test_a_word_of_which_the_forge_knows_nothing_more_is_said_anew(self, site: ForgeSite) -> None:
        sha = site.head()
        of_a_status = Said("99", "another", word="pending")
        check = Check("luotsi", sha, "running", "Runs", "Runs.", annotations=remarks(3))
        said = site.api.say_check(site.name, check, of_a_status)
        (kept,) = site.checks(sha)
        assert (kept.id, len(kept.remarks)) == (said.id, 3)

    def test_a_deployment_that_somebody_deleted_is_made_anew(self, site: ForgeSite) -> None:
        sha, gone = site.head(), Said("99", "another")
        said = site.api.say_deployment(site.name, sha, "production", "success", "Serves", known=gone)
        assert site.shown_deployments(sha) == [("production", "success")]
        assert said.id != "99"

    @pytest.mark.usefixtures("checking")
    def test_a_check_of_no_commit_is_gone(self, site: ForgeSite) -> None:
        with pytest.raises(Gone):
            site.api.say_check(site.name, Check("luotsi", "f" * 40, "success", "Done", "Done."))

    def test_a_deployment_is_shown_with_its_states(self, site: ForgeSite) -> None:
        sha = site.head()
        known: Said | None = None
        for state in ("queued", "in_progress", "success"):
            known = site.api.say_deployment(site.name, sha, "production", state, "Serves", known=known)
            calls = site.calls
            assert (
                site.api.say_deployment(site.name, sha, "production", state, "Serves", known=known) == known
            )
            assert site.calls == calls
            assert site.shown_deployments(sha) == [("production", state)]
