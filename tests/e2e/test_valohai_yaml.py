"""One repository whose valohai.yaml asks for as much as it can, through real processes: each check ends, and says why."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.house import house
from tests.builders.story import Story, plain
from tests.e2e.test_promotion import SERVE
from tests.parts import process

PROCESS: dict[str, object] = {"kind": "process", "unsafe": True}
JOBS = Path(__file__).with_name("jobs")

EU = """
- step: {name: hi, image: none, command: 'cat models/eu/word.txt'}
- trigger: {name: hi, when: {push: {}}, run: {step: hi}}
"""
BROKEN = """
- step: {name: broken, image: none, comand: oops}
- trigger: {name: broken, when: {push: {}}, run: {step: broken}}
"""
PUSHED = [
    "grid", "search", "whole", "names", "files", "reuse", "reads", "endless", "silent", "late", "may-fail", "newest", "docs",
    "models/eu:hi",
]  # fmt: skip
"""Triggers of a push. Those of a tag and of the clock have no check before these come."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    shared = folder / "shared"
    (shared / "data" / "deep").mkdir(parents=True)
    for name in ("a.csv", "b.csv", "c.txt", "deep/d.csv"):
        (shared / "data" / name).write_text(name)
    (folder / "house").mkdir()
    with house(
        folder / "house",
        PROCESS,
        repositories=[{"name": "bench", "address": "repositories/bench.git", "roots": ["", "models/eu"]}],
        environments=[{"name": "local", "runtime": PROCESS, "agents": [{"name": "agent-1", "slots": 6}]}],
        inputs={"folders": [str(shared)]},
    ) as made:
        told = Story(made, PUSHED)
        _push_all(told, shared)
        yield told


def _push_all(story: Story, shared: Path) -> None:
    config = (JOBS / "everything.yaml").read_text().replace("@folder@", str(shared))
    train = (JOBS / "train.py").read_text()
    files = {"valohai.yaml": config, "train.py": train, "serve.py": SERVE, "notes/a.txt": "a"}
    story.push("first", {**files, "models/eu/valohai.yaml": EU, "models/eu/word.txt": "moi"})
    story.wait("first", but=("whole", "newest"))
    process.until(lambda: "waits for approval" in story.said("first")["whole"], what="the question")
    story.commits["asked"] = story.said("first")["whole"]
    story.approve("=1/sum")
    story.wait("first", but=("newest",))
    story.push("same", {})
    story.wait("same", but=("newest",))
    story.push("readme", {"README.md": "other words"})
    story.wait("readme", but=("newest",))
    story.push("code", {"train.py": f"{train}\n# more\n"})
    story.wait("code", but=("newest",))
    (shared / "go").touch()
    story.wait("code")
    story.push("skipped", {"docs/a.md": "words"}, "Write docs [skip ci]")
    story.wait("skipped")
    story.house.person.tag("nightly-1", story.commits["code"])
    story.wait("code", "release (tag)")
    story.push("broken", {"valohai.yaml": config + BROKEN, "docs/b.md": "words"})
    story.wait("broken", but=("whole",))


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("grid", "success: !0 grid: 3 of 3 complete, best #0 accuracy 1 with lr 0.9"),
        ("names", "success: #0 make, #0 read complete"),
        ("files", "success: #0 list-files complete"),
        ("reuse", "success: #0 train complete; not reused: there is no earlier complete execution of train"),
        ("endless", "success: #0 endless complete: the stop condition loss <= 2 held"),
        ("silent", "failure: #0 silent failed: the no-output-timeout of 1 s ended it after 0 s"),
        ("late", "failure: #0 late failed: the time limit of 2 s ended it"),
        ("may-fail", "success: neutral: not required, and failed: #0 fail failed: exit code 7 after 0 s"),
        ("docs", "success: neutral: not affected: nothing under docs/** changed"),
        ("models/eu:config", "success: valohai.yaml is valid; triggers: hi"),
        ("models/eu:hi", "success: #0 hi complete"),
    ],
)
def test_the_check_says(story: Story, check: str, words: str) -> None:
    assert plain(story.said("first")[check]) == words


def test_every_check_that_was_declared_has_ended(story: Story) -> None:
    for commit in ("first", "same", "readme", "code", "skipped", "broken"):
        said = story.said(commit)
        assert set(PUSHED) <= said.keys()
        assert [name for name, words in said.items() if words.startswith("pending")] == (
            ["whole"] if commit == "broken" else []
        )
    assert not [name for name in story.said("first") if "clock" in name], "a clock that did not strike"


def test_the_values_of_a_grid_are_what_the_task_says_and_the_rest_is_the_steps(story: Story) -> None:
    assert [row.spec["parameters"] for row in story.rows("first", "grid")] == [
        {"lr": rate, "layers": [8, 4], "fast": True} for rate in (0.1, 0.5, 0.9)
    ]
    assert [story.file(row, "model.txt") for row in story.rows("first", "grid")] == [
        f"{rate} [8, 4] True\n" for rate in (0.1, 0.5, 0.9)
    ]


def test_a_search_is_judged_by_its_best_and_says_what_was_expected(story: Story) -> None:
    rows = story.rows("first", "search")
    best = max(rows, key=lambda row: row.metadata["accuracy"])
    assert len(rows) == 4
    assert {round(row.spec["parameters"]["lr"] * 10, 6) for row in rows} <= set(range(1, 10))
    assert story.said("first")["search"].startswith("failure: accuracy is ")
    assert "expected >= 2 (accuracy >= 2); !" in story.said("first")["search"]
    assert f"search: 4 of 4 complete, best #{best.number} accuracy" in story.said("first")["search"]


