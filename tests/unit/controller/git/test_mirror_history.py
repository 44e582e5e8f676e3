"""What the mirror says about commits: which are new, what came before, what changed."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.git.mirror import Mirror
from schemas.errors import Gone, Stalled
from schemas.values import NULL_SHA, Sha
from tests.builders.git_repository import GitRepository

MirrorOf = Callable[[GitRepository], Mirror]


def test_new_commits_come_oldest_first_with_what_they_say(work: GitRepository, mirror_of: MirrorOf) -> None:
    first = work.commit({"a": "1"}, "Begin")
    second = work.commit({"a": "2"}, "Go on\n\nBecause.\n", when="2030-01-02T00:30:00+02:00")
    found = mirror_of(work).new_commits([second], [])
    assert [info.sha for info in found] == [first, second]
    assert found[1].author == "Ada Lovelace <ada@example.org>"
    assert (found[1].subject, found[1].message) == ("Go on", "Go on\n\nBecause.\n")
    assert found[1].committed_at == datetime(2030, 1, 1, 22, 30, tzinfo=UTC)
    assert found[1].parents == (first,)


def test_hidden_commits_and_their_ancestors_are_not_new(work: GitRepository, mirror_of: MirrorOf) -> None:
    first, second, third = work.commit(), work.commit(), work.commit()
    mirror = mirror_of(work)
    assert [info.sha for info in mirror.new_commits([third], [first])] == [second, third]
    assert mirror.new_commits([third, second], [third]) == []
    assert mirror.new_commits([], [first]) == []


def test_what_hides_need_not_be_there_but_heads_must(work: GitRepository, mirror_of: MirrorOf) -> None:
    first, second = work.commit(), work.commit()
    tree = Sha(work.git("rev-parse", "HEAD^{tree}"))
    mirror = mirror_of(work)
    hide = [Sha("1" * 40), NULL_SHA, Sha("zz"), tree, first]
    assert [info.sha for info in mirror.new_commits([second], hide)] == [second]
    for missing in (Sha("1" * 40), tree):
        with pytest.raises(Gone):
            mirror.new_commits([missing])


def test_merges_bring_both_sides_once_and_parents_come_first(
    work: GitRepository, mirror_of: MirrorOf
) -> None:
    base = work.commit({"a": "1"})
    work.git("checkout", "--quiet", "-b", "topic")
    # Committed by a clock that runs a year ahead.
    side = work.commit({"b": "1"}, when="2031-01-01T00:00:00+00:00")
    work.git("checkout", "--quiet", "main")
    straight = work.commit({"a": "2"})
    work.git("merge", "--quiet", "--no-ff", "-m", "Merge", "topic")
    merge = work.head()
    found = mirror_of(work).new_commits([merge, side], [])
    order = [info.sha for info in found]
    assert sorted(order) == sorted({base, side, straight, merge})
    assert all(order.index(parent) < order.index(info.sha) for info in found for parent in info.parents)
    assert set(found[-1].parents) == {straight, side}


def test_a_tag_object_as_a_head_stands_for_its_commit(work: GitRepository, mirror_of: MirrorOf) -> None:
    first = work.commit()
    work.git("tag", "--annotate", "--message", "Words", "v1")
    assert [info.sha for info in mirror_of(work).new_commits([work.head("refs/tags/v1")])] == [first]


def test_twenty_commits_at_once_are_twenty(work: GitRepository, mirror: Mirror) -> None:
    start = work.commit()
    mirror.fetch()
    pushed = [work.commit({"a": str(number)}) for number in range(20)]
    mirror.fetch()
    assert [info.sha for info in mirror.new_commits([work.head()], [start])] == pushed


def test_a_long_history_is_walked_whole(work: GitRepository, mirror_of: MirrorOf) -> None:
    head = work.import_commits(2000)
    mirror = mirror_of(work)
    found = mirror.new_commits([head])
    assert [info.subject for info in found] == [f"Change {number}" for number in range(2000)]
    assert [info.sha for info in mirror.new_commits([head], [found[1989].sha])] == [
        i.sha for i in found[1990:]
    ]
    assert mirror.ancestors(head, 50) == [info.sha for info in reversed(found[-50:])]


def test_texts_in_any_encoding_are_kept_safe(work: GitRepository, mirror_of: MirrorOf) -> None:
    tree = work.git("mktree")
    person = b"K\xf6nig <k@example.org> 1900000000 +0000"
    raw = b"tree %s\nauthor %s\ncommitter %s\n%s\nH\xf6he\0!\n"
    latin = work.write_object("commit", raw % (tree.encode(), person, person, b"encoding ISO-8859-1\n"))
    wrong = work.write_object("commit", raw % (tree.encode(), person, person, b""))
    strange = work.write_object("commit", raw % (tree.encode(), person, person, b"encoding klingon\n"))
    for name, sha in (("latin", latin), ("wrong", wrong), ("strange", strange)):
        work.git("update-ref", f"refs/heads/{name}", sha)
    mirror = mirror_of(work)
    said = mirror.commit(Sha(latin))
    assert said.author == "König <k@example.org>"
    assert said.subject.startswith("Höhe")
    for sha in (wrong, strange):
        info = mirror.commit(Sha(sha))
        assert info.author == "K\N{REPLACEMENT CHARACTER}nig <k@example.org>"
        assert "\0" not in info.message
        info.message.encode()


def test_texts_are_cut_and_times_are_clamped(work: GitRepository, mirror_of: MirrorOf) -> None:
    tree = work.git("mktree").encode()
    for name, time in (("future", b"99999999999999"), ("past", b"-99999999999")):
        person = b"A" * 5000 + b" <" + b"e" * 5000 + b"> " + time + b" +9959"
        raw = b"tree %s\nauthor %s\ncommitter %s\n\n%s" % (tree, person, person, b"w" * 100_000)
        work.git("update-ref", f"refs/heads/{name}", work.write_object("commit", raw))
    mirror = mirror_of(work)
    for sha in mirror.refs().values():
        info = mirror.commit(sha)
        assert len(info.author) <= 300
        assert len(info.subject) == 500
        assert len(info.message) == 20_000
        assert 1 <= info.committed_at.year <= 9999


def test_ancestors_start_with_the_commit_and_take_every_parent(
    work: GitRepository, mirror_of: MirrorOf
) -> None:
    base = work.commit(when="2030-01-01T00:00:00+00:00")
    work.git("checkout", "--quiet", "-b", "topic")
    side = work.commit(when="2030-01-03T00:00:00+00:00")
    work.git("checkout", "--quiet", "main")
    straight = work.commit(when="2030-01-02T00:00:00+00:00")
    work.git("merge", "--quiet", "--no-ff", "-m", "Merge", "topic", when="2030-01-04T00:00:00+00:00")
    mirror = mirror_of(work)
    assert mirror.ancestors(work.head(), 50) == [work.head(), side, straight, base]
    assert mirror.ancestors(work.head(), 2) == [work.head(), side]
    assert mirror.ancestors(base, 50) == [base]
    assert mirror.ancestors(base, 0) == []


def test_merge_base(work: GitRepository, mirror_of: MirrorOf) -> None:
    base = work.commit()
    work.git("checkout", "--quiet", "-b", "topic")
    topic = work.commit({"b": "1"})
    work.git("checkout", "--quiet", "main")
    main = work.commit({"a": "1"})
    work.git("checkout", "--quiet", "--orphan", "other")
    other = work.commit({"c": "1"})
    mirror = mirror_of(work)
    assert mirror.merge_base(main, topic) == base
    assert mirror.merge_base(main, base) == base
    assert mirror.merge_base(main, other) is None
    with pytest.raises(Gone):
        mirror.merge_base(main, Sha("1" * 40))


def test_changed_paths_name_both_ends_of_a_rename(work: GitRepository, mirror_of: MirrorOf) -> None:
    old = work.commit(
        {"same": "1", "edited": "1", "moved": "long enough\n" * 50, "gone/deep": "1", "mode": "1"}
    )
    (work.path / "moved").rename(work.path / "renamed")
    (work.path / "mode").chmod(0o755)
    new = work.commit({"edited": "2", "gone/deep": None, "added/deep": "1", "ä": "1"})
    mirror = mirror_of(work)
    changed = {"edited", "moved", "renamed", "gone/deep", "added/deep", "mode", "ä"}
    assert mirror.changed_paths(old, new) == changed
    assert mirror.changed_paths(new, old) == changed
    assert mirror.changed_paths(new, new) == set()


def test_without_an_old_commit_no_paths_are_known(work: GitRepository, mirror_of: MirrorOf) -> None:
    head = work.commit({"a": "1"})
    mirror = mirror_of(work)
    assert mirror.changed_paths(None, head) is None
    assert mirror.changed_paths(NULL_SHA, head) is None
    assert mirror.changed_paths(Sha("1" * 40), head) is None
    with pytest.raises(Gone):
        mirror.changed_paths(head, Sha("1" * 40))


def test_a_shallow_clone_stalls_with_advice(work: GitRepository, tmp_path: Path) -> None:
    work.commit({"a": "1"})
    head = work.commit({"a": "2"})
    work.git("clone", "--quiet", "--depth=1", f"file://{work.path}", str(tmp_path / "shallow"))
    mirror = Mirror(tmp_path / "mirror.git", str(tmp_path / "shallow"))
    mirror.fetch()
    with pytest.raises(Stalled, match=r"has gaps: .* shallow clone"):
        mirror.new_commits([head])
