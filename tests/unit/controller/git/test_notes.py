"""Statuses in `refs/notes/luotsi`: readable by people, verifiable by us, shared with everybody else who writes there."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.git import note_tree, notes
from controller.git.mirror import Mirror
from controller.git.notes import Keys, Notes
from schemas.errors import Refused, Stalled, Waiting
from schemas.messages.status import CommitState, CommitStatus
from schemas.signing import SigningKey, read_public
from schemas.values import Sha
from tests.builders.git_repository import GitRepository

MirrorOf = Callable[[GitRepository], Mirror]
KEY = SigningKey.generate()
STRANGER = SigningKey.generate()
KEYS: Keys = dict([read_public(KEY.public())])
SHA = Sha("a" * 40)


def status(
    sha: Sha = SHA, context: str = "luotsi/config", minute: int = 0, word: str = "fine"
) -> CommitStatus:
    time = f"2030-01-01T00:{minute:02}:00.000000+00:00"
    return CommitStatus(context, "success", word, sha, time, "http://127.0.0.1/x")


def line(sha: Sha = SHA, context: str = "luotsi/config", minute: int = 0, word: str = "fine") -> str:
    return notes.line(status(sha, context, minute, word), KEY)


def notes_of(mirror: Mirror) -> Notes:
    return Notes(mirror.path, mirror.address, KEYS, mirror.credentials)


def shown(repository: GitRepository, sha: Sha) -> list[str]:
    """The note as git shows it."""
    text = repository.git("notes", "--ref=luotsi", "show", sha, check=False)
    return text.split("\n") if text else []


def test_a_person_reads_it_in_git_log(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha = work.commit()
    said = [line(sha, "luotsi/train", word="accuracy 0.93 ≥ 0.9"), line(sha, "luotsi/config")]
    assert notes_of(mirror_of(work)).write({sha: said}) is True
    log = work.git("log", "--notes=luotsi")
    assert log.index('{"state": "success", "context": "luotsi/config", "description": "fine"') < log.index(
        '{"state": "success", "context": "luotsi/train", "description": "accuracy 0.93 ≥ 0.9"'
    )
    assert shown(work, sha) == [
        line(sha, "luotsi/config"),
        line(sha, "luotsi/train", word="accuracy 0.93 ≥ 0.9"),
    ]
    assert list(json.loads(said[0]))[-2:] == ["key", "signature"]


def test_it_is_read_back_and_verified(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha, other = work.commit(), work.commit()
    ours = notes_of(mirror_of(work))
    ours.write({sha: [line(sha, "luotsi/train"), line(sha)]})
    assert ours.read(sha) == [status(sha), status(sha, "luotsi/train")]
    assert ours.read(other) == []
    theirs = notes_of(mirror_of(work))
    assert theirs.read(sha) == []
    theirs.refresh()
    assert theirs.read(sha) == [status(sha), status(sha, "luotsi/train")]


def test_saying_the_same_again_writes_nothing(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha = work.commit()
    ours = notes_of(mirror_of(work))
    assert ours.write({}) is False
    assert ours.write({sha: [line(sha)]}) is True
    tip = work.head("refs/notes/luotsi")
    assert ours.write({sha: [line(sha)]}) is False
    assert ours.write({sha: [line(sha)]}) is False
    assert work.head("refs/notes/luotsi") == tip


def test_many_commits_are_one_notes_commit(work: GitRepository, mirror_of: MirrorOf) -> None:
    shas = [work.commit() for _ in range(20)]
    notes_of(mirror_of(work)).write({sha: [line(sha)] for sha in shas})
    assert work.git("log", "--format=%s", "refs/notes/luotsi") == "Statuses of 20 commits"
    assert len(work.git("notes", "--ref=luotsi", "list").split("\n")) == 20
    assert all(shown(work, sha) == [line(sha)] for sha in shas)


def test_a_bare_repository_and_a_working_tree_take_notes(
    work: GitRepository, mirror_of: MirrorOf, tmp_path: Path
) -> None:
    sha = work.commit({"a": "1"})
    bare = GitRepository(tmp_path / "wine.git", bare=True)
    work.git("push", "--quiet", str(bare.path), "main")
    for repository in (work, bare):
        notes_of(mirror_of(repository)).write({sha: [line(sha)]})
        assert shown(repository, sha) == [line(sha)]
        repository.git("fsck", "--strict")
    assert work.git("status", "--porcelain") == ""


@pytest.mark.parametrize("fanout", [0, 1, 2, 3])
def test_notes_that_git_wrote_in_any_layout_are_found_and_joined(
    work: GitRepository, mirror_of: MirrorOf, fanout: int
) -> None:
    shas = [work.commit() for _ in range(3)]
    blob = work.git("hash-object", "-w", "--stdin", stdin=b"By hand\n")
    lines = []
    for sha in shas:
        parts = [sha[at * 2 : at * 2 + 2] for at in range(fanout)]
        lines.append(f"M 100644 {blob} {'/'.join([*parts, sha[fanout * 2 :]])}\n")
    head = "commit refs/notes/luotsi\ncommitter A <a@b> 1900000000 +0000\ndata 1\nx\n"
    work.git("fast-import", "--quiet", stdin=(head + "".join(lines)).encode())
    assert shown(work, shas[0]) == ["By hand"]
    notes_of(mirror_of(work)).write({sha: [line(sha)] for sha in shas[:2]})
    assert shown(work, shas[0]) == [line(shas[0]), "By hand"]
    assert shown(work, shas[1]) == [line(shas[1]), "By hand"]
    assert shown(work, shas[2]) == ["By hand"]
    assert len(work.git("notes", "--ref=luotsi", "list").split("\n")) == 3


def test_git_and_we_write_by_turns(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha, plain = work.commit(), work.commit()
    ours = notes_of(mirror_of(work))
    ours.write({sha: [line(sha)]})
    work.git("notes", "--ref=luotsi", "append", "-m", "A person adds", sha)
    work.git("notes", "--ref=luotsi", "add", "-m", "Another", plain)
    ours.write({sha: [line(sha, minute=1, word="better")]})
    assert [text for text in shown(work, sha) if text] == [
        line(sha, minute=1, word="better"),
        "A person adds",
    ]
    assert shown(work, plain) == ["Another"]
    assert ours.read(sha) == [status(sha, minute=1, word="better")]


def test_a_large_notes_tree_that_git_has_split_is_kept_whole(
    work: GitRepository, mirror_of: MirrorOf
) -> None:
    head = work.import_commits(400)
    mirror = mirror_of(work)
    shas = [info.sha for info in mirror.new_commits([head])]
    ours = notes_of(mirror)
    ours.write({sha: [line(sha)] for sha in shas[:350]})
    work.git("notes", "--ref=luotsi", "add", "-m", "git rewrites the tree in its own layout", shas[399])
    ours.write({sha: [line(sha, minute=1)] for sha in shas[300:399]})
    assert len(work.git("notes", "--ref=luotsi", "list").split("\n")) == 400
    assert shown(work, shas[0]) == [line(shas[0])]
    assert shown(work, shas[320]) == [line(shas[320], minute=1)]


def test_older_words_never_replace_newer_ones(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha = work.commit()
    ours, other = notes_of(mirror_of(work)), notes_of(mirror_of(work))
    ours.write({sha: [line(sha, minute=5), line(sha, "luotsi/train", minute=1)]})
    assert other.write({sha: [line(sha, minute=4), line(sha, "luotsi/train", minute=2)]}) is True
    assert shown(work, sha) == [line(sha, minute=5), line(sha, "luotsi/train", minute=2)]


def test_writers_at_once_lose_nothing(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha = work.commit()
    writers = [notes_of(mirror_of(work)) for _ in range(4)]
    troubles: list[Exception] = []
    together = threading.Barrier(len(writers))

    def say(number: int) -> None:
        try:
            together.wait()
            for turn in range(3):
                while not write_once(writers[number], {sha: [line(sha, f"w{number}/{turn}")]}):
                    pass
        except Exception as error:  # noqa: BLE001 - a thread's trouble is the test's
            troubles.append(error)

    threads = [threading.Thread(target=say, args=(number,)) for number in range(len(writers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert [json.loads(text)["context"] for text in shown(work, sha)] == [
        f"w{number}/{turn}" for number in range(4) for turn in range(3)
    ]
    assert len(work.git("log", "--format=%H", "refs/notes/luotsi").split("\n")) == 12


def write_once(writer: Notes, lines: dict[Sha, list[str]]) -> bool:
    try:
        return writer.write(lines)
    except Waiting:
        return False


def test_a_push_that_was_overtaken_changes_nothing(work: GitRepository, mirror_of: MirrorOf) -> None:
    """The race itself: between our fetch and our push, somebody else's notes arrive."""
    sha = work.commit()
    mirror = mirror_of(work)
    repository, theirs = mirror.repository(), Mirror(work.path / ".git", str(work.path)).repository()
    late = notes._commit(repository, None, {sha: [line(sha)]}, KEYS)
    assert late is not None
    work.git("notes", "--ref=luotsi", "add", "-m", "first", sha)
    assert note_tree.hand_over(repository, theirs, notes.REF, None, late) == ""
    assert shown(work, sha) == ["first"]
    assert notes_of(mirror).write({sha: [line(sha)]})
    assert shown(work, sha) == [line(sha), "first"]


