"""What of a comment is spoken: never what a reader sees as a quote, as code, or not at all."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from controller.core import triggers
from controller.core.spoken import Spoken, commands, lines

MARKDOWN = MarkdownIt("commonmark")
PIECES = (
    *(
        "\n",
        "\n\n",
        "`",
        "``",
        "```",
        "~~~",
        "~~~~",
        "> ",
        ">",
        "    ",
        "\t",
        "  ",
        " ",
        "<!--",
        "-->",
        "<!-->",
    ),
    *("- ", "* ", "# ", "---", "===", "\\", "word", "/a", "/b", "/c", "\n/a\n", "\n/b\n", "\n/c x"),
)
MARKED = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def shown_as_text(text: str) -> set[str]:
    """The words with which the lines begin that a reader of CommonMark sees as text outside of any quote."""
    found, quotes = set(), 0
    for token in MARKDOWN.parse(text):
        quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type != "inline" or quotes:
            continue
        begins = True
        for child in token.children or ():
            if begins and child.type == "text" and child.content.startswith("/"):
                found.add(child.content.partition("<!--")[0].split()[0])
            begins = child.type in ("softbreak", "hardbreak")
    return found


@given(MARKED)
def test_no_command_is_heard_that_a_reader_does_not_see_as_text(text: str) -> None:
    assume("--->" not in text)  # where this reader lets a comment go on, and CommonMark 0.31 (6.6) ends it
    assert {f"/{command.name}" for command in commands(text)} <= shown_as_text(text)


@given(st.lists(st.sampled_from(("/a", "/b now", "words", "a `b` c", "")), max_size=12))
def test_plain_lines_are_all_heard_whatever_their_ends(said: list[str]) -> None:
    wanted = [line for line in said if line.startswith("/")]
    for end in ("\n", "\r\n", "\r"):
        heard = [f"/{one.name} {one.arguments}".strip() for one in commands(end.join(said))]
        assert heard == wanted


@given(MARKED, st.sampled_from(("> ", "    ", "\t", " > > ", "- > ")))
def test_nothing_is_heard_of_a_text_whose_every_line_is_quoted_or_indented(text: str, mark: str) -> None:
    assert commands("\n".join(mark + line for line in text.replace("\r", "\n").split("\n"))) == []


@given(st.sampled_from(("```", "~~~~~", "```python", "<!--", "<pre>", "<blockquote>", "~~~ `x`")), MARKED)
def test_nothing_is_heard_of_what_nobody_closes(opening: str, text: str) -> None:
    inside = text.replace("`", "").replace("~", "").replace("-->", "")
    assert commands(f"{opening}\n{inside}\n/a\n") == []


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert len(lines(text)) <= len(text) + 1


HEARD = {
    "/retest": [Spoken("retest")],
    "/retest train model  ": [Spoken("retest", "train model")],
    "Please\r\n/retest\r\nThanks": [Spoken("retest")],
    "/retest\n/cancel a": [Spoken("retest"), Spoken("cancel", "a")],
    "> quoted\n\n/retest": [Spoken("retest")],
    "```\n/cancel\n```\n/retest": [Spoken("retest")],
    "````\n```\n/cancel\n````\n/retest": [Spoken("retest")],
    "- ```\n  /cancel\n/retest": [Spoken("retest")],
    "<!-- a template\n/cancel\n-->\n/retest": [Spoken("retest")],
    "/retest <!-- the flaky one --> /cancel": [Spoken("retest")],
    "See `<!--` there\n/retest": [Spoken("retest")],
    "A lone ` mark\n/retest": [Spoken("retest")],
    "\\` not code\n/retest `x`": [Spoken("retest", "`x`")],
    "<details>\n<summary>Why</summary>\n\n/retest\n</details>": [Spoken("retest")],
    "# Title\n/retest\n---\n/cancel": [Spoken("retest"), Spoken("cancel")],
}
UNHEARD = (
    "> /retest",
    ">/retest",
    "> quoted\n/retest",
    "> > twice\nand on\n/retest",
    "- > in a list\n/retest",
    "    /retest",
    "\t/retest",
    " /retest",
    "`/retest`",
    "`code\n/retest\ncode`",
    "``code ` \n/retest\n``",
    "```\n/retest",
    "~~~\n/retest\n```",
    "````\n```\n/retest\n```",
    "<!-- /retest -->",
    "<!--\n\n/retest\n\n-->",
    "words <!-- hidden\n/retest --> words",
    "<div>\n<!--\n\n/retest\n\n-->",
    "<pre>\n/retest\n</pre>",
    "<blockquote>\n\n/retest\n</blockquote>",
    "`\n/retest\n* \n`",
    "/Retest",
    "/RETEST",
    "//retest",
    "/usr/bin",
    "/retest2",
    "go /retest",
    "\x0b/retest",
    "a\u2028/retest",
    "",
)


@pytest.mark.parametrize("text", HEARD)
def test_what_is_said_is_heard(text: str) -> None:
    assert commands(text) == HEARD[text]


@pytest.mark.parametrize("text", UNHEARD)
def test_what_is_quoted_shown_or_hidden_is_not_heard(text: str) -> None:
    assert commands(text) == []


def test_a_word_that_is_not_all_of_the_command_is_another_one() -> None:
    assert commands("/re test") == [Spoken("re", "test")]


def test_a_triggers_own_command_is_heard_in_spoken_lines_only() -> None:
    assert triggers.commands("Yes\n/train now", "/train")
    assert not triggers.commands("> /train now", "/train")
    assert not triggers.commands("```\n/train\n```", "/train")
