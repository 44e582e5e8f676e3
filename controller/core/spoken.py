"""What somebody says in a comment, as against what they quote, show as code or hide: only that can be a command. Pure.

A reading of CommonMark that looks at the lines alone, since commands stand at the beginning of one. Where a rare nesting
leaves a doubt, the line does not count.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

_ENDS = re.compile(r"\r\n|\n|\r")
_COMMAND = re.compile(r"/([a-z]+(?:-[a-z]+)*)(?:[ \t]+(.*))?")
_MARKERS = re.compile(r" {0,3}(?:(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]+|$))+")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|=+[ \t]*|-+[ \t]*)$")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_QUOTE = re.compile(r" {0,3}>")
_SHOWN_AS_IT_IS = re.compile(r" {0,3}<(pre|script|style|textarea|blockquote)(?=[\s>]|$)", re.IGNORECASE)
_TAG = re.compile(r" {0,3}</?[a-zA-Z]")
_INLINE = re.compile(r"\\.|`+|<!--", re.DOTALL)
_COMMENT = "<!--"
_COMMENT_END = "-->"
_CODE = 4
"""Columns that make a line indented code."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command line: `/retest train model` has the name `retest` and the arguments `train model`."""

    name: str
    arguments: str = ""


def commands(text: str) -> list[Spoken]:
    """Every line that begins with `/word`, in lower case, and what follows the word; in the order of the text."""
    found = (_COMMAND.fullmatch(line.rstrip()) for line in lines(text))
    return [Spoken(match[1], match[2] or "") for match in found if match]


def lines(text: str) -> list[str]:
    """The lines that are neither quoted (`>`), nor code (fenced, indented, between backticks), nor inside an HTML comment.

    Of a line with a comment in it, what stands before it. A code block or a comment that nobody closes goes to the end.
    """
    reader = _Reader()
    for line in _ENDS.split(text):
        reader.take(line)
    reader.flush()
    return reader.found


@dataclass(frozen=True, slots=True)
class _Fence:
    """An open code block. `inside`: the column from which its list item's text begins, 0 outside of lists."""

    mark: str
    inside: int

    def closes(self, line: str) -> bool:
        said = line.strip(" \t")
        return (
            len(said) >= len(self.mark)
            and set(said) == {self.mark[0]}
            and _column(line) < _CODE + self.inside
        )


@dataclass(slots=True)
class _Reader:
    """Takes the lines of a text one by one. `paragraph` has those since the last border, and whether each may be spoken."""

    found: list[str] = field(default_factory=list)
    paragraph: list[tuple[str, bool]] = field(default_factory=list)
    fence: _Fence | None = None
    hidden: str = ""
    quoted: bool = False

    def take(self, line: str) -> None:
        """Take the next line."""
        if self.hidden:
            if self.hidden in line.lower():
                self.hidden = ""
        elif self.fence is not None and not self._leaves(line):
            if self.fence.closes(line):
                self.fence = None
        elif not line.strip(" \t"):
            self._border()
        elif _column(line) >= _CODE:
            if self.paragraph:
                self.paragraph.append((line, False))
        else:
            self._take_text(line)

    def _leaves(self, line: str) -> bool:
        """Whether the line ends the list item that the open code block stands in, and so the block."""
        assert self.fence is not None
        if line.strip(" \t") and _column(line) < self.fence.inside:
            self.fence = None
            return True
        return False

    def _take_text(self, line: str) -> None:
        rule = _RULE.match(line)
        marker = None if rule else _MARKERS.match(line)
        content = line[marker.end() :] if marker else line
        fence, hides = _FENCE.match(content), _hides(content)
        if _QUOTE.match(content):
            self._border()
            self.quoted = _goes_on(content)
        elif fence:
            self._border()
            self.fence = _Fence(fence[1], marker.end() if marker else 0)
        elif hides is not None:
            self._border()
            self.hidden = hides
        elif rule or _HEADING.match(content):
            # Below a quote a row of `=` is a line of its text.
            if not (self.quoted and line.strip(" \t=") == ""):
                self.flush()
                self.quoted = False
        else:
            if marker and self.paragraph and not content.strip(" \t"):
                # An item without words goes on with a paragraph, but not with another item's: in doubt nothing counts.
                self.paragraph = [(said, False) for said, _ in self.paragraph]
                self.quoted = True
            elif marker:
                self._border()
            # A line right below a quote is shown as part of it, as long as no empty one is between.
            if not self.quoted:
                self.paragraph.append((line, True))

    def _border(self) -> None:
        self.flush()
        self.quoted = False

    def flush(self) -> None:
        """The paragraph has ended: keep the lines of it that are spoken."""
        paragraph, self.paragraph = self.paragraph, []
        if not paragraph:
            return
        text = "\n".join(line for line, _ in paragraph)
        codes, comments, open_at = _spans(text)
        if open_at is not None and any(_TAG.match(line) for line, _ in paragraph):
            # Between tags a comment goes on over empty lines.
            comments.append((open_at, len(text)))
            self.hidden = _COMMENT_END
        start = 0
        for line, shown in paragraph:
            inside = any(first < start < last for first, last in (*codes, *comments))
            if shown and not inside:
                cut = [first - start for first, _ in comments if start <= first < start + len(line)]
                self.found.append(line[: min(cut)] if cut else line)
            start += len(line) + 1


def _column(line: str) -> int:
    """The column of the first character that is no blank; a tab goes to the next multiple of four."""
    column = 0
    for character in line:
        if character == "\t":
            column += 4 - column % 4
        elif character == " ":
            column += 1
        else:
            break
    return column


def _hides(content: str) -> str | None:
    """What ends the HTML that begins here and is no text; "" when it ends in the same line, None where none begins."""
    said = content.lstrip(" ")
    if said.startswith(_COMMENT):
        return "" if _COMMENT_END in said[2:] else _COMMENT_END
    tag = _SHOWN_AS_IT_IS.match(content)
    if tag is None:
        return None
    end = f"</{tag[1].lower()}>"
    return "" if end in said.lower() else end


def _goes_on(quote: str) -> bool:
    """Whether the next line, if it is plain text, belongs to the quote: not after an empty line of it, code or a heading."""
    inner = quote
    while not _RULE.match(inner) and (match := _QUOTE.match(inner) or _MARKERS.match(inner)) is not None:
        inner = inner[match.end() :].removeprefix(" ")
    return not (not inner.strip(" \t") or _FENCE.match(inner) or _HEADING.match(inner))


def _spans(text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int | None]:
    """Where inline code and comments begin and end, and where a comment begins that does not end; left to right."""
    runs: dict[int, list[int]] = {}
    for run in re.finditer("`+", text):
        runs.setdefault(len(run[0]), []).append(run.start())
    codes: list[tuple[int, int]] = []
    comments: list[tuple[int, int]] = []
    open_at = None
    at = 0
    while (match := _INLINE.search(text, at)) is not None:
        at = match.end()
        if match[0].startswith("`"):
            later = runs.get(len(match[0]), [])
            place = bisect_right(later, match.start())
            if place < len(later):
                at = later[place] + len(match[0])
                codes.append((match.start(), at))
        elif match[0] == _COMMENT:
            end = text.find(_COMMENT_END, match.start() + 2) if open_at is None else -1
            if end >= 0:
                at = end + len(_COMMENT_END)
                comments.append((match.start(), at))
            elif open_at is None:
                open_at = match.start()
    return codes, comments, open_at