def test_a_pipeline_waits_for_the_person_and_says_which_command_lets_it_go_on(story: Story) -> None:
    assert story.commits["asked"] == 'pending: sum waits for approval: luotsi approve "=1/sum"'
    said = (
        "success: #0 train, #0 unsteady, #0 sum, !0 score complete; but #0 unsteady took 2 tries;"
        " shop 0 serves say"
    )
    assert plain(story.said("first")["whole"]) == said


def test_what_failed_once_was_tried_again_and_a_list_became_an_execution_a_value(story: Story) -> None:
    rows = story.rows("first", "whole")
    assert [row.state for row in rows if row.node == "unsteady"] == ["error", "complete"]
    assert [row.spec["parameters"] for row in rows if row.node == "score"] == [{"fold": 1}, {"fold": 2}]
    [last] = [row for row in rows if row.node == "sum"]
    assert story.file(last, "sum.txt") == "0.3 [8, 4] True\n" * 2


def test_the_deployments_alias_answers_with_what_the_pipeline_made(story: Story) -> None:
    assert story.ask("/bench/shop/best/say") == "0.3 [8, 4] True\n" * 2


def test_names_lead_to_the_files_that_were_named(story: Story) -> None:
    make, read = story.rows("first", "names")
    names = {each["name"]: each["data"] for each in read.spec["inputs"]}
    assert set(names) == {"by-dataset", "by-model", "by-alias"}
    assert {file["name"] for files in names.values() for file in files} == {"words.txt"}
    assert len({file["datum"] for files in names.values() for file in files}) == 1
    assert story.file(make, "words.txt") == "fine\n"


def test_files_of_the_machine_come_by_pattern_flat_or_with_their_directories(story: Story) -> None:
    [row] = story.rows("first", "files")
    assert story.file(row, "listed.txt").split() == [
        "./deep/a.csv", "./deep/b.csv", "./deep/c.txt", "./deep/deep/d.csv", "./flat/a.csv", "./flat/b.csv",
    ]  # fmt: skip


def test_a_job_that_reads_some_files_has_only_these(story: Story) -> None:
    [row] = story.rows("first", "reads")
    assert story.file(row, "seen.txt").split() == ["notes", "train.py"]


@pytest.mark.parametrize(
    ("commit", "check", "words"),
    [
        ("same", "reuse", "success: #0 train complete; reused #0: same archive, image, inputs, parameters"),
        ("same", "reads", "success: #0 count complete; reused #0: same archive, image, inputs, parameters"),
        ("readme", "reads", "success: #0 count complete; reused #0: same files of `reads`, image, inputs, parameters"),
        ("readme", "reuse", "success: #0 train complete; not reused: archive differs from #0"),
        ("code", "reads", "success: #0 count complete; not reused: files of `reads` differ from #0"),
    ],
)  # fmt: skip
def test_a_second_push_says_what_was_reused_or_what_differs(
    story: Story, commit: str, check: str, words: str
) -> None:
    assert plain(story.said(commit)[check]) == words


def test_what_is_reused_is_named_by_its_number_and_ran_once(story: Story) -> None:
    [first] = story.rows("first", "reads")
    for commit in ("same", "readme"):
        [again] = story.rows(commit, "reads")
        assert (again.reused_id, again.started_at) == (first.id, None)
        assert f"reused #{first.number}: " in story.said(commit)["reads"]


def test_only_the_newest_of_a_concurrency_group_goes_on(story: Story) -> None:
    assert story.said("first")["newest"] == f"error: cancelled: replaced by {story.commits['same'][:7]}"
    assert plain(story.said("code")["newest"]) == "success: #0 wait complete"
    for commit in ("same", "readme"):
        assert story.said(commit)["newest"].startswith("error: cancelled: replaced by ")


def test_what_changes_no_file_of_a_trigger_starts_nothing(story: Story) -> None:
    said = story.said("readme")
    for check in ("grid", "search", "whole", "names", "files", "endless", "silent", "late", "may-fail"):
        assert said[check] == "success: neutral: not affected: nothing under valohai.yaml changed"
        assert story.rows("readme", check) == []


def test_a_message_that_says_so_skips_everything(story: Story) -> None:
    said = story.said("skipped")
    assert {said[check] for check in PUSHED} == {
        "success: neutral: skipped by [skip ci] in the commit message"
    }
    assert said["config"].startswith("success: valohai.yaml is valid")


def test_a_tag_starts_what_waits_for_it_and_nothing_else(story: Story) -> None:
    assert plain(story.said("code")["release (tag)"]) == "success: #0 count complete"
    assert not [name for name in story.said("first") if "(tag)" in name]


def test_a_broken_item_stops_only_what_builds_on_it(story: Story) -> None:
    said = story.said("broken")
    assert re.fullmatch(
        r"failure: valohai.yaml:\d+:\d+: `step` has no `command` \(and 1 more\)", said["config"]
    )
    grid = (
        "success: !0 grid: 3 of 3 complete, best #0 accuracy 1 with lr 0.9; accuracy 1 (+0 against 0000000)"
    )
    assert plain(said["grid"]) == grid
    assert plain(said["docs"]) == "success: #0 count complete"
