"""Patterns in addresses of stores, against tables and against regular expressions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "root", "fits", "others"),
    [
        ("p/*.jpg", "p/", ["p/a.jpg", "p/.jpg"], ["p/a/b.jpg", "q/a.jpg", "p/a.jpeg", "p/a.jpg.x"]),
        ("p/**.jpg", "p/", ["p/a.jpg", "p/a/b.jpg", "p/a/b/c.jpg"], ["p/a.png", "a.jpg"]),
        ("p/**/x.csv", "p/", ["p/x.csv", "p/a/x.csv", "p/a/b/x.csv"], ["p/ax.csv", "p/a/bx.csv", "x.csv"]),
        ("p/", "p/", ["p/a", "p/a/b", "p/é"], ["p", "p/", "pq/a", "q"]),
        ("", "", ["a", "a/b"], []),
        ("*", "", ["a"], ["a/b"]),
        ("**", "", ["a", "a/b"], []),
        ("p/im*", "p/", ["p/im", "p/im1", "p/img"], ["p/i", "p/im/1"]),
        ("p/*/", "p/", ["p/a/b", "p/a/b/c"], ["p/a"]),
        ("p/*/x", "p/", ["p/a/x"], ["p/x", "p/a/b/x"]),
        ("a*b**c*d", "", ["abcd", "axb/y/czd"], ["a/bcd", "abc/d"]),
        ("a/b.txt", "a/", ["a/b.txt"], ["a/bxtxt", "a/b.txt/c"]),
        ("[a-z]?.{x}*", "", ["[a-z]?.{x}1"], ["b1.x1"]),
    ],
)
def test_what_fits(pattern: str, root: str, fits: list[str], others: list[str]) -> None:
    made = Pattern(pattern)
    assert made.root == root
    assert [key for key in fits if not made.matches(key)] == []
    assert [key for key in others if made.matches(key)] == []


def test_plain_is_what_names_one_key() -> None:
    assert [p for p in ("a", "a/b", "a/", "*", "", "a*b/c") if Pattern(p).is_plain] == ["a", "a/b"]


def expression(pattern: str) -> str:
    """The same in the words of `re`, which may take very long where our matching does not."""
    pattern = pattern + "**" if pattern.endswith("/") else pattern
    out = []
    for part in re.findall(r"(?:(?<=/)|^)\*{2,}/|\*{2,}|\*|[^*]", pattern):
        stars = part.startswith("*")
        out.append(
            re.escape(part)
            if not stars
            else "(?:.*/)?"
            if part.endswith("/")
            else "[^/]*"
            if part == "*"
            else ".*"
        )
    return "".join(out)


@given(st.text("ab/*", max_size=9), st.text("ab/", min_size=1, max_size=9))
def test_it_means_what_the_expression_means(pattern: str, key: str) -> None:
    if pattern.endswith("/") and "*" not in pattern:
        assert Pattern(pattern).matches(key) == (key.startswith(pattern) and key != pattern)
    elif pattern:
        assert Pattern(pattern).matches(key) == bool(re.fullmatch(expression(pattern), key, re.DOTALL))


def test_no_pattern_takes_long() -> None:
    """An expression would take longer than the universe for this."""
    assert not Pattern("*a" * 300 + "b").matches("a" * 1000)
    assert Pattern("**a" * 300).matches("a/" * 300 + "a")
