"""Lists in pages, with the `Link` header of the documentation's page "Using pagination in the REST API"."""

import base64
from typing import Any
from urllib.parse import urlencode

from tests.standins.github.answers import Answer, Page, refused

MOST = 100
USUAL = 30


def numbered(page: Page, query: dict[str, Any], address: str) -> Answer:
    """The page that `page` and `per_page` ask for."""
    size = min(max(query.get("per_page", USUAL), 1), MOST)
    number = max(query.get("page", 1), 1)
    last = max((len(page.items) + size - 1) // size, 1)
    shown = [page.view(one) for one in page.items[(number - 1) * size : number * size]]
    ways = []
    if number > 1:
        ways.append(("prev", min(number - 1, last)))
    if number < last:
        ways += [("next", number + 1), ("last", last)]
    if number > 1:
        ways.append(("first", 1))
    links = ", ".join(f'<{_at(address, query, page=to)}>; rel="{name}"' for name, to in ways)
    body: Any = shown
    if page.wrap:
        body = {"total_count": len(page.items), **page.more, page.wrap: shown}
    return Answer(200, body, {"Link": links} if links else {})


def by_cursor(page: Page, query: dict[str, Any], address: str) -> Answer:
    """Deliveries: newest first, and a cursor instead of a number, which stays right while others come."""
    size = min(max(query.get("per_page", USUAL), 1), MOST)
    items = list(page.items)
    cursor = query.get("cursor")
    if cursor is not None:
        kind, _, id = str(cursor).partition("_")
        if kind != "v1" or not id.isdigit():
            raise refused(400, "Invalid cursor")
        items = [one for one in items if one.id <= int(id)]
    shown, rest = items[:size], items[size:]
    headers = {}
    if rest:
        headers["Link"] = f'<{_at(address, query, cursor=f"v1_{rest[0].id}")}>; rel="next"'
    return Answer(200, [page.view(one) for one in shown], headers)


def by_neighbour(page: Page, query: dict[str, Any], address: str) -> Answer:
    """Activities: `after` and `before` are opaque words of the `Link` header, for what follows or precedes an entry."""
    size = min(max(query.get("per_page", USUAL), 1), MOST)
    items = list(page.items)
    begin, end = 0, len(items)
    for place, one in enumerate(items):
        if query.get("after") == _word(one):
            begin = place + 1
        if query.get("before") == _word(one):
            end = place
            begin = max(0, end - size)
    shown = items[begin:end][:size]
    rest = {name: value for name, value in query.items() if name not in ("after", "before")}
    ways = []
    if shown and begin + len(shown) < len(items):
        ways.append(f'<{_at(address, rest, after=_word(shown[-1]))}>; rel="next"')
    if shown and begin:
        ways.append(f'<{_at(address, rest, before=_word(shown[0]))}>; rel="prev"')
    return Answer(200, [page.view(one) for one in shown], {"Link": ", ".join(ways)} if ways else {})


def _word(one: Any) -> str:
    return base64.urlsafe_b64encode(f"activity:{one.id}".encode()).decode()


def _at(address: str, query: dict[str, Any], **more: Any) -> str:
    words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
    return f"{address}?{urlencode({**words, **more}, doseq=True)}"
