"""Every commit is accounted for, through real git: what a walk of the mirror finds against the ledger's verdicts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from controller import loop
from controller.ports import Watched
from controller.watching import coverage, observe
from controller.watching.coverage import Coverage
from ledger import repositories, tables
from luotsi import cli
from tests.builders.mind import Mind


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    return Mind(tmp_path)


def covered(mind: Mind, roots: tuple[str, ...] | None = None, mirrored: bool = True) -> Coverage:
    with mind.ports.ledger.read() as connection:
        row = repositories.by_name(connection, "shop")
        assert row is not None
        mirror = observe.mirror_of(mind.ports, row) if mirrored else None
        return coverage.of_repository(connection, row, mirror, roots)


def everything(mind: Mind) -> set[str]:
    """What git itself says was ever pushed: all refs, and what the clone's own history of HEAD remembers."""
    return set(mind.person.git("rev-list", "--all", "--reflog").split())


def forget(mind: Mind, *shas: str) -> None:
    with mind.ports.ledger.write() as connection:
        connection.execute(delete(tables.verdicts).where(tables.verdicts.c.sha.in_(shas)))


def assert_whole(mind: Mind) -> None:
    found = covered(mind)
    assert found.missing == ()
    assert found.commits == found.judged == len(everything(mind))
    assert coverage.ratio([found]) == 1.0


def test_every_commit_of_plain_pushes_is_covered(mind: Mind) -> None:
    for number in range(3):
        mind.push("[]\n", f"Change {number}", notes=str(number))
    assert covered(mind).commits == 4
    assert_whole(mind)


