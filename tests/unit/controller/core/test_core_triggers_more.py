"""Which triggers pull requests, tags and comments start; what runs keep of their trigger."""

import json
from datetime import date

import pytest

from controller.core.events import LONGEST, Comment, Observation, PullRequest, Push, Tagged, clip, tag_of
from controller.core.status import context
from controller.core.triggers import (
    Answer,
    Decision,
    commands,
    on_between,
    on_comment,
    on_pull_request,
    on_tag,
    rule,
)
from schemas.repo_config import Concurrency, Expectation, PushRule, Target, Trigger, When
from schemas.values import RefName, Sha

A, B = Sha("a" * 40), Sha("b" * 40)
TARGET = Target("step", "train")


def pull_request(**facts: object) -> PullRequest:
    given = {"number": 7, "head": B, "base_ref": "main", "base": A} | facts
    return PullRequest(**given)  # type: ignore[arg-type]


def of_pull_request(
    event: PullRequest,
    targets: tuple[str, ...] | None = ("main",),
    paths: tuple[str, ...] = (),
    message: str = "",
    changed: frozenset[str] | None = None,
) -> Decision:
    trigger = Trigger("train", When(pull_request_targets=targets), TARGET, paths=paths)
    return on_pull_request([trigger], event, message, changed)[0]


@pytest.mark.parametrize(
    ("targets", "base_ref", "expected"),
    [
        (("main",), "main", Answer.FIRES),
        (("main",), "refs/heads/main", Answer.FIRES),
        (("release/*",), "release/1", Answer.FIRES),
        (("release/*",), "main", Answer.SILENT),
        (None, "main", Answer.SILENT),
    ],
)
def test_targets_are_patterns_over_the_base(
    targets: tuple[str, ...] | None, base_ref: str, expected: Answer
) -> None:
    assert of_pull_request(pull_request(base_ref=base_ref), targets).answer is expected


def test_skip_words_and_path_filters_hold_for_pull_requests() -> None:
    assert of_pull_request(pull_request(), message="x [skip ci]").answer is Answer.SKIPPED
    filtered = of_pull_request(pull_request(), paths=("data/**",), changed=frozenset({"README.md"}))
    assert (filtered.answer, filtered.reason) == (
        Answer.SKIPPED,
        "not affected: nothing under data/** changed",
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"fork": True}, "waits for approval"),
        ({"fork": True, "trusted": True}, "waits for approval"),
        ({"trusted": False}, "untrusted: not run"),
    ],
)
def test_untrusted_pull_requests_start_nothing_and_say_so(facts: dict[str, object], words: str) -> None:
    event = pull_request(**facts)
    decision = of_pull_request(event)
    assert event.trust == "untrusted"
    assert decision.answer is Answer.SKIPPED
    assert decision.reason.startswith(words)
    assert of_pull_request(event, targets=("other",)).answer is Answer.SILENT


def comment(text: str, may_write: bool = True) -> Comment:
    return Comment("41", 7, B, text, "ada", may_write)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/train", True),
        ("/train now, please", True),
        ("Well.\n/train\r\n", True),
        ("/training", False),
        ("/train-all", False),
        ("/Train", False),
        ("please /train", False),
        ("> /train", False),
        (" /train", False),
        ("", False),
    ],
)
def test_a_command_stands_alone_at_the_beginning_of_a_line(text: str, expected: bool) -> None:
    assert commands(text, "/train") is expected


@pytest.mark.parametrize(
    ("said", "trust", "expected"),
    [
        (comment("/train"), "trusted", Answer.FIRES),
        (comment("/train"), "untrusted", Answer.SKIPPED),
        (comment("/train", may_write=False), "trusted", Answer.SILENT),
        (comment("/test"), "trusted", Answer.SILENT),
    ],
)
def test_comments_are_commands_of_people_who_may_write(said: Comment, trust: str, expected: Answer) -> None:
    trigger = Trigger("train", When(comment="/train"), TARGET, paths=("never",))
    assert on_comment([trigger], said, trust)[0].answer is expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [(("v*",), Answer.FIRES), (("nightly-*",), Answer.SILENT), (None, Answer.SILENT), (("*",), Answer.FIRES)],
)
def test_tags_are_asked_for_by_name_whatever_changed(names: tuple[str, ...] | None, expected: Answer) -> None:
    trigger = Trigger("train", When(tag_names=names), TARGET, paths=("never",))
    assert on_tag([trigger], Tagged(RefName("refs/tags/v1"), "v1", A))[0].answer is expected


def test_only_new_tags_that_are_there_are_events() -> None:
    ref = RefName("refs/tags/v1")
    assert tag_of(Observation(1, ref, B, A, False)) == Tagged(ref, "v1", B)
    assert tag_of(Observation(1, ref, B, None, True)) is None
    assert tag_of(Observation(1, ref, None, A, False)) is None
    assert tag_of(Observation(1, RefName("refs/heads/v1"), B, None, False)) is None


def test_the_commits_between_are_superseded_or_run_by_the_same_filter() -> None:
    push = Push(RefName("refs/heads/main"), "main", B, None, (A,))
    when = When(push=PushRule(("main",)))
    head = Trigger("head", when, TARGET, paths=("data",))
    each = Trigger("each", when, TARGET, paths=("data",), every_commit=True)
    other = Trigger("other", When(push=PushRule(("release",))), TARGET)
    answers = {
        decision.trigger.name: decision
        for decision in on_between([head, each, other], push, "", frozenset({"data/a"}))
    }
    assert answers["head"] == Decision(head, Answer.SKIPPED, "superseded by bbbbbbb")
    assert answers["each"].answer is Answer.FIRES
    assert answers["other"].answer is Answer.SILENT
    assert on_between([each], push, "", frozenset({"README"}))[0].reason.startswith("not affected")
    assert on_between([each], push, "[no ci]", None)[0].reason.startswith("skipped by [no ci]")


def test_a_run_keeps_what_its_trigger_said_as_json() -> None:
    trigger = Trigger(
        "train",
        When(),
        Target(
            "step",
            "train",
            {"day": date(2030, 1, 2), "x": float("nan"), "n": [1, None]},
            {"data": ("a", "b")},
        ),
        concurrency=Concurrency("{ref}", "all"),
        expect=(Expectation("accuracy > 0", None, "accuracy", ">", "0"),),
        required=False,
    )
    kept = rule(trigger)
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    assert kept == {
        "target": {
            "kind": "step",
            "name": "train",
            "parameters": {"day": "2030-01-02", "x": "nan", "n": [1, None]},
            "inputs": {"data": ["a", "b"]},
            "environment": None,
        },
        "expect": ["accuracy > 0"],
        "required": False,
        "concurrency": {"group": "{ref}", "replace": "all"},
    }


def test_keys_fit_the_ledger_and_stay_different() -> None:
    long = [
        pull_request(base_ref=f"{'x' * 240}{end}", head=Sha("c" * 64), base=Sha("d" * 64)) for end in "ab"
    ]
    assert long[0].key != long[1].key
    assert all(len(event.key) <= 300 for event in long)
    assert clip("v1") == "v1"
    assert len(clip("x" * 500)) == LONGEST


def test_tags_and_schedules_have_checks_of_their_own() -> None:
    assert context("luotsi", "train", "", "tag") == "luotsi/train (tag)"
    assert context("luotsi", "train", "eu", "schedule") == "luotsi/eu:train (schedule)"
    assert (
        context("luotsi", "train", "", "comment") == context("luotsi", "train", "", "push") == "luotsi/train"
    )
