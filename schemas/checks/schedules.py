"""Cron lines: five fields, as in crontab(5), without the extensions that differ from one scheduler to the next."""

import re
import zoneinfo

NAMES = {
    3: ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    4: ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)

_PART = re.compile(
    r"(?:\*|(?P<first>[a-z]{3}|[0-9]{1,2})(?:-(?P<last>[a-z]{3}|[0-9]{1,2}))?)(?:/(?P<step>[0-9]{1,2}))?\Z"
)


def cron_problem(line: str) -> str:
    """What is wrong with a cron line; empty if nothing is."""
    fields = line.split()
    if len(fields) != len(FIELDS):
        return f"a cron line has five fields, this one has {len(fields)}"
    for position, text in enumerate(fields):
        for part in text.lower().split(","):
            if not _is_part(part, position):
                name, low, high = FIELDS[position]
                return f"`{text[:40]}` cannot be the {name}: `*`, numbers from {low} to {high}, ranges, lists, steps"
    return ""


def timezone_problem(name: str) -> str:
    """What is wrong with a time zone's name; empty if nothing is, or where this machine has no tz database."""
    known = zoneinfo.available_timezones()
    return f"`{name[:60]}` is not a time zone" if known and name not in known else ""


def _is_part(text: str, position: int) -> bool:
    match = _PART.match(text)
    if match is None:
        return False
    _, low, high = FIELDS[position]
    ends = [_number(match[end], position) for end in ("first", "last") if match[end] is not None]
    if any(end is None or not low <= end <= high for end in ends) or match["step"] in ("0", "00"):
        return False
    return len(ends) < 2 or (ends[0] or 0) <= (ends[1] or 0)


def _number(text: str, position: int) -> int | None:
    if text.isdecimal():
        return int(text)
    names = NAMES.get(position, ())
    return names.index(text) + (1 if position == 3 else 0) if text in names else None
