"""What the command prints: lines end between words, and nothing that somebody wrote is obeyed, by the terminal or by us."""

import ast
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from luotsi import terminal
from luotsi.demo.show import Terminal
from luotsi.linting.report import Checked, in_words
from luotsi.linting.sources import Source
from luotsi.terminal import fold, line, styled
from schemas.parse_config import parse_config
from schemas.plain_text import visible
from schemas.values import Problem

ROOM = Path(__file__).parents[3] / "luotsi"
EVIL = "x\x1b]0;PWN\x07\x1b[31m[/red][bold]\u202e\r\n\x9b2J\ttail"
ANYTHING = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x07\x9b\r\n\t\u202e[]/m\ud800")), max_size=30
)
OURS = re.compile(r"\x1b\[[0-9;]*m")
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

PRINTS = {"echo", "secho", "style", "print", "add_row", "add_column", "export_text"}
MAKES = {"Console", "Table", "Text", "from_markup", "from_ansi", "assemble"}
TAKEN = {
    "rich.cells": {"cell_len"},
    "rich.text": {"Text"},
    "rich.table": {"Table"},
    "rich.console": {"Console"},
}


def test_what_fits_or_goes_elsewhere_stays_as_it_is() -> None:
    assert str(fold("a  b", 80, 4)) == "a  b"
    assert str(fold("word " * 100, None, 4)) == "word " * 100
    assert str(fold("word " * 100, 30, 4)) == "word " * 100


def test_what_follows_is_indented_and_the_first_columns_keep_their_spaces() -> None:
    folded = fold(line("  ", styled("note", "bold"), f"     {'word ' * 9}"), 40, 11)
    assert str(folded) == "  note     word word word word word word\n           word word word"
    assert folded.spans[0].style == "bold"


@given(st.lists(st.text("ab\u4e2d", min_size=1, max_size=20), max_size=30), st.integers(40, 90))
def test_no_line_is_wider_and_no_word_is_lost(words: list[str], width: int) -> None:
    folded = str(fold(" ".join(words), width, 4))
    assert all(cell_len(line) <= width for line in folded.splitlines() if len(line.split()) > 1)
    assert folded.split() == words


def shown(show: Callable[[Console], None], width: int = 80) -> str:
    """What a terminal with colours is given."""
    out = io.StringIO()
    show(Console(file=out, force_terminal=True, color_system="standard", width=width))
    return out.getvalue()


def harmless(out: str) -> str:
    """The words without our own looks; fails for anything else that a terminal obeys."""
    words = OURS.sub("", out)
    assert not OBEYED.search(words), ascii(words)
    return words


def squeezed(text: str) -> str:
    return "".join(text.split())


def drawn(words: str) -> str:
    return visible(words).replace("\n", "\u240a")


@given(ANYTHING, ANYTHING)
@example(EVIL, EVIL)
def test_a_line_draws_all_and_obeys_nothing(words: str, more: str) -> None:
    said = line("at ", styled(words, "bold red"), f": {more}")
    out = harmless(shown(lambda console: terminal.say(said, on=console)))
    assert out.endswith("\n")
    assert out.count("\n") == 1, "a line end of somebody's begins no line of ours"
    assert squeezed(out) == squeezed(f"at {drawn(words)}: {drawn(more)}")


@given(ANYTHING)
@example(EVIL)
def test_a_text_that_was_made_without_us_is_drawn_too(words: str) -> None:
    harmless(shown(lambda console: terminal.say(Text(words, style="red"), on=console)))


@given(st.lists(st.tuples(ANYTHING, ANYTHING), min_size=1, max_size=4), st.booleans(), st.integers(20, 90))
def test_a_table_cuts_nothing_and_obeys_nothing(rows: list[tuple[str, str]], heads: bool, width: int) -> None:
    def show(console: Console) -> None:
        terminal.table(rows, ("[bold]", "b") if heads else (), on=console)

    out = harmless(shown(show, width))
    for character in {c for row in rows for cell in row for c in visible(cell) if cell_len(c) == 1}:
        if not character.isspace():
            assert character in out


