"""The forges' contract: people, their pull requests and comments, their rights and ours."""

from dataclasses import replace

import pytest

from forges.port import Account
from schemas.errors import Gone, Stalled
from tests.builders.forge_site import ForgeSite
from tests.drivers.forge_contract_base import SiteContract, comments, pulls

UNKNOWN = "f" * 40


class PeopleContract(SiteContract):
    def test_threat_01_a_pull_request_of_a_fork_is_its_accounts_not_its_commits_authors(
        self, site: ForgeSite, hook: str
    ) -> None:
        base = site.head()
        number, head = site.pull_of_fork("1", "Fix\tit")
        (seen,) = pulls(site.heard())
        assert (seen.number, seen.head, seen.base, seen.base_ref) == (number, head, base, "main")
        assert seen.fork
        assert seen.head_repository_id not in ("", site.repository_id)
        assert (seen.author_id, seen.author_login) == (site.reader.id, site.reader.login)
        assert seen.open
        assert not seen.draft
        assert site.api.pulls(site.name) == (site.api.pull(site.name, number),) == (replace(seen, action=""),)
        assert site.api.files(site.name, number) == frozenset({"fix.py"})
        assert not site.api.permission(site.name, Account(seen.author_id, seen.author_login)).may_write
        second = site.push_to_fork(number, "2")
        (moved,) = pulls(site.heard())
        assert (moved.number, moved.head, moved.fork) == (number, second, True)
        site.delete_fork(number)
        orphan = site.api.pull(site.name, number)
        assert (orphan.fork, orphan.head_repository_id, orphan.head) == (True, "", second)
        site.close(number)
        (closed,) = pulls(site.heard())
        assert not closed.open
        assert site.api.pulls(site.name) == ()
        assert not site.api.pull(site.name, number).open

    def test_a_pull_request_of_our_own_branch_is_no_forks(self, site: ForgeSite, hook: str) -> None:
        head = site.push("own", "1")
        number = site.pull_of_branch("own", "Own", draft=True)
        (seen,) = pulls(site.heard())
        assert (seen.number, seen.head, seen.head_ref, seen.title) == (number, head, "own", "Own")
        assert (seen.fork, seen.draft, seen.head_repository_id) == (False, True, site.repository_id)
        assert site.api.pull(site.name, number) == replace(seen, action="")

    def test_many_pull_requests_are_all_listed(self, site: ForgeSite) -> None:
        numbers = []
        for one in range(3):
            site.push(f"b{one}", f"{one}")
            numbers.append(site.pull_of_branch(f"b{one}", f"{one}"))
        assert [one.number for one in site.api.pulls(site.name)] == sorted(numbers)

    def test_comments_are_heard_and_listed_with_who_wrote_them(self, site: ForgeSite, hook: str) -> None:
        site.push("own", "1")
        number, since = site.pull_of_branch("own", "Own"), site.now()
        site.raw()
        id = site.say(number, "/luotsi approve\r\nplease")
        (created,) = comments(site.heard())
        assert (created.id, created.number, created.text) == (id, number, "/luotsi approve\r\nplease")
        assert (created.author_id, created.action, created.bot) == (site.reader.id, "created", False)
        assert site.api.comments_since(site.name, since) == (created,)
        site.advance(2)
        site.edit(id, "/luotsi run")
        (edited,) = comments(site.heard())
        assert (edited.text, edited.action, edited.author_id) == ("/luotsi run", "edited", site.reader.id)
        assert site.api.comments_since(site.name, since) == (edited,)
        site.unsay(id)
        (deleted,) = comments(site.heard())
        assert (deleted.id, deleted.action) == (id, "deleted")
        assert site.api.comments_since(site.name, since) == ()

    def test_how_branches_moved_is_remembered(self, site: ForgeSite) -> None:
        site.push("early", "0")
        site.advance(10)
        since = site.now()
        one = site.push("side", "1")
        site.advance(10)
        two = site.push("side", "2", onto=site.head())
        site.delete_ref("refs/heads/side")
        moves = site.api.moves_since(site.name, since)
        ends = [(move.before, move.after) for move in moves]
        assert ends == [("0" * 40, one), (one, two), (two, "0" * 40)]
        assert {move.ref for move in moves} == {"refs/heads/side"}
        assert moves[0].at < moves[1].at
        assert site.api.moves_since(site.name, moves[1].at) == moves[1:]

    def test_we_comment_once_and_replace_it(self, site: ForgeSite, hook: str) -> None:
        site.push("own", "1")
        number = site.pull_of_branch("own", "Own")
        site.raw()
        id = site.api.comment(site.name, number, "Best of 3: **0.91**")
        (ours,) = comments(site.heard())
        assert (ours.id, ours.number, ours.text) == (id, number, "Best of 3: **0.91**")
        assert site.api.comment(site.name, number, "Best of 9: 0.93", known=id) == id
        assert site.comments(number) == ["Best of 9: 0.93"]
        site.unsay(id)
        with pytest.raises(Gone):
            site.api.comment(site.name, number, "again", known=id)
        with pytest.raises(Gone):
            site.api.comment(site.name, number + 1000, "nowhere")
        assert site.comments(number) == []

    def test_what_is_not_there_is_gone_and_not_a_fault_of_ours(self, site: ForgeSite) -> None:
        with pytest.raises(Gone):
            site.api.pull(site.name, 4711)
        with pytest.raises(Gone):
            site.api.files(site.name, 4711)
        with pytest.raises(Gone):
            site.api.say_status(site.name, UNKNOWN, "luotsi", "success", "Done")
        with pytest.raises(Stalled):
            site.api.pull("acme/nothing-here", 1)
        with pytest.raises(Stalled):
            site.api.repository("acme/nothing-here")

    def test_who_may_write_is_asked_by_id(self, site: ForgeSite) -> None:
        def may(account: Account) -> bool:
            return site.api.permission(site.name, account).may_write

        assert may(site.owner)
        assert may(site.writer)
        assert not may(site.reader)
        assert not may(site.stranger)
        assert may(Account(site.writer.id))
        assert may(Account(site.writer.id, "a-login-of-the-past"))
        assert not may(Account(site.stranger.id, site.writer.login))
        assert not may(Account("", site.writer.login))
        assert not may(Account("999999999"))

    def test_each_missing_right_is_a_sentence(self, site: ForgeSite) -> None:
        assert site.api.check_rights(site.name) == ()
        for name, right in site.rights().items():
            said = right.take().check_rights(site.name)
            assert len(said) == len(right.words), (name, said)
            for words, sentence in zip(right.words, said, strict=True):
                assert words in sentence, name
                assert sentence.endswith("."), name
        assert site.statuses(site.head(), "luotsi") == []
