"""The linter is on the lowest floor and may not ask those who run things; here both are asked."""

from agent.sources import SCHEMES
from controller.core import plan
from controller.core.pipelines import actions
from controller.core.tasks import expand, variants
from schemas.checks import amounts, pipelines, sources, tasks
from schemas.conditions import MAX_DEPTH, holds


def test_addresses_that_the_linter_knows_are_those_that_can_be_read() -> None:
    read_at_planning = {scheme.removesuffix("://") for scheme in plan.PLATFORM}
    assert set(sources.ADDRESSES) == set(SCHEMES) | read_at_planning
    assert {scheme.removesuffix("://") for scheme in plan.SCHEMES} == set(SCHEMES)


def test_actions_and_engines_are_the_same() -> None:
    assert set(pipelines.THENS) == set(actions.THENS)
    assert set(tasks.ENGINES) == set(expand.ENGINES)
    assert (amounts.MOST, amounts.TOLERANCE) == (variants.LIMIT, variants.TOLERANCE)


def test_what_the_linter_calls_never_true_is_never_true() -> None:
    known = {"lambda": 2, "val-loss": 0.1, "loss": 0.1}
    for text in ("lambda > 1", "max(loss) < 1", "metadata.val-loss < 1"):
        assert not holds(text, known, {})
    assert holds("loss < 1", known, {})
    assert MAX_DEPTH == 8, "the official linter's depth"
