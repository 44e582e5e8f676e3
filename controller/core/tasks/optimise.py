"""Bayesian search: what to try next, given what came of all trials so far. The only file that knows optuna.

Nothing is kept between two calls. The study is filled again from the trials, and the sampler's seed follows from the task's
and from how many trials there were: the same trials give the same next round, whatever process asks.
"""

import hashlib
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

STARTUP = 20
"""Trials at random before the search learns from them; of a short task at most the first half."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What an execution tried, and the metric that came of it; None: it failed, or printed no number."""

    values: Mapping[str, Any]
    metric: float | None


def ask(plan: Mapping[str, Any], trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The values of the next round: `batch` of them, fewer when the task's count is reached."""
    # It takes a second to import, and most installations never ask.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    count = min(plan["batch"], plan["count"] - len(trials))
    space = {name: _distribution(each) for name, each in plan["space"].items()}
    seed = hashlib.sha256(f"{plan['seed']}/{len(trials)}".encode()).digest()
    with warnings.catch_warnings():
        # `constant_liar`, which keeps the trials of one round apart, is called experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=int.from_bytes(seed[:4]),
            n_startup_trials=min(STARTUP, math.ceil(plan["count"] / 2)),
            constant_liar=True,
        )
    sought = plan["target"]["value"]
    study = optuna.create_study(sampler=sampler, direction="maximize" if sought is None else "minimize")
    for trial in trials:
        failed = trial.metric is None
        objective = trial.metric if sought is None or failed else abs(trial.metric - sought)
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE,
                value=objective,
                params={name: _inner(plan["space"][name], trial.values[name]) for name in space},
                distributions=dict(space),
            )
        )
    return [_values(plan["space"], study.ask(fixed_distributions=dict(space)).params) for _ in range(count)]


def _distribution(each: Mapping[str, Any]) -> "BaseDistribution":
    from optuna import distributions

    if each["kind"] == "choice":
        return distributions.CategoricalDistribution(range(len(each["items"])))
    if each["kind"] == "int":
        return distributions.IntDistribution(each["low"], each["high"], each["log"], each["step"] or 1)
    step = None if each["log"] else each["step"]
    return distributions.FloatDistribution(each["low"], each["high"], each["log"], step)


def _inner(each: Mapping[str, Any], value: Any) -> Any:
    """A value as the study knows it: choices by their place, since 1, 1.0 and true are equal in Python."""
    if each["kind"] != "choice":
        return value
    return next(at for at, item in enumerate(each["items"]) if item == value and type(item) is type(value))


def _values(space: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: each["items"][chosen[name]] if each["kind"] == "choice" else chosen[name]
        for name, each in space.items()
    }
