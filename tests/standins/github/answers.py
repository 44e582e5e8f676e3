"""Answers, pages of lists, and refusals in GitHub's words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

DOCS = "https://docs.github.com/rest"


@dataclass
class Answer:
    """`body` is JSON; None for none."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """A list that is answered in pages: `view` makes the JSON of the items that are shown; `wrap` names the list's field."""

    items: Sequence[Any]
    view: Callable[[Any], Any]
    wrap: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    """Fields beside a wrapped list."""


class Refusal(Exception):
    """Ends a call with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.body}")
        self.answer = answer


def error(
    status: int,
    message: str,
    errors: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    body: dict[str, Any] = {"message": message, "documentation_url": DOCS, "status": str(status)}
    if errors is not None:
        body["errors"] = errors
    return Answer(status, body, headers or {})


def refused(status: int, message: str, errors: list[dict[str, Any]] | None = None) -> Refusal:
    return Refusal(error(status, message, errors))


def not_found() -> Refusal:
    return refused(404, "Not Found")


def invalid(resource: str, field: str, code: str, message: str = "") -> Refusal:
    """A 422 as the documentation's "Validation failed" section describes it."""
    told = {"resource": resource, "field": field, "code": code}
    return refused(422, "Validation Failed", [{**told, "message": message} if message else told])