def test_history_behind_the_baseline_is_owed_nothing_but_its_tip(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    first = mind.head()
    assert first is not None
    second = mind.push("[]\n")
    with mind.ports.ledger.write() as connection:
        connection.execute(update(tables.baseline_tips).values(sha=second))
        connection.execute(delete(tables.commits).where(tables.commits.c.sha == first))
        connection.execute(
            update(tables.ref_observations).where(tables.ref_observations.c.sha == first).values(sha=second)
        )
    assert covered(mind).commits == 1


def test_a_forced_push_leaves_both_histories_covered(mind: Mind) -> None:
    base = mind.head()
    lost = mind.push("[]\n", "Lost", lost="1")
    mind.person.git("reset", "--quiet", "--hard", str(base))
    mind.person.commit({"kept": "1"}, "Kept")
    mind.person.push("--force", "HEAD:refs/heads/main")
    mind.turns()
    assert covered(mind).commits == 3
    assert_whole(mind)
    forget(mind, lost)
    assert [one.sha for one in covered(mind).missing] == [lost], (
        "what no ref leads to any more is owed one too"
    )


def test_a_branch_that_is_deleted_and_made_again(mind: Mind) -> None:
    one = mind.person.commit({"one": "1"}, "One")
    mind.person.push("HEAD:refs/heads/side")
    mind.turns()
    mind.person.push("--delete", "side")
    mind.turns()
    mind.person.git("reset", "--quiet", "--hard", "HEAD~1")
    two = mind.person.commit({"two": "2"}, "Two")
    mind.person.push("HEAD:refs/heads/side")
    mind.turns()
    assert {one, two} < everything(mind)
    assert covered(mind).commits == 3
    assert_whole(mind)


def test_a_merge_brings_the_commits_of_its_second_parent(mind: Mind) -> None:
    mind.person.git("switch", "--quiet", "--create", "side")
    inner = mind.person.commit({"side": "1"}, "Side 1")
    mind.person.commit({"side": "2"}, "Side 2")
    mind.person.git("switch", "--quiet", "main")
    mind.person.commit({"main": "1"}, "Main")
    mind.person.git("merge", "--quiet", "--no-ff", "-m", "Merge", "side")
    mind.person.push()
    mind.turns()
    assert covered(mind).commits == 5
    assert_whole(mind)
    with mind.ports.ledger.write() as connection:
        connection.execute(delete(tables.commits).where(tables.commits.c.sha == inner))
    forget(mind, inner)
    [missing] = covered(mind).missing
    assert (missing.sha, missing.ref) == (inner, "refs/heads/main"), "found by the walk, the ledger lost it"


def test_a_controller_that_was_down_catches_up(mind: Mind) -> None:
    for number in range(7):
        mind.person.commit({"file": str(number)}, f"Change {number}")
        mind.person.push()
    mind.person.push("HEAD~2:refs/heads/older")
    mind.turns()
    assert covered(mind).commits == 8
    assert_whole(mind)


def test_a_commit_without_its_verdict_is_named(mind: Mind) -> None:
    mind.push("[]\n", "First")
    sha = mind.push("[]\n", "Second", file="2")
    seen_at = covered(mind)
    assert seen_at.missing == ()
    forget(mind, sha)
    found = covered(mind)
    [missing] = found.missing
    assert (missing.sha, missing.ref, missing.roots) == (sha, "refs/heads/main", ("",))
    assert missing.since <= mind.now
    assert coverage.ratio([found]) == pytest.approx(2 / 3)


def test_a_commit_that_is_not_finished_waits_until_it_is(mind: Mind) -> None:
    sha = mind.push("[]\n")
    with mind.ports.ledger.write() as connection:
        connection.execute(update(tables.commits).where(tables.commits.c.sha == sha).values(judged_at=None))
    assert [one.sha for one in covered(mind).missing] == [sha]
    mind.turns()
    assert_whole(mind)


def test_a_verdict_that_says_vanished_is_one(mind: Mind) -> None:
    sha = mind.push("[]\n")
    with mind.ports.ledger.write() as connection:
        verdict = update(tables.verdicts).where(tables.verdicts.c.sha == sha)
        connection.execute(verdict.values(state="error", summary="vanished: it is gone"))
    assert_whole(mind)


def test_a_root_that_is_named_later_owes_nothing_on_what_was_there_before(mind: Mind) -> None:
    old = mind.push("[]\n", "Old")
    mind.push("[]\n", "Head", file="1")
    watched = (Watched("shop", str(mind.person.bare), roots=("", "eu")),)
    mind.ports = replace(mind.ports, settings=replace(mind.ports.settings, repositories=watched))
    loop.prepare(mind.ports)
    mind.turns()
    new = mind.push("[]\n", "New", file="2")
    assert_whole(mind)
    with mind.ports.ledger.write() as connection:
        eu = next(p for p in repositories.projects_of(connection, mind.repository_id()) if p.root == "eu")
        rows = tables.verdicts
        connection.execute(delete(rows).where(rows.c.project_id == eu.id, rows.c.sha == new))
    assert [(one.sha, one.roots) for one in covered(mind).missing] == [(new, ("eu",))]
    assert covered(mind, roots=("",)).missing == (), "a root that is not watched owes none"
    forget(mind, old)
    assert old in {one.sha for one in covered(mind).missing}


def test_without_a_mirror_only_the_ledger_counts(mind: Mind) -> None:
    mind.push("[]\n")
    found = covered(mind, mirrored=False)
    assert (found.walked, found.commits, found.missing) == (False, 2, ())


def test_where_nothing_is_owed_nothing_is_missing() -> None:
    assert coverage.ratio([]) == 1.0


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()  # what the mind logged
    with pytest.raises(SystemExit) as caught:
        cli.main(["coverage", *arguments])
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out, said.err


def test_the_verb_says_what_is_covered_and_what_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mind = Mind(tmp_path)
    sha = mind.push("[]\n")
    file = tmp_path / "luotsi.yaml"
    file.write_text(
        f"ledger: sqlite:///{tmp_path / 'ledger.sqlite'}\n"
        f"repositories: [{{name: shop, address: '{mind.person.bare}'}}]\n"
    )
    settings = ("--settings", str(file))
    line = "{}  {} of 2 commits have a verdict"
    before = {path for path in tmp_path.iterdir() if not path.name.startswith("ledger.sqlite")}
    code, out, _ = run(capsys, *settings)
    assert (code, out.splitlines()) == (
        0,
        ["shop  " + line.format("1.000", 2), "total " + line.format("1.000", 2)],
    )
    forget(mind, sha)
    code, out, _ = run(capsys, "shop", *settings)
    first, missing, total = out.splitlines()
    assert code == 1
    assert first == "shop  " + line.format("0.500", 1)
    assert missing.startswith(f"  {sha[:7]} refs/heads/main waits since 2030-01-02T03:04:")
    assert total == "total " + line.format("0.500", 1)
    code, out, _ = run(capsys, "--json", *settings)
    said = json.loads(out)
    assert (code, said["coverage"], said["repositories"][0]["missing"][0]["sha"]) == (1, 0.5, sha)
    assert said["repositories"][0]["mirror"] is True
    code, _, err = run(capsys, "other", *settings)
    assert code == 2
    assert "These are: shop." in err
    assert before == {path for path in tmp_path.iterdir() if not path.name.startswith("ledger.sqlite")}
    (tmp_path / "mirrors").rename(tmp_path / "elsewhere")
    code, out, _ = run(capsys, *settings)
    assert "there is no mirror of it here" in out
    assert not (tmp_path / "mirrors").exists()
