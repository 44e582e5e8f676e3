"""Metrics: which number matters, what is drawn, and the CSV that a spreadsheet opens without harm."""

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest

from dashboard import metrics, plots
from dashboard.plots import Plot, Series
from ledger import tables
from ledger.pages.execution import Gap, Point
from ledger.pages.work import RunLine
from tests.builders.dashboard_house import FilledHouse, House
from tests.builders.ledger_rows import NOW
from tests.builders.page_facts import read


def points(key: str, values: list[float], positions: list[int] | None = None) -> list[Point]:
    places = positions or list(range(1, len(values) + 1))
    return [Point(key, p, v, NOW + timedelta(seconds=p)) for p, v in zip(places, values, strict=True)]


def run(rule: dict[str, object], gate: dict[str, object] | None = None) -> RunLine:
    return RunLine(
        id="r", repository="wine", repository_id="x", project_id="p", root="", trigger="train", sha="0" * 40,
        trust="trusted", occurrence="", event="push", ref="refs/heads/main", pull_request=None,
        concurrency_group=None, state="running", reason="", round=1,
        rule=rule, gate=gate, subject=None, created_at=NOW, finished_at=None,
    )  # fmt: skip


def test_the_expected_metric_matters_most() -> None:
    rows = metrics.last_values({"epoch": 3, "loss": 0.1, "accuracy": 0.9}, None)
    expected = metrics.gates(run({"expect": ["accuracy >= 0.9"]}), None)
    assert metrics.leading(rows, expected) == metrics.MetricRow("accuracy", 0.9)
    assert metrics.leading(rows, []) == metrics.MetricRow("loss", 0.1)
    assert metrics.leading(metrics.last_values({"epoch": 3, "note": "x"}, None), []) is None


@pytest.mark.parametrize(
    ("text", "node", "metric", "target"),
    [
        ("accuracy >= 0.9", None, "accuracy", 0.9),
        ("test.accuracy >= 0.9", "test", "accuracy", 0.9),
        ("test.accuracy >= 0.9", "train", "test.accuracy", 0.9),
        ("accuracy >= base - 0.005", None, "accuracy", None),
        ("val/loss<1e-3", None, "val/loss", 0.001),
        ("loss <= nan", None, "loss", None),
        ("nonsense", None, "", None),
    ],
)
def test_an_expectation_is_read_for_the_plot(
    text: str, node: str | None, metric: str, target: float | None
) -> None:
    (gate,) = metrics.gates(run({"expect": [text]}), node)
    assert (gate.metric, gate.target, gate.passed) == (metric, target, None)


def test_an_answered_gate_wins_over_the_rule() -> None:
    line = {
        "text": "accuracy >= base",
        "metric": "accuracy",
        "value": 0.8,
        "base": 0.9,
        "target": 0.9,
        "passed": False,
        "note": "too low",
    }
    (gate,) = metrics.gates(
        run({"expect": ["accuracy >= base"]}, {"lines": [line], "base_sha": None, "summary": ""}), None
    )
    assert (gate.target, gate.passed, gate.note) == (0.9, False, "too low")


@pytest.mark.parametrize("broken", [None, {}, {"lines": None}, {"lines": [None, 3, {}]}])
def test_a_gate_in_another_shape_breaks_no_page(broken: dict[str, object] | None) -> None:
    assert isinstance(metrics.gates(run({}, broken), "train"), list)


def test_the_axis_is_the_step_that_was_printed_with_the_values() -> None:
    found = {"epoch": points("epoch", [10, 20, 30]), "loss": points("loss", [3, 2, 1])}
    (plot,) = metrics.plots(found, {}, "", [])
    assert (plot.axis, list(plot.values.x), list(plot.values.y)) == ("epoch", [10, 20, 30], [3, 2, 1])


def test_without_steps_or_with_other_lines_the_axis_is_time() -> None:
    (plot,) = metrics.plots({"loss": points("loss", [3, 2], [5, 9])}, {}, "", [])
    assert (plot.axis, list(plot.values.x)) == ("seconds", [0, 4])
    apart = {"epoch": points("epoch", [1, 2], [1, 3]), "loss": points("loss", [3, 2], [2, 4])}
    assert metrics.plots(apart, {}, "", [])[0].axis == "seconds"


def test_values_that_are_no_numbers_are_left_out() -> None:
    (plot,) = metrics.plots({"loss": points("loss", [1, math.nan, math.inf, 2])}, {}, "", [])
    assert list(plot.values.y) == [1, 2]
    assert metrics.plots({"loss": points("loss", [math.nan])}, {}, "", []) == []


