"""The dashboard as a Flask blueprint: every route in one table, all of them GET, and none that changes anything."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, url_for
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response as AnyResponse

from dashboard import answers, faults, templating
from dashboard.answers import Answer
from dashboard.parts import DashboardParts
from dashboard.views import (
    agents,
    commits,
    data,
    deployments,
    executions,
    files,
    home,
    logs,
    promotions,
    repositories,
    runs,
    search,
    status,
    tasks,
)

_HERE = Path(__file__).parent

PageView = Callable[..., Answer | AnyResponse]
StreamView = Callable[..., AnyResponse]

PAGES: Mapping[str, tuple[str, PageView]] = {
    "home": ("/", home.home),
    "commits": ("/commits", commits.listing),
    "runs": ("/runs", runs.listing),
    "executions": ("/executions", executions.listing),
    "promotions": ("/promotions", promotions.listing),
    "agents": ("/agents", agents.listing),
    "repositories": ("/repositories", repositories.listing),
    "search": ("/search", search.search),
    "repository": ("/r/<path:repository>", repositories.one),
    "repository_commits": ("/r/<path:repository>/commits", commits.listing),
    "commit": ("/r/<path:repository>/commit/<sha:sha>", commits.one),
    "repository_runs": ("/r/<path:repository>/runs", runs.listing),
    "run": ("/r/<path:repository>/run/<id:run>", runs.one),
    "repository_executions": ("/r/<path:repository>/executions", executions.listing),
    "execution": ("/r/<path:repository>/executions/<int:number>", executions.one),
    "log": ("/r/<path:repository>/executions/<int:number>/log", logs.page),
    "deployments": ("/r/<path:repository>/deployments", deployments.listing),
    "data": ("/r/<path:repository>/data", data.listing),
    "task": ("/r/<path:repository>/tasks/<int:number>", tasks.one),
}
"""Endpoint -> rule and view. Each page has a JSON twin at the same address with `.json` (`/home.json` for the first)."""

STREAMS: Mapping[str, tuple[str, StreamView]] = {
    "log_text": ("/r/<path:repository>/executions/<int:number>/log.txt", logs.text),
    "log_events": ("/r/<path:repository>/executions/<int:number>/log/events", logs.events),
    "metrics_csv": ("/r/<path:repository>/executions/<int:number>/metrics.csv", executions.csv),
    "metric_svg": ("/r/<path:repository>/executions/<int:number>/metric.svg", executions.svg),
    "output": ("/r/<path:repository>/executions/<int:number>/outputs/<id:output>", files.download),
    "picture": ("/r/<path:repository>/executions/<int:number>/outputs/<id:output>/picture", files.picture),
    "pipeline": ("/r/<path:repository>/pipelines/<int:number>", runs.pipeline),
    "status": ("/status", status.status),
}
"""Endpoint -> rule and view of what is no page: files, streams, ways to one, and the health check."""


class _Sha(BaseConverter):
    regex = "[0-9a-f]{40}(?:[0-9a-f]{24})?"


class _Id(BaseConverter):
    regex = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def blueprint(parts: DashboardParts) -> Blueprint:
    """All of the dashboard, to be registered at the top of a Flask application. It reads; it never writes.

    Addresses that no route has, and methods other than GET and HEAD, are answered as pages too, except below the
    prefixes of `dashboard.faults.MACHINES`, which belong to other rooms of the same application.
    """
    made = Blueprint(
        "dashboard", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
    )
    made.record_once(lambda setup: setup.app.url_map.converters.update({"sha": _Sha, "id": _Id}))
    for endpoint, (rule, view) in PAGES.items():
        twin = "/home.json" if rule == "/" else rule + ".json"
        made.add_url_rule(rule, endpoint, _page(parts, view, as_json=False), methods=["GET"])
        made.add_url_rule(twin, endpoint + "_json", _page(parts, view, as_json=True), methods=["GET"])
    for endpoint, (rule, stream) in STREAMS.items():
        made.add_url_rule(rule, endpoint, _bound(parts, stream), methods=["GET"])
    made.after_request(answers.finish)
    templating.install(made, parts, _static(_versions()))
    faults.install(made, parts)
    return made


def _page(parts: DashboardParts, view: PageView, as_json: bool) -> Callable[..., AnyResponse]:
    def answer(**names: Any) -> AnyResponse:
        found = view(parts, **names)
        return answers.respond(found, parts.now(), as_json) if isinstance(found, Answer) else found

    return answer


def _bound(parts: DashboardParts, view: StreamView) -> Callable[..., AnyResponse]:
    def answer(**names: Any) -> AnyResponse:
        return view(parts, **names)

    return answer


def _versions() -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in (_HERE / "static").iterdir()
    }


def _static(versions: Mapping[str, str]) -> Callable[[str], str]:
    """Addresses of our own files, which change when the files do, so that a browser may keep them."""
    return lambda name: url_for("dashboard.static", filename=name, v=versions[name])
