"""A check or status as GitHub takes it: words, limits, and what is new since the last word. No I/O.

Checks: https://docs.github.com/rest/checks/runs; statuses: https://docs.github.com/rest/commits/statuses.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from forges.port import Annotation, Check, CheckState
from schemas import codec

BATCH = 50
"""Annotations of one call."""
MOST_REMARKS = 250
"""Annotations that are sent at all: more calls than these are better kept for other checks' final words."""
LONGEST_TEXT = 65_535
"""Of a summary, a text and an annotation's message. GitHub says characters of the first two and KB of the third: bytes
are safe for both."""
LONGEST_TITLE = 255
LONGEST_DESCRIPTION = 140
MOST_ACTIONS = 3
CUT = "\n\n… (cut here: GitHub takes no more)"

_CONCLUSIONS: dict[CheckState, str] = {
    "success": "success",
    "failure": "failure",
    "error": "failure",  # GitHub has no other word for it; the title says that it was no fault of the commit
    "neutral": "neutral",
    "cancelled": "cancelled",
    "action-required": "action_required",
}


def digest(value: object) -> str:
    """Of a dataclass or JSON value: equal digests, equal words."""
    return hashlib.sha256(codec.write(value)).hexdigest() if value else ""


def final(state: CheckState) -> bool:
    """If GitHub shows it as completed."""
    return state in _CONCLUSIONS


def body(check: Check, remarks: Sequence[Annotation] = ()) -> dict[str, Any]:
    """The check as a request, with at most `BATCH` of its annotations: GitHub appends them to those that are there."""
    output = {
        "title": line(check.title, LONGEST_TITLE) or check.context,
        "summary": cut(check.summary) or line(check.title, LONGEST_TITLE) or check.context,
    }
    if check.text:
        output["text"] = cut(check.text)
    wanted: dict[str, Any] = {
        "name": check.context,
        "output": output | ({"annotations": [annotation(one) for one in remarks[:BATCH]]} if remarks else {}),
        "actions": [
            {
                "label": line(action.label, 20),
                "description": line(action.description, 40),
                "identifier": action.identifier[:20],
            }
            for action in check.actions[:MOST_ACTIONS]
        ],
    }
    optional = {
        "details_url": check.url,
        "external_id": check.external_id,
        "started_at": moment(check.started_at),
        "completed_at": moment(check.finished_at) if final(check.state) else "",
    }
    return wanted | _state(check.state) | {key: value for key, value in optional.items() if value}


def word(state: CheckState) -> str:
    """What GitHub shows a state as: its conclusion, or its status while there is none."""
    shown = _state(state)
    return shown.get("conclusion", shown["status"])


def _state(state: CheckState) -> dict[str, str]:
    if state in _CONCLUSIONS:
        return {"status": "completed", "conclusion": _CONCLUSIONS[state]}
    return {"status": "queued" if state == "waiting" else "in_progress"}


def annotation(one: Annotation) -> dict[str, Any]:
    """A remark. Columns only where it begins and ends on one line, as GitHub wants it."""
    first = max(1, one.line)
    last = max(first, one.end_line)
    made: dict[str, Any] = {
        "path": one.path,
        "start_line": first,
        "end_line": last,
        "annotation_level": one.level,
        "message": cut(one.message) or "(no words)",
    }
    if one.title:
        made["title"] = short(one.title)
    if one.column > 0 and first == last:
        made |= {"start_column": one.column, "end_column": one.column}
    return made


def cut(text: str) -> str:
    """Text of at most `LONGEST_TEXT` bytes of UTF-8; where something is missing, the end says so."""
    data = text.encode("utf-8", "replace")
    if len(data) <= LONGEST_TEXT:
        return data.decode()
    return data[: LONGEST_TEXT - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def line(text: str, limit: int) -> str:
    """One line of at most `limit` characters."""
    words = " ".join(text.split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def short(text: str) -> str:
    """A title: one line of at most `LONGEST_TITLE` bytes of UTF-8."""
    words = line(text, LONGEST_TITLE)
    data = words.encode("utf-8", "replace")
    return words if len(data) <= LONGEST_TITLE else data[: LONGEST_TITLE - 3].decode("utf-8", "ignore") + "…"


def moment(text: str) -> str:
    """`2030-01-02T03:04:05.678901+00:00` as GitHub spells it, `2030-01-02T03:04:05Z`."""
    return f"{text[:19]}Z" if text else ""
