"""The one comment that says below a pull request what its checks say, at a forge where they cannot say it themselves. Pure."""

from collections.abc import Sequence

from controller.core.checks import markdown
from forges.port import Check, CheckState
from schemas.values import short
from schemas.words import sentence

MOST = 60_000
"""Characters: forges take 65,536 of a comment, and a mark of ours follows."""

_SIGNS: dict[CheckState, str] = {
    "waiting": "○",
    "running": "◔",
    "success": "✓",
    "failure": "✗",
    "error": "⚠",
    "neutral": "–",
    "cancelled": "■",
    "action-required": "✋",
}
_OPEN = ("failure", "error", "action-required")
"""What somebody has to read: it is not folded away."""


def text(head: str, checks: Sequence[Check]) -> str:
    """The comment for the checks of a pull request's head. Those that need somebody come first, the others are folded."""
    ordered = sorted(checks, key=lambda one: (one.state not in _OPEN, one.context))
    whole = _joined(head, ordered, details=True)
    return whole if len(whole) <= MOST else markdown.clip(_joined(head, ordered, details=False), MOST)


def _joined(head: str, checks: Sequence[Check], details: bool) -> str:
    said: set[str] = set()
    parts = [f"### Luotsi at {short(head)}", *(_one(check, details, said) for check in checks)]
    return markdown.joined(parts)


def _one(check: Check, details: bool, said: set[str]) -> str:
    """A check. `said`: paragraphs on what a person has to do, which checks of one commit share and which are said once."""
    name = markdown.code_link(check.context, check.url) if check.url else markdown.code(check.context)
    line = f"{_SIGNS[check.state]} **{name}** {markdown.prose(check.title)}"
    if not details or not check.summary or _repeats(check):
        return line
    if check.state == "action-required":
        own = [part for part in check.summary.split("\n\n") if part not in said]
        said.update(own)
        return markdown.joined([line, *own])
    if check.state in _OPEN:
        return f"{line}\n\n{check.summary}"
    return f"{line}\n\n{markdown.folded('More', check.summary)}"


def _repeats(check: Check) -> bool:
    """Whether the summary is the title's words once more."""
    return check.summary.partition("**: ")[2] == sentence(markdown.prose(check.title))
