"""Checks link to pages that are there: every address is one of the dashboard's routes."""

from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.routing import Map

from controller.core.addresses import Pages
from dashboard.app import PAGES, STREAMS, _Id, _Sha

ID = str(uuid4())
ROUTES = {"run", "commit", "execution", "log", "output", "task"}


@pytest.fixture(scope="module")
def routes() -> Map:
    app = Flask("routes")
    app.url_map.converters.update({"sha": _Sha, "id": _Id})
    for endpoint, (rule, _) in {**PAGES, **STREAMS}.items():
        app.add_url_rule(rule, endpoint, lambda: "")
    return app.url_map


@pytest.mark.parametrize("root", ["", "models/eu & co"])
@pytest.mark.parametrize("repository", ["wine", "team/sub group/wine#1"])
def test_every_address_is_a_page_of_the_dashboard(routes: Map, repository: str, root: str) -> None:
    pages = Pages("https://luotsi.example/at", repository, root)
    made: list[tuple[str, str, dict[str, object]]] = [
        ("run", pages.run(ID), {"run": ID}),
        ("commit", pages.commit("a" * 40), {"sha": "a" * 40}),
        ("execution", pages.execution(12, "metrics"), {"number": 12}),
        ("log", pages.log(12), {"number": 12}),
        ("log", pages.log(12, 812), {"number": 12}),
        ("output", pages.output(12, ID), {"number": 12, "output": ID}),
        ("task", pages.task(3), {"number": 3}),
    ]
    assert {name for name, _, _ in made} == ROUTES
    for name, address, named in made:
        parts = urlsplit(address)
        assert (parts.netloc, parts.path[:3]) == ("luotsi.example", "/at")
        adapter = routes.bind("luotsi.example", script_name="/at")
        found, values = adapter.match(unquote(parts.path[3:]))
        assert (found, values) == (name, {"repository": repository, **named})
        query = parse_qs(parts.query)
        assert query.get("root", [""]) == [root] or name in ("run", "commit")
    assert urlsplit(pages.log(12, 812)).fragment == "L812"
