"""Every key of every object, spelled once. A key is made here and nowhere else.

Segments are percent-encoded (RFC 3986 unreserved characters stay), so that no name of a person's making is special to
a file system, a URL or a shell. The encoding is for safety, not for reading back: the true name is in the result.
"""

import hashlib
import re
from urllib.parse import quote

from schemas.errors import Refused

LONGEST_SEGMENT = 200
"""Characters of one segment; file systems take 255 bytes."""

LONGEST_NAME = 700
"""Characters of an output's encoded name; S3 takes 1024 bytes for a whole key."""

LONGEST_KEY = 1024

_KEY = re.compile(r"(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})+(?:/(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})+)*")
_SPECIAL = {"": "%2F", ".": "%2E", "..": "%2E%2E"}


def code(repository: str, sha: str) -> str:
    """The snapshot of a commit: a tar in zstd."""
    return _join("code", repository, f"{sha}.tar.zst")


def log(execution: str, attempt: int) -> str:
    """The final log of an attempt: JSON lines in zstd."""
    return _join("logs", execution, str(attempt), "log.jsonl.zst")


def output(execution: str, attempt: int, datum: str, name: str) -> str:
    """One output file. `name` is its path below the outputs directory; its folders stay folders.

    A name whose encoding is longer than `LONGEST_NAME` keeps its last segment only: the datum alone makes it unique.
    """
    segments = [segment(part) for part in name.split("/")]
    if len("/".join(segments)) > LONGEST_NAME:
        segments = segments[-1:]
    return "/".join((_join("outputs", execution, str(attempt), datum), *segments))


def result(execution: str, attempt: int) -> str:
    """The result of an attempt: written last, once, and only when absent."""
    return _join("results", execution, f"{attempt}.json")


def record(repository: str, kind: str, identifier: str) -> str:
    """A fact of the ledger that cannot be computed again."""
    return _join("records", repository, kind, f"{identifier}.json")


def written_by(execution: str, attempt: int) -> dict[str, tuple[str, ...]]:
    """What an attempt may write, by store: prefixes that end with `/`, and whole keys."""
    here = f"{segment(execution)}/{attempt}"
    return {"system": (f"logs/{here}/", result(execution, attempt)), "artifacts": (f"outputs/{here}/",)}


def segment(text: str) -> str:
    """One segment, encoded so that it can never be special: not empty, not `.` or `..`, no `/`, at most 200 characters.

    What was no UTF-8 in a file's name (surrogates, as `os.fsdecode` makes them) keeps its bytes. One that would be too
    long ends in `%7E` (which encoding never makes) and the sha-256 of its bytes. Raises `Refused` for other surrogates.
    """
    if text in _SPECIAL:
        return _SPECIAL[text]
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Refused(f"not a name that a file can have: {text[:200]!r}") from error
    encoded = quote(raw, safe="")
    if len(encoded) <= LONGEST_SEGMENT:
        return encoded
    start = re.sub(r"%.?$", "", encoded[:100])
    return f"{start}%7E{hashlib.sha256(raw).hexdigest()}"


def check(key: str) -> str:
    """The key itself, if it could have been made here. Raises `Refused`: every driver asks before it touches anything."""
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key) or not {".", ".."}.isdisjoint(key.split("/")):
        raise Refused(f"not a key of an object: {key[:200]!r}", "Keys are made in stores/keys.py.")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix without a slash at its end, if it is empty or could be the start of a key. Raises `Refused`."""
    return check(prefix.removesuffix("/")) if prefix else ""


def _join(*segments: str) -> str:
    return "/".join(segment(part) for part in segments)
