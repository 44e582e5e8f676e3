"""When schedules fire: the rules by tables, then over zones, years and lines."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.schedule import CATCH_UP, due, fires, following_fire, instant
from schemas.checks.schedules import cron_problem
from schemas.errors import ConfigError
from schemas.repo_config import ScheduleRule

HELSINKI = "Europe/Helsinki"
ZONES = (
    "UTC", HELSINKI, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca",
    "Europe/Dublin", "America/Sao_Paulo", "Asia/Tehran",
)  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def found(cron: str, after: str, until: str, zone: str = "UTC") -> list[str]:
    rule = ScheduleRule(cron, zone)
    return [fire.strftime("%m-%d %H:%M") for fire in fires(rule, at(after), at(until))]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "until", "expected"),
    [
        ("0 3 * * *", "UTC", "2030-01-01T03:00", "2030-01-03T03:00", ["01-02 03:00", "01-03 03:00"]),
        ("0 3 * * *", HELSINKI, "2030-01-01T00:00", "2030-01-02T00:00", ["01-01 01:00"]),
        ("0 9 * * mon-fri", "UTC", "2030-01-04T10:00", "2030-01-07T10:00", ["01-07 09:00"]),
        ("0 0 29 2 *", "UTC", "2030-01-01T00:00", "2034-01-01T00:00", ["02-29 00:00"]),
        # Either of two days will do, as crontab(5) says: the 13th, and every Friday.
        ("0 0 13 * fri", "UTC", "2030-01-10T12:00", "2030-01-14T00:00", ["01-11 00:00", "01-13 00:00"]),
        # The clock jumps from 03:00 to 04:00 (01:00 UTC): what it skips fires at the jump, once.
        ("30 3 * * *", HELSINKI, "2030-03-30T12:00", "2030-04-01T12:00", ["03-31 01:00", "04-01 00:30"]),
        ("*/20 3-4 31 3 *", HELSINKI, "2030-03-30", "2030-04-02", ["03-31 01:00", "03-31 01:20", "03-31 01:40"]),
        # The clock goes back from 04:00 to 03:00 (01:00 UTC): what it shows twice fires the first time.
        ("30 3 * * *", HELSINKI, "2030-10-26T12:00", "2030-10-28T12:00", ["10-27 00:30", "10-28 01:30"]),
        ("0 * * * *", HELSINKI, "2030-10-26T23:30", "2030-10-27T02:30", ["10-27 00:00", "10-27 02:00"]),
        ("0 * * * *", "UTC", "2030-10-26T23:30", "2030-10-27T02:30", ["10-27 00:00", "10-27 01:00", "10-27 02:00"]),
        # Samoa had no 30 December 2011 at all.
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-29", "2012-01-02", ["12-30 10:00"]),
    ],
)  # fmt: skip
def test_fire_times(cron: str, zone: str, after: str, until: str, expected: list[str]) -> None:
    assert found(cron, after, until, zone) == expected


DAILY = ScheduleRule("0 3 * * *")


@pytest.mark.parametrize(
    ("since", "now", "fire", "until"),
    [
        ("2030-01-01T03:00", "2030-01-02T02:59", None, "2030-01-01T03:00"),
        ("2030-01-01T03:00", "2030-01-02T03:00", "2030-01-02T03:00", "2030-01-02T03:00"),
        # A week of downtime: the latest one only.
        ("2030-01-01T03:00", "2030-01-08T11:00", "2030-01-08T03:00", "2030-01-08T03:00"),
        ("2030-01-01T03:00", "2030-01-09T03:00", "2030-01-09T03:00", "2030-01-09T03:00"),
    ],
)
def test_what_was_missed_is_made_up_once(since: str, now: str, fire: str | None, until: str) -> None:
    answer = due(DAILY, at(since), at(now))
    assert answer.fire == (at(fire) if fire else None)
    assert answer.until == at(until)
    assert due(DAILY, answer.until, at(now)).fire is None


def test_what_is_older_than_a_day_is_let_go() -> None:
    weekly = ScheduleRule("0 3 * * mon")
    answer = due(weekly, at("2030-01-01T00:00"), at("2030-01-08T03:01"))
    assert (answer.fire, answer.until) == (None, at("2030-01-08T03:01"))
    assert due(weekly, at("2030-01-01T00:00"), at("2030-01-08T03:00")).fire == at("2030-01-07T03:00")


def test_a_line_that_never_fires_and_a_zone_that_is_none_are_said() -> None:
    with pytest.raises(ConfigError, match="never fires"):
        following_fire("0 0 31 2 *", "UTC", at("2030-01-01"))
    with pytest.raises(ConfigError, match="not a time zone"):
        following_fire("0 0 * * *", "Europe/Nowhere", at("2030-01-01"))


def test_the_end_of_the_calendar_is_no_error() -> None:
    late = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert following_fire("0 0 1 1 *", "UTC", late) is None


def parts(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    step = st.integers(1, high).map(lambda each: f"*/{each}")
    both = st.tuples(number, number).map(",".join)
    return st.one_of(st.just("*"), number, step, both)


CRON = st.tuples(parts(0, 59), parts(0, 23), parts(1, 28), parts(1, 12), parts(0, 7)).map(" ".join)
START = datetime.fromisoformat("1990-01-01")
LOCAL = st.integers(0, 70 * 366 * 86_400).map(lambda each: START + timedelta(seconds=each))
MOMENT = LOCAL.map(lambda each: each.replace(tzinfo=UTC))


@settings(max_examples=150, deadline=None)
@given(CRON, st.sampled_from(ZONES), MOMENT)
def test_fires_come_in_order_and_each_is_a_time_of_the_line(cron: str, zone: str, start: datetime) -> None:
    assert cron_problem(cron) == ""
    rule = ScheduleRule(cron, zone)
    until = start + timedelta(days=3)
    each = list(fires(rule, start, until))
    assert all(one < other for one, other in pairwise(each))
    assert all(start < fire <= until for fire in each)
    local = [fire.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for fire in each]
    assert len(set(local)) == len(local), "no local time twice"
    # Asking in two halves answers the same: what is decided up to a moment is decided for good.
    middle = start + timedelta(hours=31)
    assert [*fires(rule, start, middle), *fires(rule, middle, until)] == each


@settings(max_examples=100, deadline=None)
@given(CRON, st.sampled_from(ZONES), MOMENT, st.lists(st.integers(1, 200_000), min_size=1, max_size=12))
def test_whenever_one_looks_no_time_fires_twice_and_none_is_lost(
    cron: str, zone: str, start: datetime, pauses: list[int]
) -> None:
    rule, since, now = ScheduleRule(cron, zone), start, start
    fired: list[datetime] = []
    for pause in pauses:
        before, now = now, now + timedelta(seconds=pause)
        answer = due(rule, since, now)
        assert since <= answer.until <= now
        since = answer.until
        missed = list(fires(rule, before, now))
        expected = missed[-1:] if missed and missed[-1] >= now - CATCH_UP else []
        assert ([answer.fire] if answer.fire else []) == expected
        fired += expected
    assert len(set(fired)) == len(fired)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), LOCAL)
def test_a_moment_shows_its_local_time_or_is_a_jump_over_it(zone: str, local: datetime) -> None:
    place = ZoneInfo(zone)
    moment = instant(local, place)
    shown = moment.astimezone(place).replace(tzinfo=None)
    if shown != local:
        just_before = (moment - timedelta(seconds=1)).astimezone(place).replace(tzinfo=None)
        assert just_before < local < shown
