"""Which triggers a push starts, and what the others say."""

import pytest

from controller.core.events import Observation, Push, push_of
from controller.core.status import LIMIT, clip, context, of_run
from controller.core.triggers import Answer, affected, on_push
from schemas.repo_config import PushRule, Target, Trigger, When
from schemas.states import RunState
from schemas.values import RefName, Sha

A, B = Sha("a" * 40), Sha("b" * 40)


def trigger(branches: tuple[str, ...] | None = ("main",), paths: tuple[str, ...] = ()) -> Trigger:
    rule = PushRule(branches) if branches is not None else None
    return Trigger("train", When(push=rule), Target("step", "train"), paths=paths)


def answer(
    one: Trigger, branch: str = "main", message: str = "", changed: frozenset[str] | None = None
) -> Answer:
    push = Push(RefName(f"refs/heads/{branch}"), branch, B, A)
    return on_push([one], push, message, changed)[0].answer


@pytest.mark.parametrize(
    ("branches", "branch", "expected"),
    [
        (("main",), "main", Answer.FIRES),
        (("main",), "mainline", Answer.SILENT),
        (("main",), "Main", Answer.SILENT),
        (("release/*",), "release/1.0", Answer.FIRES),
        (("*",), "anything/at/all", Answer.FIRES),
        (None, "main", Answer.SILENT),
    ],
)
def test_branches_are_shell_patterns(branches: tuple[str, ...] | None, branch: str, expected: Answer) -> None:
    assert answer(trigger(branches), branch) is expected


@pytest.mark.parametrize("message", ["Fix [skip ci]", "[CI SKIP] docs", "x\n\n[no ci]"])
def test_a_skip_word_ends_it_neutral(message: str) -> None:
    assert answer(trigger(), message=message) is Answer.SKIPPED


def test_paths_that_did_not_change_end_it_neutral() -> None:
    assert answer(trigger(paths=("train.py", "data/**")), changed=frozenset({"README.md"})) is Answer.SKIPPED
    assert answer(trigger(paths=("train.py", "data/**")), changed=frozenset({"data/a/b.csv"})) is Answer.FIRES


def test_unknown_changes_count_as_all() -> None:
    assert answer(trigger(paths=("train.py",)), changed=None) is Answer.FIRES


def test_a_later_pattern_takes_back() -> None:
    assert not affected(["data/**", "!data/README.md"], ["data/README.md"])


def observation(ref: str = "refs/heads/main", sha: Sha | None = B, baseline: bool = False) -> Observation:
    return Observation(1, RefName(ref), sha, A, baseline)


def test_a_push_names_the_commits_that_nobody_will_run() -> None:
    push = push_of(observation(), [A, B])
    assert push is not None
    assert (push.branch, push.head, push.between) == ("main", B, (A,))


@pytest.mark.parametrize(
    "one", [observation(baseline=True), observation(sha=None), observation(ref="refs/tags/main")]
)
def test_a_baseline_a_vanished_ref_and_a_tag_push_nothing(one: Observation) -> None:
    assert push_of(one, [B]) is None


def test_a_forge_without_neutral_shows_success_with_the_word_in_front() -> None:
    assert of_run(RunState.NEUTRAL, "not affected") == ("success", "neutral: not affected")
    assert of_run(RunState.CANCELLED, "stopped") == ("error", "cancelled: stopped")


def test_contexts_name_the_root_when_there_is_one() -> None:
    assert context("luotsi", "train") == "luotsi/train"
    assert context("luotsi", "train", "models/eu") == "luotsi/models/eu:train"


def test_descriptions_are_one_line_that_every_forge_takes() -> None:
    assert clip("a\nb") == "a b"
    assert len(clip("x" * 500)) == LIMIT