def test_a_lock_that_stays_is_waited_for(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha = work.commit()
    ours = notes_of(mirror_of(work))
    ours.write({sha: [line(sha)]})
    lock = work.path / ".git" / "refs" / "notes" / "luotsi.lock"
    lock.touch()
    with pytest.raises(Waiting):
        ours.write({sha: [line(sha, minute=1)]})
    lock.unlink()
    assert ours.write({sha: [line(sha, minute=1)]})


def test_where_notes_cannot_be_written_a_person_is_told(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha = work.commit()
    ours = notes_of(mirror_of(work))
    (work.path / ".git" / "refs" / "notes").write_text("in the way")
    with pytest.raises(Stalled, match="does not take the statuses") as stalled:
        ours.write({sha: [line(sha)]})
    assert "refs/notes/luotsi" in stalled.value.hint


def test_only_what_our_keys_signed_for_this_commit_is_read(work: GitRepository, mirror_of: MirrorOf) -> None:
    sha, other = work.commit(), work.commit()
    forged = notes.line(status(sha, "luotsi/forged"), STRANGER)
    changed = line(sha, "luotsi/changed").replace("success", "failure")
    moved = line(other, "luotsi/moved")
    note = "\n".join(
        [
            forged,
            changed,
            moved,
            "no JSON",
            "[1]",
            "{}",
            line(sha).replace("fine", r"\ud800"),
            "9" * 5000,
            "[" * 5000,
        ]
    )
    work.git("notes", "--ref=luotsi", "add", "-F", "-", sha, stdin=note.encode())
    ours = notes_of(mirror_of(work))
    ours.refresh()
    assert ours.read(sha) == []
    ours.write({sha: [line(sha)]})
    assert ours.read(sha) == [status(sha)]
    assert "no JSON" in shown(work, sha)


def test_a_forged_line_of_the_future_does_not_hold_ours_back() -> None:
    forged = notes.line(status(minute=59, word="forged"), STRANGER)
    changed = line(minute=58, word="true").replace("true", "false")
    assert notes.merge(SHA, f"{forged}\n", [line()], KEYS) == f"{line()}\n"
    assert notes.merge(SHA, f"{changed}\n", [line()], KEYS) == f"{line()}\n"
    assert notes.merge(SHA, f"{line()}\n", [forged], KEYS) == f"{line()}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"context": 1}',
        line()[:-3],
        line().replace("fine", "fine "),
        line().replace(KEY.id, "0"),
    ],
)
def test_other_lines_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        notes.read_line(text, KEYS)


