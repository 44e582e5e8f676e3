"""When a schedule fires: a cron line read on the wall clock of a time zone. Pure: the clock is an argument.

The rules:
- A line is crontab(5)'s five fields. Where both the day of the month and the day of the week are given, either will do.
- A local time that daylight saving skips fires at the moment of the change; several of them fire once, together with what is
  due at that moment anyway. A local time that happens twice fires the first time only. A line that must not pause in the
  repeated hour is written in UTC, which is the default.
- After downtime only the latest missed fire is made up, once, and only if it is no more than 24 hours old.
- A trigger that is new, or whose line, zone or branch has changed, starts from now: nothing before that is made up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from schemas.errors import ConfigError
from schemas.repo_config import ScheduleRule

CATCH_UP = timedelta(hours=24)
"""How old a missed fire may be to be made up."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Considered:
    """What the clock asks for: the fire to act on, if any, and up to where fire times are decided now."""

    fire: datetime | None
    until: datetime


def due(rule: ScheduleRule, since: datetime, now: datetime) -> Considered:
    """The latest fire after `since` that is not in the future. Raises `ConfigError` for a line or zone that means nothing.

    While nothing has come up `until` is `since` itself, so that there is nothing to write down.
    """
    following = following_fire(rule.cron, rule.timezone, since)
    if following is None or following > now:
        return Considered(None, since)
    oldest = max(since, now - CATCH_UP - _SECOND)
    latest = None
    for fire in fires(rule, oldest, now):
        latest = fire
    if latest is not None and latest < now - CATCH_UP:
        latest = None
    return Considered(latest, latest or now)


@lru_cache(maxsize=1024)
def following_fire(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first fire after a moment; None for a line that never fires again. Raises `ConfigError`."""
    return next(_all_fires(cron, _zone(timezone), after), None)


def fires(rule: ScheduleRule, after: datetime, until: datetime) -> Iterator[datetime]:
    """All fires after one moment and up to another, in UTC, in order, each once. Raises `ConfigError`."""
    for fire in _all_fires(rule.cron, _zone(rule.timezone), after):
        if fire > until:
            return
        yield fire


def _all_fires(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    # The instant of a local time never goes back as local times go on, so no later line can fire before an earlier one.
    last = after.astimezone(UTC)
    for local in _local_times(cron, after.astimezone(zone).replace(tzinfo=None)):
        try:
            fire = instant(local, zone)
        except OverflowError:
            return
        if fire > last:
            last = fire
            yield fire


def _local_times(cron: str, after: datetime) -> Iterator[datetime]:
    try:
        yield from CronSim(cron, after)
    except CronSimError as error:
        raise ConfigError(f"the cron line `{cron}` never fires: {error}") from error
    except OverflowError:
        return


def instant(local: datetime, zone: tzinfo) -> datetime:
    """The moment (UTC) at which the wall clock of a zone shows a time, or jumps over it."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # fold 1 counts with the offset after the change, so this lies before it and `first` after it.
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    before = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"`{name}` is not a time zone that this machine knows") from error