@pytest.mark.parametrize(
    ("numbers", "words", "last", "said"),
    [
        ([1, 2], {3: "nan", 4: "nan"}, None, "nan from epoch 30 on"),
        ([1, 3, 4], {2: "nan"}, 0.5, "nan at epoch 20"),
        ([1, 3], {2: "nan", 4: "inf"}, None, "nan or inf 2 times, first at epoch 20"),
        ([], {1: "nan", 2: "nan"}, None, "nan 2 times, first at epoch 10"),
        ([1], {9: "-inf"}, 0.5, "-inf at log line 9"),
    ],
)
def test_what_is_no_number_is_said_with_its_place(
    house: House, numbers: list[int], words: dict[int, str], last: float | None, said: str
) -> None:
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of))
    assert done.attempt is not None
    for place in (1, 2, 3, 4):
        house.rows.put(
            tables.metrics, attempt_id=done.attempt, key="epoch", position=place, value=10.0 * place, at=NOW
        )
    for place in numbers:
        house.rows.put(tables.metrics, attempt_id=done.attempt, key="loss", position=place, value=0.5, at=NOW)
    house.rows.gaps(done.attempt, "loss", words)
    house.rows.set_metadata(done, {"loss": last, "epoch": 40})
    page = house.get(f"/r/wine/executions/{done.number}")
    text = " ".join(read(page).text.split())
    assert f"loss: {said}" in text
    answer = json.loads(house.get(f"/r/wine/executions/{done.number}.json"))
    assert [(gap["key"], gap["words"]) for gap in answer["gaps"]] == [("loss", said)]
    ended = list(words.values())[-1]
    assert [row["value"] for row in answer["metrics"] if row["key"] == "loss"] == [
        ended if last is None else last
    ]


def test_a_plot_is_broken_where_there_is_no_number() -> None:
    gaps = [Gap("loss", place, "nan", NOW) for place in (3, 4, 6)]
    found = {
        "epoch": points("epoch", [10, 20, 30, 40, 50, 60, 70]),
        "loss": points("loss", [5, 4, 3, 2], [1, 2, 5, 7]),
    }
    (plot,) = metrics.plots(found, {}, "", [], gaps)
    assert plot.gaps == [(30, 40, "nan"), (60, 60, "nan")]
    drawn = str(plots.draw(plot))
    line = re.search(r'class="value" d="([^"]*)"', drawn)
    assert line is not None
    assert (line[1].count("M"), line[1].count("h0")) == (3, 2), "one of two values, two of one"
    assert drawn.count('class="gap"') == 2
    ending = {"loss": points("loss", [5, 4])}
    (plot,) = metrics.plots(ending, {}, "", [], [Gap("loss", 9, "inf", NOW + timedelta(seconds=9))])
    assert plot.gaps == [(8, 8, "inf")]
    ET.fromstring(str(plots.draw(plot)))


def test_what_the_gate_asks_for_is_drawn_first() -> None:
    found = {key: points(key, [1, 2]) for key in ("a", "b", "c")}
    expected = metrics.gates(run({"expect": ["c > 1"]}), None)
    assert [plot.key for plot in metrics.plots(found, {}, "", expected)] == ["c", "a", "b"]


