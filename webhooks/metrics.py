"""`GET /metrics`: what waits, what runs and how deliveries were answered, in Prometheus' text format, version 0.0.4
(https://prometheus.io/docs/instrumenting/exposition_formats/). Labels are words of ours: no name that anybody chose.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response

from ledger import gauges
from ledger.gauges import Gauges, Waiting
from webhooks.parts import Answers, WebParts

TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTED = 60.0
"""Seconds between two counts of all commits."""

Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One name with its samples: (labels, value)."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


class Metrics:
    """The route. Asks nothing but the ledger, and Redis for the counts, whose absence is itself told."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._coverage, self._counted = 1.0, -COUNTED

    def route(self, blueprint: Blueprint) -> None:
        """Register it."""
        blueprint.add_url_rule("/metrics", "metrics", self.show, methods=["GET"])

    def show(self) -> Response:
        """All metrics, as of now."""
        with self._parts.ledger.read() as connection:
            found = gauges.read(connection)
            if time.monotonic() - self._counted >= COUNTED:
                self._coverage, self._counted = gauges.coverage(connection), time.monotonic()
        metrics = (*_of_ledger(found, self._parts.clock()), *_of_answers(self._parts.answers()))
        coverage = Metric(
            "luotsi_coverage_ratio",
            "gauge",
            "Commits with a verdict over commits that came into view or that the forge named.",
            (({}, self._coverage),),
        )
        return Response(
            written((coverage, *metrics)), content_type=TYPE, headers={"Cache-Control": "no-store"}
        )


def written(metrics: Iterable[Metric]) -> str:
    """The text. A metric without samples is left out."""
    lines: list[str] = []
    for metric in metrics:
        if metric.samples:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, value in metric.samples:
            told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{metric.name}{{{told}}} {value:.15g}" if told else f"{metric.name} {value:.15g}")
    return "\n".join(lines) + "\n"


def _of_ledger(found: Gauges, now: datetime) -> Iterator[Metric]:
    queues = {
        "inbox": found.inbox,
        "statuses": found.statuses,
        "replies": found.replies,
        "verdicts": found.unjudged,
    }
    yield Metric(
        "luotsi_waiting",
        "gauge",
        "Rows that wait: deliveries and verbs, words for forges, answers to comments, commits without a verdict.",
        tuple(({"queue": name}, waiting.count) for name, waiting in queues.items()),
    )
    yield Metric(
        "luotsi_waiting_seconds",
        "gauge",
        "For how long the oldest of them has waited; 0 where nothing waits.",
        tuple(({"queue": name}, _age(waiting, now)) for name, waiting in queues.items()),
    )
    yield Metric("luotsi_runs", "gauge", "Runs that are not over.", _by_state(found.runs))
    yield Metric("luotsi_executions", "gauge", "Executions that are not over.", _by_state(found.executions))
    yield Metric("luotsi_repositories", "gauge", "Repositories that are watched.", (({}, found.watched),))
    yield Metric(
        "luotsi_repositories_in_trouble",
        "gauge",
        "Of them, those whose last look failed.",
        (({}, found.troubled),),
    )
    if found.looked_at is not None:
        yield Metric(
            "luotsi_look_seconds",
            "gauge",
            "Time since the last look at the repository that was looked at longest ago.",
            (({}, max((now - found.looked_at).total_seconds(), 0)),),
        )


def _of_answers(answers: Answers | None) -> Iterator[Metric]:
    yield Metric("luotsi_redis_up", "gauge", "Whether Redis answers.", (({}, answers is not None),))
    yield Metric(
        "luotsi_deliveries_total",
        "counter",
        "Deliveries by route and by the status of their answer.",
        tuple(
            ({"route": route, "status": str(status)}, count)
            for (route, status), count in sorted((answers or {}).items())
        ),
    )


def _by_state(counts: Mapping[str, int]) -> tuple[Sample, ...]:
    return tuple(({"state": state}, count) for state, count in sorted(counts.items()))


def _age(waiting: Waiting, now: datetime) -> float:
    return 0 if waiting.oldest is None else max((now - waiting.oldest).total_seconds(), 0)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
