"""Which tags count. Row 11 of the threats: a moved or remade tag changes nothing and is seen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.core.serving.promote import (
    Accepted,
    Decision,
    Facts,
    Ignored,
    RefusedTag,
    Tag,
    Waits,
    accept,
    judge,
    registry_state,
)

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
ONE, TWO = "1" * 40, "2" * 40


def tag(name: str, target: str = ONE, minutes: float = -60, identity: str = "a") -> Tag:
    return Tag(name, identity * 40, target, annotated=True, tagged_at=NOW + timedelta(minutes=minutes))


def reason(decision: Decision) -> str:
    assert isinstance(decision, RefusedTag)
    return decision.reason


def test_an_annotated_tag_counts() -> None:
    decision = accept(tag("churn@v1.0.0"), Facts(), NOW)
    assert isinstance(decision, Accepted)
    assert (decision.parsed.model, decision.parsed.version) == ("churn", "v1.0.0")


@pytest.mark.parametrize("name", ["v1.0.0", "release-7", "churn@created", "churn@created#3"])
def test_other_tags_are_left_alone(name: str) -> None:
    assert isinstance(accept(tag(name), Facts(), NOW), Ignored)


def test_a_lightweight_tag_is_refused_with_advice() -> None:
    light = replace(tag("churn@v1.0.0"), annotated=False, tagged_at=None)
    assert "git tag -a" in reason(accept(light, Facts(), NOW))


def test_a_tag_without_a_date_is_refused() -> None:
    assert "no tagger's date" in reason(accept(replace(tag("churn@v1.0.0"), tagged_at=None), Facts(), NOW))


def test_five_minutes_ahead_are_allowed_and_not_a_second_more() -> None:
    assert isinstance(accept(tag("churn@v1.0.0", minutes=5), Facts(), NOW), Accepted)
    late = replace(tag("churn@v1.0.0"), tagged_at=NOW + timedelta(minutes=5, seconds=1))
    assert "5 min ahead" in reason(accept(late, Facts(), NOW))
    assert "3 d ahead" in reason(accept(tag("churn@v1.0.0", minutes=3 * 24 * 60), Facts(), NOW))


def test_two_versions_on_one_commit_are_refused() -> None:
    facts = Facts(accepted=(tag("churn@v1.0.0"),))
    assert "1111111 is already v1.0.0 of churn" in reason(accept(tag("churn@v1.1.0"), facts, NOW))
    assert isinstance(accept(tag("other@v1.1.0"), facts, NOW), Accepted)
    assert isinstance(accept(tag("churn@v1.1.0", TWO), facts, NOW), Accepted)


def test_one_version_on_two_commits_is_refused() -> None:
    facts = Facts(accepted=(tag("churn@v1.0.0"),))
    assert "belongs to 1111111. A version never changes" in reason(
        accept(tag("churn@v1.0.0#2", TWO), facts, NOW)
    )
    assert "To undo it, tag 1111111" in reason(accept(tag("churn@v1.0.0!#2", TWO), facts, NOW))
    assert isinstance(accept(tag("churn@v1.0.0!#2"), facts, NOW), Accepted)
    assert isinstance(accept(tag("churn@v1.0.0#3"), facts, NOW), Accepted)


def test_tags_seen_together_are_judged_in_the_order_of_their_dates() -> None:
    later, earlier = tag("churn@v1.0.0", ONE, -10), tag("churn@v1.0.0#2", TWO, -20)
    decisions = dict(judge([later, earlier], Facts(), NOW))
    assert isinstance(decisions[earlier], Accepted)
    assert isinstance(decisions[later], RefusedTag)


@pytest.mark.parametrize("target", [ONE, TWO])
def test_a_moved_or_remade_tag_raises_an_alarm_and_changes_nothing(target: str) -> None:
    version, prod = tag("churn@v1.0.0", ONE, -50), tag("churn#prod#7", ONE, -40)
    facts = Facts(accepted=(version, prod))
    moved = accept(tag("churn#prod#7", target, -1, identity="b"), facts, NOW)
    assert isinstance(moved, RefusedTag)
    assert moved.alarm
    assert "`churn#prod#8`" in moved.reason, (
        "it is copied from checks, where only code has nothing invisible in it"
    )
    assert registry_state(facts.accepted)["churn"].stages["prod"].version.target == ONE


def test_the_same_tag_object_again_is_the_same_answer() -> None:
    prod = tag("churn#prod#7")
    assert isinstance(accept(prod, Facts(accepted=(prod,)), NOW + timedelta(days=400)), Accepted)


def test_a_refused_name_may_be_used_again_properly() -> None:
    ahead, proper = tag("churn@v1.0.0", minutes=60), tag("churn@v1.0.0", TWO, identity="b")
    facts = Facts()
    assert isinstance(accept(ahead, facts, NOW), RefusedTag)
    assert isinstance(accept(proper, facts, NOW), Accepted)


def test_a_stage_outside_the_allowed_ones_is_refused() -> None:
    facts = Facts(stages=frozenset({"prod", "dev"}))
    assert (
        reason(accept(tag("churn#live#1"), facts, NOW))
        == "live is not among the repository's stages (dev, prod)."
    )
    assert isinstance(accept(tag("churn#prod#1"), facts, NOW), Accepted)
    assert isinstance(accept(tag("churn@v1.0.0"), facts, NOW), Accepted)


def test_a_commit_on_no_protected_branch_waits() -> None:
    decision = accept(tag("churn#prod#1"), Facts(protected=False), NOW)
    assert isinstance(decision, Waits)
    assert "not reachable from a protected branch" in decision.reason


def test_names_that_the_ledger_cannot_hold_are_refused() -> None:
    assert "at most 200" in reason(accept(tag("m" * 201 + "#prod"), Facts(), NOW))
    assert "at most 100" in reason(accept(tag("churn@v1.0.0-" + "a" * 100), Facts(), NOW))