def test_a_demonstration_in_a_file_has_no_padding() -> None:
    written = io.StringIO()
    Terminal(Console(file=written, width=terminal.WIDEST), timings=False).show(
        {"event": "note", "text": "hello"}
    )
    assert written.getvalue().rstrip("\n").rstrip() == "-             hello".replace("-", "\u2013")
    assert max(map(len, written.getvalue().split("\n"))) < 100


@given(ANYTHING)
@example(EVIL)
def test_a_demonstration_obeys_nothing(words: str) -> None:
    def show(console: Console) -> None:
        screen = Terminal(console, timings=False)
        screen.show({"event": "log", "execution": 1, "stream": "stdout", "message": words})
        screen.show({"event": "seen", "commit": words, "subject": words})
        screen.show({"event": "notes", "text": words})
        screen.show({"event": "metrics", "values": {words: 1.0}})
        screen.close()

    words_of = re.sub(r"\x1b\[\??[0-9;]*[hlAK]|\r", "", shown(show))  # the line that is updated in place
    harmless(words_of)


@given(ANYTHING, ANYTHING, st.sampled_from([None, 50]))
@example(EVIL, EVIL, 50)
def test_a_problem_of_a_file_obeys_nothing(name: str, message: str, width: int | None) -> None:
    problem = Problem(name, 1, 2, message, message, "error", name)
    checked = Checked(Source(name, message.encode("utf-8", "replace")), parse_config(b"", name), (problem,))

    def show(console: Console) -> None:
        for said in in_words([checked], width):
            terminal.say(said, on=console)

    harmless(shown(show))


def test_an_error_has_lines_of_its_own_and_none_of_them_passes_for_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.say_lines(f"first\n{EVIL}\n", 2)
    out = capsys.readouterr().out
    harmless(out)
    assert [each[:3] for each in out.splitlines()] == ["  f", "  x", "  \u241b"] or out.startswith(
        "  first\n  x"
    )
    assert "[/red][bold]" in out


def test_what_a_program_reads_goes_out_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.exactly('{"a": "[bold]\\u001b"}\t\x1b')
    assert capsys.readouterr().out == '{"a": "[bold]\\u001b"}\t\x1b\n'


def faults(source: str) -> Iterator[str]:
    """What of a module prints, or makes what prints, around `luotsi.terminal`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in PRINTS | MAKES or re.fullmatch(
                r"sys\.std(out|err)\.write", called
            ):
                yield f"{node.lineno}: {called}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich":
            wrong = {each.name for each in node.names} - TAKEN.get(node.module or "", set())
            yield from (f"{node.lineno}: from {node.module} import {each}" for each in wrong)
        elif isinstance(node, ast.Import):
            yield from (
                f"{node.lineno}: import {each.name}" for each in node.names if each.name[:4] == "rich"
            )


def test_nothing_else_prints() -> None:
    allowed = {
        "terminal.py": None,
        "logs.py": {"sys.stderr.write"},
        "demo/show.py": {"from rich.live import Live"},
    }
    found = {}
    for path in sorted(ROOM.rglob("*.py")):
        name = str(path.relative_to(ROOM))
        may = allowed.get(name, set())
        if may is not None:
            found[name] = [each for each in faults(path.read_text()) if each.partition(": ")[2] not in may]
    assert not {name: each for name, each in found.items() if each}, "print with luotsi.terminal"


@pytest.mark.parametrize(
    "code",
    [
        "print(x)",
        "click.echo(x)",
        "console.print(f'[b]{x}')",
        "table.add_row(x)",
        "Text.from_markup(x)",
        "from rich import print",
        "from rich.panel import Panel",
        "import rich.console",
        "sys.stdout.write(x)",
    ],
)
def test_the_rule_sees_every_way(code: str) -> None:
    assert list(faults(code))
