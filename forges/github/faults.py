"""What an answer that is no success means, and what a person can do about it."""

import json
import re
from collections.abc import Mapping

from schemas.errors import Gone, LuotsiError, Refused, Stalled, Waiting

BUSY = 30.0
"""Seconds until another try where GitHub itself failed."""
_LONGEST = 200
_SPACE = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]+")


class NotAccepted(Stalled):
    """401: the token or key does not open the door."""


class Forbidden(Stalled):
    """403: we are known, and may not do this."""


class Unknown(Stalled):
    """404: there is no such thing, or not for this identity. Where nothing is an answer too, it is caught."""


def message(body: bytes) -> str:
    """GitHub's own words in an answer, on one line; empty where it has none. What else the body holds is not shown."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict):
        return ""
    words = [said.get("message")]
    errors = said.get("errors")
    if isinstance(errors, list):
        words += [entry.get("message") if isinstance(entry, dict) else entry for entry in errors[:3]]
    found = [_SPACE.sub(" ", word).strip() for word in words if isinstance(word, str)]
    return "; ".join(word for word in found if word)[:_LONGEST]


def fault(asked: str, status: int, headers: Mapping[str, str], said: str) -> LuotsiError:
    """The error of an answer. `asked` is method and path; `said` is its `message`, without secrets."""
    words = f": {said}" if said else ""
    if status >= 500 or status in (408, 425):
        return Waiting(f"GitHub has trouble ({status} to {asked}){words}", BUSY)
    if status == 401:
        return NotAccepted(
            f"GitHub does not accept who we say we are{words}",
            "Give the forge in the settings a token or a private key that is valid, and see that this machine's clock is right.",
        )
    if status == 403:
        return Forbidden(f"GitHub forbids {asked}{words}", _rights(headers))
    if status in (404, 451):
        return Unknown(
            f"GitHub knows nothing at {asked}, or does not show it to us",
            "Check the repository's name, and that the App is installed there or the token may read it.",
        )
    if status == 410 or (status == 422 and "no commit found" in said.lower()):
        return Gone(f"GitHub has it no more ({asked}){words}")
    return Refused(f"GitHub does not take {asked} ({status}){words}")


def _rights(headers: Mapping[str, str]) -> str:
    """What to do about a 403, as far as GitHub says."""
    sso = re.search(r"url=(https://[!-~]{1,300})", headers.get("x-github-sso", ""))
    if sso:
        return f"Authorise the token for the organisation's single sign-on: {sso[1]}"
    needed = headers.get("x-accepted-github-permissions", "")
    if needed and re.fullmatch(r"[a-z0-9_=,; ]{1,300}", needed):
        return f"It needs one of these permissions: {needed}. An App's new permissions must be accepted where it is installed."
    scopes = headers.get("x-accepted-oauth-scopes", "")
    if scopes and re.fullmatch(r"[a-z0-9_:,; ]{1,300}", scopes):
        return f"The token needs one of these scopes: {scopes}."
    return "Give the App or the token the right to do it; `luotsi doctor` says which rights are missing."