def test_a_line_with_another_field_is_refused() -> None:
    said = json.loads(line()) | {"approved": True}
    with pytest.raises(Refused):
        notes.read_line(json.dumps(said), KEYS)


states = st.sampled_from(["pending", "success", "failure", "error"])


@given(context=st.text(max_size=50), state=states, word=st.text(max_size=140), url=st.text(max_size=50))
def test_any_status_is_one_printable_line(context: str, state: CommitState, word: str, url: str) -> None:
    said = replace(status(), context=context, state=state, description=word, url=url)
    text = notes.line(said, KEY)
    assert text.isprintable()
    assert notes.read_line(text, KEYS) == said
    assert notes.merge(SHA, "", [text], KEYS) == f"{text}\n"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 59)), max_size=12), st.data())
def test_the_order_of_merging_does_not_matter(said: list[tuple[str, int]], data: st.DataObject) -> None:
    lines = [line(context=context, minute=minute) for context, minute in said]
    at_once = notes.merge(SHA, "", lines, KEYS)
    note = ""
    for text in data.draw(st.permutations(lines)):
        note = notes.merge(SHA, note, [text], KEYS)
    assert note == at_once
    newest = {context: max(m for c, m in said if c == context) for context, _ in said}
    assert note == "".join(f"{line(context=c, minute=m)}\n" for c, m in sorted(newest.items()))
