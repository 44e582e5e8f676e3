"""Lines for a terminal end between words, whatever is styled in them."""

import click
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from luotsi.lines import fold


def test_what_fits_or_goes_elsewhere_stays_as_it_is() -> None:
    assert fold("a  b", 80, 4) == "a  b"
    assert fold("word " * 100, None, 4) == "word " * 100
    assert fold("word " * 100, 30, 4) == "word " * 100


def test_what_follows_is_indented_and_the_first_columns_keep_their_spaces() -> None:
    label = click.style("note", bold=True)
    line = fold(f"  {label}     {'word ' * 9}", 40, 11)
    assert click.unstyle(line) == "  note     word word word word word word\n           word word word"


@given(st.lists(st.text("ab\u4e2d", min_size=1, max_size=20), max_size=30), st.integers(40, 90))
def test_no_line_is_wider_and_no_word_is_lost(words: list[str], width: int) -> None:
    folded = fold(" ".join(words), width, 4)
    assert all(cell_len(line) <= width for line in folded.splitlines() if len(line.split()) > 1)
    assert folded.split() == words
