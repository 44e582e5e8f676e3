"""Markdown in which the words of others stay words. Pure.

Names of branches, files and metrics, reasons and log lines are what a stranger chose. On a forge they must give no
markup, no HTML, no mention that notifies anybody, no reference to an issue, no link.
Markup: https://github.github.com/gfm/; mentions and references, which are found in the finished text outside of code
and links: https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls.
"""

import re
from collections.abc import Iterable, Sequence

from schemas.plain_text import visible, without_escapes

BREAK = "\u200b"
"""A space without width: what stands before and after it is no mention, reference or address."""
LONGEST_CODE = 80
LONGEST_LINE = 240
"""Characters of one line of a log."""

_MARKUP = re.compile(r"[\\`*_\[\]<>|~&#]")
_NAMED = re.compile(
    r"(`[^`]*`)"  # code already
    r"|(?<![^\s(\[])(?:#\d{1,9}|[\w./-]{1,60}\.[a-z]{1,5}(?::\d{1,9}){1,2})"  # `#12`, `valohai.yaml:3:1`
    r"(?![\w:#@/`.-]*[\w#@/`-])"
)
_DOLLAR = re.compile(r"\$")
_AT_START = re.compile(r"^(?:[-+=]|\d+(?=[.)]))")
_FOUND_BY_FORGES = re.compile(
    r"@(?=[\w-])"  # mentions and mail addresses
    r"|#(?=\w)|\b[gG][hH]-(?=\d)"  # issues
    r"|:(?=//)|\b[wW]{3}(?=\.)"  # addresses
    r"|:(?=[\w+-]+:)"  # emoji
)


def line(words: str) -> str:
    """Any text as one line, with control characters drawn: for a title, which is no Markdown."""
    return visible(" ".join(words.split()))


def text(words: str) -> str:
    """Words of others as one line of prose."""
    return _DOLLAR.sub(_dollar, _escaped(_FOUND_BY_FORGES.sub(_apart, line(words))))


def prose(words: str) -> str:
    """A sentence of ours about things of others: what stands between backticks in it is code, the rest is text.

    Numbers of executions and places in files are code, too: nothing invisible is copied with them.
    """
    said = line(words)
    if said.count("`") % 2:
        return text(words)
    pieces = _NAMED.sub(lambda found: found[0] if found[1] else f"`{found[0]}`", said).split("`")
    made = [
        code(each, 2 * LONGEST_CODE) if place % 2 and each else text(each)
        for place, each in enumerate(pieces)
    ]
    spaced = [
        _padded(pieces[place], made[place]) if place % 2 == 0 else made[place] for place in range(len(made))
    ]
    return "".join(spaced)


def _padded(raw: str, made: str) -> str:
    """With the spaces that stand between a text and its neighbours."""
    return (" " if raw[:1] == " " else "") + made + (" " if raw[-1:] == " " and raw.strip() else "")


def _apart(found: re.Match[str]) -> str:
    return found[0] + BREAK


def _dollar(found: re.Match[str]) -> str:
    """GitHub takes what stands between two of them for a formula, and documents this way around it."""
    return "<span>$</span>"


def _escaped(words: str) -> str:
    safe = _MARKUP.sub(lambda found: "\\" + found[0], words)
    return _AT_START.sub(_unlisted, safe)


def _unlisted(found: re.Match[str]) -> str:
    """At the start of a line a number with a dot is a list, and a dash too."""
    return found[0] + "\\" if found[0][0].isdigit() else "\\" + found[0]


def code(words: str, most: int = LONGEST_CODE) -> str:
    """A machine's word in its own type, clipped."""
    shown = clip(line(words), most) or " "
    ticks = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    room = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{ticks}{room}{shown}{room}{ticks}"


def link(words: str, address: str) -> str:
    """Words that lead to a page of ours. `address` is one that was made here, with every part of it quoted."""
    return f"[{_escaped(line(words))}]({address})"


def code_link(words: str, address: str) -> str:
    """A machine's word that leads to a page of ours."""
    return f"[{code(words)}]({address})"


def clip(words: str, most: int) -> str:
    """At most so many characters, the last of them a mark where something is missing."""
    return words if len(words) <= most else words[: most - 1] + "…"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table of cells that are Markdown. `numbers`: columns that are set to the right. Columns without a word are left out."""
    rows = [list(row) for row in rows]
    kept = [place for place in range(len(head)) if any(row[place] for row in rows)]
    right = set(numbers)
    lines = [
        [head[place] for place in kept],
        ["--:" if place in right else ":--" for place in kept],
        *([row[place] for place in kept] for row in rows),
    ]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines)


def block(lines: Iterable[str]) -> str:
    """Lines of a log or a file as they are, each clipped, between fences longer than any inside."""
    shown = [clip(without_escapes(each).replace("\n", "␊"), LONGEST_LINE) for each in lines]
    longest = max((len(found) for each in shown for found in re.findall("`+", each)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *shown, fence])


def folded(title: str, body: str) -> str:
    """A part that opens at a click. `title` is ours."""
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


def joined(parts: Iterable[str]) -> str:
    """Paragraphs, without those that say nothing."""
    return "\n\n".join(part for part in parts if part)
