"""Time as messages and the ledger spell it: UTC, ISO 8601, microseconds, always with `+00:00`."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """`2030-01-02T03:04:05.000006+00:00`. A naive datetime is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    """The aware datetime of a text made by `to_text`."""
    return datetime.fromisoformat(text).astimezone(UTC)


def now() -> datetime:
    """The present, for the rim. Pure code takes it as an argument."""
    return datetime.now(UTC)
