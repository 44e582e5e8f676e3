"""Looks as the controller takes them: cheap when nothing moved, each repository for itself, and never a guess."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select

from controller.git.looks import Looks
from controller.ports import Ports, Watched
from controller.watching import judge, observe
from ledger import observations, repositories
from ledger.repositories import RepositoryRow
from ledger.tables import commits
from tests.builders.git_repository import GitRepository
from tests.builders.git_server import serve
from tests.builders.mind import Mind
from tests.parts.process import until


def beside(folder: Path, *others: tuple[str, str], **settings: Any) -> Mind:
    """A mind that watches its own repository `shop`, and others by name and address."""
    watched = (("shop", str(folder / "shop.git")), *others)
    return Mind(folder, repositories=tuple(Watched(*one) for one in watched), **settings)


def rows(ports: Ports) -> dict[str, RepositoryRow]:
    with ports.ledger.read() as connection:
        return {row.name: row for row in repositories.watched(connection)}


def heads(mind: Mind, name: str) -> dict[str, str]:
    with mind.ports.ledger.read() as connection:
        return observations.heads(connection, rows(mind.ports)[name].id)


@contextmanager
def written(ports: Ports) -> Iterator[list[str]]:
    """What is written into the ledger meanwhile, one entry a transaction."""
    found: list[str] = []

    def remember(connection: object) -> None:
        found.append("commit")

    event.listen(ports.ledger.engine, "commit", remember)
    try:
        yield found
    finally:
        event.remove(ports.ledger.engine, "commit", remember)


def test_many_looks_that_see_nothing_new_are_one_write_and_open_no_mirror(tmp_path: Path) -> None:
    others = [GitRepository(tmp_path / f"{number}.git", bare=True) for number in range(20)]
    mind = beside(tmp_path, *((one.path.stem, str(one.path)) for one in others))
    before = rows(mind.ports)
    for row in before.values():
        (observe.mirror_of(mind.ports, row).path / "config").write_text("[whoever opens it will say so")
    mind.now = mind.now.replace(minute=59)
    with written(mind.ports) as writes:
        assert observe.look(mind.ports, set()) == 0
    after = rows(mind.ports)
    assert len(writes) == 1
    assert all(after[name].looked_at == after[name].tried_at == mind.now for name in before)
    assert all(before[name].looked_at != mind.now for name in before)


def test_over_http_a_look_that_sees_nothing_new_is_one_question(tmp_path: Path) -> None:
    work = GitRepository(tmp_path / "served" / "wine")
    work.commit({"a": "1"})
    with serve(work.path.parent) as server:
        mind = beside(tmp_path, ("wine", f"{server.address}/wine/.git"))
        server.asked.clear()
        mind.turn()
        assert len(server.asked) == 1
        sha = work.commit({"a": "2"})
        mind.turn()
        assert heads(mind, "wine") == {"refs/heads/main": sha}


def test_a_mirror_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    mind = beside(tmp_path)
    mirror = observe.mirror_of(mind.ports, rows(mind.ports)["shop"])
    held = mirror.refs()
    assert held
    shutil.rmtree(mirror.path)
    mind.turn()
    assert observe.mirror_of(mind.ports, rows(mind.ports)["shop"]).refs() == held


def test_a_look_that_fails_says_so_for_its_repository_alone_until_it_works(tmp_path: Path) -> None:
    gone = GitRepository(tmp_path / "gone.git", bare=True)
    mind = beside(tmp_path, ("gone", str(gone.path)))
    gone.path.rename(tmp_path / "away.git")
    sha = mind.push("- step: {}\n")
    found = rows(mind.ports)
    assert "no repository" in (found["gone"].trouble or "")
    assert found["shop"].trouble is None
    assert heads(mind, "shop")["refs/heads/main"] == sha
    (tmp_path / "away.git").rename(gone.path)
    mind.turn()
    assert rows(mind.ports)["gone"].trouble is None


def test_a_repository_that_hangs_holds_up_nobody_and_is_looked_at_in_the_end(tmp_path: Path) -> None:
    slow = GitRepository(tmp_path / "elsewhere" / "slow.git", bare=True)
    mind = beside(tmp_path, ("slow", str(slow.path)))
    mind.person.git("push", "--quiet", str(slow.path), "HEAD:refs/heads/main")
    free, begun = threading.Event(), []

    def hang(name: str) -> None:
        if name == "slow":
            begun.append(name)
            assert free.wait(60)

    mind.ports = replace(mind.ports, looks=Looks(patience=0.2), credentials=hang)
    try:
        mind.turn()
        mind.ports.looks.patience = 60
        sha = mind.push("- step: {}\n")
        assert heads(mind, "shop")["refs/heads/main"] == sha
        # Unknown is not gone, is no trouble either, and one look at a time goes on.
        assert heads(mind, "slow") == {}
        assert rows(mind.ports)["slow"].trouble is None
        assert begun == ["slow"]
    finally:
        free.set()

    until(lambda: (mind.turn(), heads(mind, "slow"))[1], what="the look that hung")
    assert list(heads(mind, "slow")) == ["refs/heads/main"]


def test_each_commit_came_with_the_ref_that_brought_it_first(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    shas = {}
    for name, base in (("a", "main"), ("b", "a"), ("c", "main")):
        mind.person.git("checkout", "--quiet", "-b", name, base)
        shas[name] = mind.person.commit({name: "1"}, f"On {name}")
    mind.person.git("branch", "d", "main")
    merge = mind.person.git("commit-tree", "b^{tree}", "-p", "b", "-p", "c", "-m", "Merge")
    mind.person.git("branch", "e", merge.strip())
    mind.person.git("push", "--quiet", "origin", "a", "b", "c", "d", "e")
    mind.turn()
    with mind.ports.ledger.read() as connection:
        found = {row.subject: row.ref for row in connection.execute(select(commits.c.subject, commits.c.ref))}
    expected = {"On a": "a", "On b": "b", "On c": "c", "Merge": "e"}
    assert {subject: found[subject] for subject in expected} == {
        subject: f"refs/heads/{name}" for subject, name in expected.items()
    }


def test_threat_18_thousands_of_branches_at_once_hold_up_no_other_repository(tmp_path: Path) -> None:
    """Others wait not one turn more than without them, and no turn has more than a batch of them to do.

    Two thousand here: a turn's work is the same for them, and git takes less time to make them.
    """
    other = GitRepository(tmp_path / "elsewhere" / "other")
    other.commit({"valohai.yaml": "- step: {}\n"})
    mind = beside(tmp_path, ("other", str(other.path)))
    alone = [turns_until_decided(mind, other) for _ in range(3)]
    lines = [
        "commit refs/heads/many/{0}",
        "committer A <a@example.org> {1} +0000",
        "data 1",
        "x",
        "from {2}",
        "",
    ]
    main = mind.person.git("rev-parse", "HEAD")
    stream = "".join("\n".join(lines).format(n, 1_900_000_000 + n, main) for n in range(2000))
    GitRepository(mind.person.bare).git("fast-import", "--quiet", stdin=stream.encode())
    mind.ports.looks.patience = 60
    crowded = [turns_until_decided(mind, other) for _ in range(3)]
    assert crowded == alone
    with mind.ports.ledger.read() as connection:
        told = select(commits.c.judged_at, func.count()).where(commits.c.ref.like("refs/heads/many/%"))
        by_turn = {row[0]: row[1] for row in connection.execute(told.group_by(commits.c.judged_at))}
    waiting = by_turn.pop(None)
    assert waiting + sum(by_turn.values()) == 2000
    assert len(by_turn) == sum(crowded)
    assert all(0 < count <= judge.BATCH for count in by_turn.values())


def turns_until_decided(mind: Mind, work: GitRepository) -> int:
    """How many turns a commit of another repository takes from its push to its verdict and its runs."""
    before = heads(mind, "other")
    work.commit({"a": str(mind.now)})
    for turn in range(1, 100):
        mind.turn()
        with mind.ports.ledger.read() as connection:
            waiting = observations.unhandled(connection, rows(mind.ports)["other"].id)
        if heads(mind, "other") != before and not waiting:
            return turn
    raise AssertionError("never decided")
