"""Tags that do not have what they ask for: on the first page and the promotions' page, with the reason and what to do."""

import json
from typing import Any

import pytest
from sqlalchemy import event

from dashboard.tags import why
from ledger.pages import tags as pages_tags
from ledger.pages.tags import OpenTag
from tests.builders.dashboard_house import House
from tests.builders.ledger_rows import NOW, Repository
from tests.builders.page_facts import read


def said(page: str) -> str:
    return " ".join(read(page).text.split())


def waiting(house: House) -> dict[str, str]:
    """Name -> state of the tags that pages show."""
    tags = json.loads(house.get("/promotions.json"))["open_tags"]
    return {tag["name"]: tag["state"] for tag in tags}


@pytest.fixture
def wine(house: House) -> Repository:
    return house.rows.repository()


@pytest.fixture
def sha(house: House, wine: Repository) -> str:
    return house.rows.commit(wine)


def version(house: House, wine: Repository, sha: str, **values: Any) -> str:
    done = house.rows.execution(wine, sha)
    return house.rows.version(done, sha, house.rows.output(done, "m", b"m"), **values)


@pytest.mark.parametrize("place", ["/", "/promotions"])
@pytest.mark.parametrize(
    ("decision", "reason", "words"),
    [
        (
            "refused",
            "wine#prod#1 is a lightweight tag.",
            (
                "failure wine#prod#1 was refused: it is a lightweight tag. Once it is settled, "
                "git push --delete origin 'refs/tags/wine#prod#1' ends this line."
            ),
        ),
        ("waiting", "its commit is on no protected branch", "queued wine#prod#1 waits: its commit is on no"),
        ("accepted", "there is no cluster eu", "waits: there is no cluster eu. wine · "),
        (
            "accepted",
            "assign wine: waits until a version is registered there",
            "registered there. git tag -a wine@v1.0.0",
        ),
        (None, None, "queued wine#prod#1 waits: it is judged in the next turn."),
    ],
)
def test_a_tag_without_effect_is_said_with_its_reason(
    house: House, wine: Repository, sha: str, place: str, decision: str | None, reason: str | None, words: str
) -> None:
    house.rows.tag(wine, "wine#prod#1", sha, decision=decision, reason=reason)
    page = house.get(place)
    assert words in said(page)
    assert f'href="/r/wine/commit/{sha}">wine#prod#1</a>' in page
    assert words.replace("wine · ", "Aino") in said(house.get(f"/r/wine/commit/{sha}"))


@pytest.mark.parametrize("place", ["/", "/promotions"])
def test_a_promotion_that_failed_is_said_until_a_later_tag_speaks(
    house: House, wine: Repository, sha: str, place: str
) -> None:
    tag = house.rows.tag(wine, "wine#prod#1", sha)
    house.rows.promotion(
        wine, version(house, wine, sha), "failed", tag="wine#prod#1", tag_object=tag,
        reason="the smoke request was answered with 500",
    )  # fmt: skip
    words = said(house.get(place))
    assert (
        "failure wine#prod#1 failed to serve: the smoke request was answered with 500. "
        "Mend what the reason names, then luotsi promote wine prod tries again." in words
    )
    house.rows.tag(wine, "wine#prod!#2", sha)
    assert waiting(house) == {}


def test_what_has_its_due_is_settled_or_is_gone_is_not_said(house: House, wine: Repository, sha: str) -> None:
    rows = house.rows
    rows.tag(wine, "wine@v0.1.0", sha)
    served = rows.tag(wine, "wine#prod#1", sha)
    rows.promotion(wine, version(house, wine, sha, version="v0.1.0"), tag="wine#prod#1", tag_object=served)
    rows.tag(wine, "wine#old!#2", sha)
    rows.tag(wine, "wine@deprecated#3", sha)
    rows.tag(wine, "release-1", sha, decision="ignored")
    rows.tag(wine, "wine#prod", sha, decision="refused", vanished_at=rows.ago(1))
    assert waiting(house) == {}
    rows.tag(wine, "models/eu=churn@v2.0.0", sha, reason="waits for train at 0123456, which is running")
    rows.tag(wine, "wine#staging#4", sha)
    assert waiting(house) == {"models/eu=churn@v2.0.0": "waiting", "wine#staging#4": "waiting"}
    rows.tag(wine, "wine#staging#5", sha)
    assert waiting(house) == {"models/eu=churn@v2.0.0": "waiting", "wine#staging#5": "waiting"}


def test_the_first_page_shows_a_few_and_says_where_all_are(house: House, wine: Repository, sha: str) -> None:
    for number in range(8):
        house.rows.tag(wine, f"wine#s{number}#1", sha, decision="refused", reason="no")
    assert "All tags without effect" in said(house.get("/"))
    assert len(json.loads(house.get("/home.json"))["open_tags"]) == 5
    assert len(waiting(house)) == 8


def test_no_table_of_tags_or_promotions_is_read_whole(house: House) -> None:
    asked: list[tuple[str, Any]] = []
    with house.parts.ledger.read() as connection:
        event.listen(
            connection,
            "before_cursor_execute",
            lambda c, cu, statement, p, ctx, many: asked.append((statement, p)),
        )
        pages_tags.open_tags(connection)
        for statement, parameters in [each for each in asked if each[0].startswith("SELECT")]:
            plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all()
            steps = [row[3] for row in plan]
            assert not [step for step in steps if step.startswith("SCAN")], (statement, steps)
            assert "USE TEMP B-TREE FOR ORDER BY" not in steps, (statement, steps)


def test_a_config_that_does_not_hold_now_is_said_on_the_first_page(house: House, wine: Repository) -> None:
    problems = [{"path": "valohai.yaml", "line": 7, "message": "no", "severity": "error"}]
    old = house.rows.commit(wine, "Broken, and mended", 900, "failure", problems)
    house.rows.commit(wine, "Mended", 800)
    assert json.loads(house.get("/home.json"))["refused_configs"] == []
    broken = house.rows.commit(wine, "Rename the step", 700, "failure", problems)
    page = house.get("/")
    assert "wine valohai.yaml has 1 problems; the first is on line 7" in said(page)
    assert f'href="/r/wine/commit/{broken}"' in page
    assert old not in page


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("wine#prod waits: its commit is on no branch.", "its commit is on no branch."),
        ("wine#prod was moved from a to b.", "it was moved from a to b."),
        ("wine#production is another name", "wine#production is another name."),
        ("is it?", "is it?"),
    ],
)
def test_the_reason_says_neither_the_name_nor_the_state_again(reason: str, words: str) -> None:
    assert why(OpenTag("wine", "wine#prod", "a" * 40, "", "waiting", reason, NOW)) == words
