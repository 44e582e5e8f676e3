"""Cron lines: five fields of crontab(5)."""

import pytest

from schemas.checks.schedules import cron_problem, timezone_problem


@pytest.mark.parametrize(
    "line",
    [
        "* * * * *",
        "0 3 * * *",
        "*/15 0-6,22 1,15 * 1-5",
        "59 23 31 12 7",
        "0 0 * jan-mar MON,wed",
        "  0   3 *  * * ",
        "0-30/10 * * * *",
    ],
)
def test_good_lines(line: str) -> None:
    assert cron_problem(line) == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "this one has 0"),
        ("@daily", "this one has 1"),
        ("0 0 3 * * *", "this one has 6"),
        ("60 * * * *", "`60` cannot be the minute"),
        ("* 24 * * *", "`24` cannot be the hour"),
        ("* * 0 * *", "`0` cannot be the day of the month"),
        ("* * * 13 *", "`13` cannot be the month"),
        ("* * * * 8", "`8` cannot be the day of the week"),
        ("* * * mon *", "`mon` cannot be the month"),
        ("* * * * jan", "`jan` cannot be the day of the week"),
        ("30-10 * * * *", "`30-10` cannot be the minute"),
        ("*/0 * * * *", "`*/0` cannot be the minute"),
        ("1,,2 * * * *", "cannot be the minute"),
        ("H * * * *", "cannot be the minute"),
        ("1- * * * *", "cannot be the minute"),
        ("٣ * * * *", "cannot be the minute"),
        ("* * L * *", "cannot be the day of the month"),
    ],
)
def test_bad_lines(line: str, words: str) -> None:
    assert words in cron_problem(line)


def test_time_zones() -> None:
    assert timezone_problem("UTC") == ""
    assert timezone_problem("Europe/Helsinki") == ""
    assert timezone_problem("../../etc/passwd") == "`../../etc/passwd` is not a time zone"
