"""The look, as far as numbers can hold it: contrast, sizes, states by shape and not by colour alone."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

import dashboard
from dashboard import graph, safe, shapes, words
from dashboard.graph import Node
from schemas import excerpts
from schemas.states import (
    AttemptState,
    DeploymentState,
    ExecutionState,
    NodeState,
    PromotionState,
    RunState,
    TaskState,
    Word,
)
from tests.builders.ledger_rows import NOW

HERE = Path(dashboard.__file__).parent
CSS = (HERE / "static" / "luotsi.css").read_text()


def colours(dark: bool) -> dict[str, str]:
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", blocks[1 if dark else 0]))


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("ground", ["ground", "raised"])
@pytest.mark.parametrize("ink", ["ink", "muted", "accent", "good", "bad", "warn"])
def test_every_text_can_be_read(dark: bool, ground: str, ink: str) -> None:
    both = sorted((luminance(colours(dark)[ground]), luminance(colours(dark)[ink])))
    assert (both[1] + 0.05) / (both[0] + 0.05) >= 4.5


def test_light_and_dark_have_the_same_properties() -> None:
    assert colours(dark=True).keys() == colours(dark=False).keys()


def test_two_weights_and_few_sizes() -> None:
    assert set(re.findall(r"font-weight: (\d+)", CSS)) <= {"400", "600"}
    assert len(re.findall(r"^  --(?:small|text|large|title):", CSS, re.MULTILINE)) == 4


def test_nothing_comes_from_elsewhere() -> None:
    for path in (*(HERE / "static").iterdir(), *(HERE / "templates").iterdir()):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\((?!#)", text), path.name
    assert "prefers-reduced-motion" in CSS


def test_every_word_has_a_shape_of_its_own() -> None:
    drawings = {str(shapes.drawing(word)) for word in Word}
    assert len(drawings) == len(Word)
    assert all(f'id="s-{word}"' in shapes.sheet() for word in Word)
    assert all(f".s-{word}" in CSS for word in Word)


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("execution", ExecutionState),
        ("attempt", AttemptState),
        ("run", RunState),
        ("node", NodeState),
        ("promotion", PromotionState),
        ("task", TaskState),
        ("deployment", DeploymentState),
    ],
)
def test_every_state_has_a_word(kind: str, states: type[ExecutionState]) -> None:
    assert {shapes.word_of(state.value, kind) for state in states} <= set(Word)


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (0, "now"), (5, "5 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (3599, "59 min ago"), (7200, "2 h ago"),
        (86_400 * 1.5, "36 h ago"), (86_400 * 3, "3 days ago"), (86_400 * 40, "2 Feb 2030"), (-90, "in 1 min"),
    ],
)  # fmt: skip
def test_times_ago(seconds: float, wanted: str) -> None:
    assert words.ago(NOW - timedelta(seconds=seconds), NOW) == wanted


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (-3, "0.0 s"), (0.84, "0.8 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (252, "4 min 12 s"),
        (7500, "2 h 5 min"), (86_400, "1 day 0 h"), (273_600, "3 days 4 h"),
    ],
)  # fmt: skip
def test_durations(seconds: float, wanted: str) -> None:
    assert words.duration(seconds) == wanted


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (("push", "refs/heads/main", None, ""), "push to main"),
        (("tag", "refs/tags/v1.0", None, "v1.0"), "tag v1.0"),
        (("tag", "v1.0", None, "v1.0"), "tag v1.0"),
        (("pull-request", "refs/heads/x", 7, ""), "pull request 7"),
        (("pull-request", "refs/heads/x", None, ""), "pull request"),
        (("comment", "refs/heads/x", 7, "812"), "comment on pull request 7"),
        (("schedule", "refs/heads/main", None, "2030-03-14T02:30:00.000000+02:00"), "schedule of 2030-03-14 00:30 UTC on main"),
        (("schedule", "refs/heads/main", None, "no time"), "schedule of no time on main"),
        (("merge-group", "refs/heads/main", None, ""), "merge group on main"),
    ],
)  # fmt: skip
def test_what_asked_for_a_run(asked: tuple[str, str, int | None, str], wanted: str) -> None:
    assert words.asked(*asked) == wanted


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("complete after 6.8 s", ""),
        ("complete after 4 s: the stop condition loss < 1 held", "the stop condition loss < 1 held"),
        ("exit code 1 after 4 s", "exit code 1 after 4 s"),
        ("waits: for ever", "waits: for ever"),
        ("", ""),
    ],
)
def test_what_a_reason_adds(reason: str, wanted: str) -> None:
    assert words.beyond(reason) == wanted


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, ""),
        ({"cpu_min": 0, "cpu_max": 0, "memory_min": 0, "memory_max": 0, "devices": None}, ""),
        ({"cpu_min": 0.5, "memory_max": 512}, "at least 0.5 CPUs, at most 512 MB of memory"),
        ({"cpu_min": 2, "cpu_max": 4.0, "devices": {"nvidia.com/gpu": 1}}, "2 to 4 CPUs, 1 nvidia.com/gpu"),
        ({"devices": "many"}, ""),
    ],
)
def test_resources(wanted: dict[str, object], said: str) -> None:
    assert words.resources(wanted) == said


@pytest.mark.parametrize(
    ("count", "wanted"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_600, "1.0 MB"),
        (123_456_789, "123 MB"),
        (5 * 10**15, "5.0 PB"),
    ],
)
def test_sizes(count: int, wanted: str) -> None:
    assert words.size(count) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0.962, "0.962"), (0.1 + 0.2, "0.3"), (3.0, "3"), (1e-7, "1e-07"), (12_345_678.9, "1.235e+07"), (200, "200"),
        (float("nan"), "not a number"), (float("-inf"), "-infinite"), (True, "True"), (10**15, "1.000e+15"), (-(10**400), "-1.000e+400"), ("text", "text"), (-0.00001, "-1e-05"), (0.0, "0"),
    ],
)  # fmt: skip
def test_figures(value: object, wanted: str) -> None:
    assert words.figure(value) == wanted


@pytest.mark.parametrize(
    ("value", "base", "wanted"), [(0.962, 0.951, "+0.011"), (1, 3, "−2"), (1, 1, "±0"), (1e308, -1e308, "")]
)
def test_changes(value: float, base: float, wanted: str) -> None:
    assert words.change(value, base) == wanted


def test_control_characters_are_drawn_and_nothing_else_changes() -> None:
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0xD800):
        drawn = safe.visible(chr(code))
        assert drawn == chr(code) if code in (9, 10) else drawn.isprintable(), hex(code)
    assert safe.visible("Äö 漢字 🍷 é") == "Äö 漢字 🍷 é"


@pytest.mark.parametrize(
    ("problem", "lines", "caret"),
    [
        ({"line": 2, "column": 3}, [(1, False), (2, True), (3, False)], "  ^"),
        ({"line": 1, "column": 0}, [(1, True), (2, False)], ""),
        ({"line": 3, "column": 2}, [(1, False), (2, False), (3, True)], "\t^"),
        ({"line": 0, "column": 0}, [], ""),
        ({"line": 99, "column": 1}, [], ""),
        ({}, [], ""),
    ],
)
def test_excerpts(problem: dict[str, object], lines: list[tuple[int, bool]], caret: str) -> None:
    (found,) = excerpts.excerpts([problem], "one\n  two\n\tthree")
    assert [(n, here) for n, _, here in found.lines] == lines
    assert found.caret == caret


def test_a_very_long_line_is_shown_around_its_place() -> None:
    (found,) = excerpts.excerpts([{"line": 1, "column": 5001}], "x" * 5000 + "HERE" + "y" * 5000)
    text = found.lines[0][1]
    assert len(text) <= excerpts.WIDEST
    assert text.index("HERE") == found.caret.index("^")


def test_a_pipeline_is_laid_out_by_its_edges() -> None:
    names = ["a", "b", "c", "d"]
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
    assert graph.layers(names, edges) == {"a": 0, "b": 1, "c": 1, "d": 2}
    drawn = graph.draw([Node(name, Word.CREATED) for name in names], edges)
    assert drawn is not None
    assert drawn.count('class="edge"') == 4


def test_a_note_stands_below_a_name_and_both_stay_in_their_box() -> None:
    long = "a-very-long-name-for-a-node"
    drawn = graph.draw(
        [Node(long, Word.CREATED, None, "waits for approval, and more"), Node("b", Word.QUEUED)], []
    )
    assert drawn is not None
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert texts == ["a-very-long-name…", "waits for approva…", "b"]
    assert f"<title>{long}: created, waits for approval, and more</title>" in drawn


def test_a_cycle_and_odd_edges_end_too() -> None:
    assert set(graph.layers(["a", "b"], [("a", "b"), ("b", "a")])) == {"a", "b"}
    odd = {
        "nodes": [{"name": "a"}, {"name": "b"}, 3],
        "edges": [["a", "b"], ["a", "a"], ["a", "x"], "ab", None, ["a"], ["a", "b", "c"]],
    }
    assert graph.edges_of(odd) == [("a", "b")]
    assert graph.draw([Node("a", Word.CREATED)], []) is None
    assert graph.draw([Node(str(n), Word.CREATED) for n in range(graph.MOST + 1)], []) is None


def test_every_command_that_a_page_gives_is_there() -> None:
    sources = [*(HERE / "templates").iterdir(), *HERE.glob("*.py")]
    found = {
        verb for path in sources for verb in re.findall(r"(?:<pre>|with: )luotsi ([a-z]+)", path.read_text())
    }
    assert (
        {"demo", "up", "agent"}
        <= found
        <= {path.stem for path in (HERE.parent / "luotsi" / "verbs").iterdir()}
    )