SERIES = {
    "one value": Series([1], [0.5]),
    "flat": Series([1, 2], [3.0, 3.0]),
    "zero": Series([0, 1], [0.0, 0.0]),
    "tiny": Series([1, 2], [1e-300, 2e-300]),
    "huge": Series([1, 2], [-1e308, 1e308]),
    "denormal": Series([1, 2], [0.0, 5e-324]),
    "negative": Series([-5, 5], [-1.0, -2.0]),
    "many": Series(list(range(50_000)), [math.sin(n / 99) for n in range(50_000)]),
    "same x": Series([1, 1, 1], [1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("gate", [None, (0.9, "accuracy >= 0.9"), (-1e9, "x" * 300)])
def test_every_plot_is_sound_and_inside_its_field(name: str, gate: tuple[float, str] | None) -> None:
    drawn = plots.draw(Plot("accuracy", "epoch", SERIES[name], SERIES["flat"], "base", gate), alone=True)
    root = ET.fromstring(str(drawn))  # our own drawing
    assert len(drawn) < 20_000
    numbers = [
        float(n)
        for path in root.iter("{http://www.w3.org/2000/svg}path")
        for n in re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", path.attrib["d"])
    ]
    assert numbers
    assert all(-1 <= number <= plots.WIDTH + 1 for number in numbers)
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_a_thinned_line_keeps_its_extremes_and_its_ends() -> None:
    line = [(float(n), 0.0) for n in range(10_000)]
    line[4321], line[8765] = (4321.0, 9.0), (8765.0, -9.0)
    kept = plots.thinned(line)
    assert len(kept) <= plots.DRAWN + 4
    assert {(4321.0, 9.0), (8765.0, -9.0), line[0], line[-1]} <= set(kept)
    assert kept == sorted(kept)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 1, [0, 0.5, 1]),
        (0, 200, [0, 50, 100, 150, 200]),
        (0.38, 0.97, [0.4, 0.6, 0.8]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (1, 1, []),
    ],
)
def test_ticks_are_round(low: float, high: float, wanted: list[float]) -> None:
    assert plots.ticks(low, high, 4 if high != 1 or low else 2) == pytest.approx(wanted)


def test_the_csv_has_every_value(filled: FilledHouse) -> None:
    answer = filled.client.get(f"/r/wine/executions/{filled.sample.trained.number}/metrics.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["line", "time", "accuracy", "epoch", "loss"]
    assert len(rows) == 201
    assert rows[200][3] == "200.0"
    assert all(len(row) == 5 for row in rows)


def test_the_csv_of_nothing_is_a_header(filled: FilledHouse) -> None:
    number = filled.sample.releases.retried.number
    assert filled.get(f"/r/lab/penguins/executions/{number}/metrics.csv") == "line,time\r\n"


def test_the_csv_has_what_was_no_number_in_its_place(filled: FilledHouse) -> None:
    rows = filled.get(f"/r/wine/executions/{filled.sample.failed.number}/metrics.csv").splitlines()
    assert rows[0] == "line,time,accuracy,epoch,loss"
    assert [row.split(",")[2:] for row in rows[1:]] == [["0.3889", "1.0", "1.0986"], ["0.3889", "2.0", "nan"]]


@pytest.mark.parametrize("key", ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(A1)", 'a"b', "a,b", "a\nb"])
def test_no_metrics_name_is_a_formula(house: House, key: str) -> None:
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of))
    assert done.attempt is not None
    house.rows.metrics(done.attempt, {key: [0.5], "plain": [1.5]})
    header = next(csv.reader(io.StringIO(house.get(f"/r/wine/executions/{done.number}/metrics.csv"))))
    assert header[2][:1] not in ("=", "+", "-", "@")
    assert header[2].lstrip("'") == key


def test_a_page_with_many_metrics_draws_the_first_and_lists_all(house: House) -> None:
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of))
    assert done.attempt is not None
    house.rows.metrics(done.attempt, {f"m{n:02}": [0.1, 0.2] for n in range(30)})
    house.rows.set_metadata(done, {f"m{n:02}": 0.2 for n in range(30)})
    page = house.get(f"/r/wine/executions/{done.number}")
    assert page.count('<svg class="plot"') == metrics.PLOTS
    assert "m29" in read(page).text


def test_a_forged_metric_is_only_its_own_executions(house: House) -> None:
    """Threats row 33: what another run printed is never in this one's numbers."""
    of = house.rows.repository()
    sha = house.rows.commit(of)
    mine = house.rows.execution(of, sha, run_id=house.rows.run(of, sha))
    other = house.rows.execution(of, sha, run_id=house.rows.run(of, sha, trigger="other"), step="other")
    assert mine.attempt is not None
    assert other.attempt is not None
    house.rows.metrics(mine.attempt, {"accuracy": [0.5]})
    house.rows.metrics(other.attempt, {"accuracy": [0.999]})
    assert "0.999" not in house.get(f"/r/wine/executions/{mine.number}/metrics.csv")
    assert "0.999" not in house.get(f"/r/wine/executions/{mine.number}")


def test_odd_last_values_are_shown_as_text(house: House) -> None:
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of))
    house.rows.set_metadata(
        done, {"big": 10**400, "flag": True, "none": None, "list": [1, {"a": "<b>"}], "text": "x" * 9000}
    )
    page = house.get(f"/r/wine/executions/{done.number}")
    assert len(page) < 20_000
    assert "<b>" not in page.replace("<b>big", "")


def test_one_plot_can_stand_elsewhere(filled: FilledHouse) -> None:
    answer = filled.client.get(f"/r/wine/executions/{filled.sample.trained.number}/metric.svg?key=accuracy")
    assert answer.content_type == "image/svg+xml; charset=utf-8"
    assert "prefers-color-scheme:dark" in answer.text
    assert "accuracy &gt;= 0.9" in answer.text
    ET.fromstring(answer.text)  # our own drawing
