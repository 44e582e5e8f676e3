"""Reading JSON that others wrote: every value is of the kind that GitHub describes, of a bounded size, or `Refused`.

Free text is cut and cleaned instead: a title may hold anything, and must not keep a delivery from being heard.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.codec import ShaText
from schemas.errors import Refused
from schemas.moments import to_text

LONGEST_REF = 500
LONGEST_URL = 2000
LARGEST_ID = 2**63 - 1

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# git's own rules (git-check-ref-format) for the characters of a ref's name, and nothing that UTF-8 cannot spell.
_REF = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]+")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_LOGIN = re.compile(r"[A-Za-z0-9_.-]{1,100}(\[bot\])?")
_WORD = re.compile(r"[a-z0-9_.-]{1,100}")
_URL = re.compile(r"https?://[!-~]+")
_UNKEEPABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

Object = Mapping[str, Any]


class NotDescribed(Refused):
    """A value is not what GitHub describes."""


def json_of(body: bytes, what: str) -> Any:
    """The value of a JSON text. Raises `Refused`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotDescribed(f"{what} is not JSON") from error


def an_object(value: Any, what: str) -> Object:
    """The value, if it is a JSON object."""
    if not isinstance(value, dict):
        raise NotDescribed(f"{what} is not a JSON object")
    return value


def part(value: Object, key: str) -> Object:
    """The object below a key."""
    return an_object(value.get(key), key)


def maybe_part(value: Object, key: str) -> Object | None:
    """The object below a key, which may be null or missing."""
    return None if value.get(key) is None else part(value, key)


def a_list(value: Any, what: str) -> list[Any]:
    """The value, if it is a JSON array."""
    if not isinstance(value, list):
        raise NotDescribed(f"{what} is not a list")
    return value


def flag(value: Object, key: str, default: bool = False) -> bool:
    """A truth below a key that may be missing."""
    found = value.get(key, default)
    if not isinstance(found, bool):
        raise NotDescribed(f"{key} is neither true nor false")
    return found


def number(value: Object, key: str) -> int:
    """A number that counts something, from 1."""
    found = value.get(key)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= LARGEST_ID:
        raise NotDescribed(f"{key} is not a positive whole number")
    return found


def count(value: Object, key: str) -> int:
    """How many there are, from 0."""
    return 0 if value.get(key) == 0 else number(value, key)


def identity(value: Object, key: str = "id") -> str:
    """GitHub's numeric id, as text."""
    return str(number(value, key))


def matching(value: Object, key: str, pattern: re.Pattern[str], what: str, limit: int = 200) -> str:
    """Text below a key that is `what` the pattern describes."""
    found = value.get(key)
    if not isinstance(found, str) or len(found) > limit or not pattern.fullmatch(found):
        raise NotDescribed(f"{key} is not {what}")
    return found


def word(value: Object, key: str) -> str:
    """One of GitHub's own words: an action, a state, an event."""
    return matching(value, key, _WORD, "a word")


def sha(value: Object, key: str) -> ShaText:
    """A full object id."""
    return matching(value, key, _SHA, "the full id of a commit")


def ref(value: Object, key: str) -> str:
    """A ref's or branch's name, as git allows it."""
    return matching(value, key, _REF, "the name of a ref", LONGEST_REF)


def full_ref(value: Object, key: str) -> str:
    """A ref's full name."""
    found = ref(value, key)
    if not found.startswith("refs/"):
        raise NotDescribed(f"{key} is not the full name of a ref")
    return found


def full_name(value: Object, key: str = "full_name") -> str:
    """`owner/name` of a repository: safe as a part of a URL."""
    found = matching(value, key, _NAME, "owner/name of a repository", 201)
    if not named(found):
        raise NotDescribed(f"{key} is not owner/name of a repository")
    return found


def named(text: str) -> bool:
    """If this is `owner/name` of a repository."""
    return bool(_NAME.fullmatch(text)) and not {".", ".."} & set(text.split("/"))


def login(value: Object, key: str = "login") -> str:
    """An account's name of today."""
    return matching(value, key, _LOGIN, "the login of an account")


def url(value: Object, key: str) -> str:
    """An address of the web, or nothing."""
    if value.get(key) is None:
        return ""
    return matching(value, key, _URL, "an address", LONGEST_URL)


def free(value: Object, key: str, limit: int) -> str:
    """What people wrote: cut to `limit` characters, without what a database cannot keep; null and missing are empty."""
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise NotDescribed(f"{key} is not text")
    return _UNKEEPABLE.sub("\ufffd", found[:limit])


def moment(value: Object, key: str) -> str:
    """A moment of GitHub's (`2030-01-02T03:04:05Z`) as ours are spelt."""
    found = value.get(key)
    if not isinstance(found, str) or len(found) > 40:
        raise NotDescribed(f"{key} is not a moment")
    try:
        return to_text(datetime.fromisoformat(found))
    except (ValueError, OverflowError) as error:
        raise NotDescribed(f"{key} is not a moment") from error
