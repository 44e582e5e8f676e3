"""The words of others in Markdown: they come out as they went in, and mean nothing on the way. As properties."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it.token import Token

from controller.core.checks import markdown
from schemas.plain_text import visible, without_escapes
from tests.builders.forge_page import markdown as reader

HOSTILE = (
    "</details><script>alert(1)</script>", "@mona please look", "fixes #12", "mona/site#3", "GH-7", "http://evil.example",
    "[click](http://evil.example)", "![x](http://evil.example/x.png)", "www.evil.example", "a | b | c", "```", "``` js", "`",
    "\\`", "1. one", "- [ ] task", "# head", "> quote", "---", "===", "~~~", "&lt;&amp;", "<!-- ", "a\n\nb", "\x1b[31mred\x1b[0m",
    "$a$ and $b$", ":tada:", "mona@example.com", "\u202eabc", "*a* _b_ __c__", "\\", "    code", "", "|", "\t",
)  # fmt: skip
words = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.lists(st.sampled_from(HOSTILE), max_size=4).map(" ".join),
)
FOUND_BY_FORGES = re.compile(r"@[\w-]|#\w|\b[gG][hH]-\d|://|\bwww\.|:[\w+-]+:")


def tokens(source: str) -> list[Token]:
    """All of the document's tokens, those inside of paragraphs too."""
    return [each for top in reader().parse(source) for each in (top, *(top.children or ()))]


def shown(source: str) -> str:
    """The text that a reader sees, the way around formulas taken back. Fails for anything but text and code in paragraphs."""
    text = ""
    for token in tokens(source):
        if token.type == "html_inline":
            assert token.content in ("<span>", "</span>")
        elif token.type in ("text", "text_special", "code_inline"):
            text += token.content
        else:
            assert token.type in ("paragraph_open", "inline", "paragraph_close"), token
    return text


def one_line(words: str) -> str:
    return visible(" ".join(words.split()))


def bare(words: str) -> str:
    """Without spaces and the marks of code, which a sentence may lose."""
    return "".join(words.replace("`", "").replace(markdown.BREAK, "").split())


@given(words)
def test_text_comes_out_as_it_went_in(given_words: str) -> None:
    made = markdown.text(given_words)
    assert shown(made).replace(markdown.BREAK, "") == one_line(given_words).replace(markdown.BREAK, "")


@given(words)
def test_no_forge_finds_anything_in_text(given_words: str) -> None:
    assert not FOUND_BY_FORGES.search(shown(markdown.text(given_words)))


@given(words)
def test_code_comes_out_as_it_went_in(given_words: str) -> None:
    found = [token for token in tokens(markdown.code(given_words)) if token.type == "code_inline"]
    assert [token.content.strip(" ") for token in found] == [
        markdown.clip(one_line(given_words), markdown.LONGEST_CODE)
    ]


@given(words)
@example("`` ` ``")
def test_a_sentence_with_code_says_the_same(given_words: str) -> None:
    assert bare(shown(markdown.prose(given_words))) == bare(one_line(given_words))


@given(words, words)
def test_a_link_leads_only_where_we_say(label: str, other: str) -> None:
    found = tokens(f"{markdown.link(label, 'http://a.example/x')} {markdown.text(other)}")
    assert [token.attrs["href"] for token in found if token.type == "link_open"] == ["http://a.example/x"]
    assert not [token for token in found if token.type == "image"]


@given(st.lists(st.tuples(words, words), min_size=1, max_size=3))
def test_a_table_has_its_cells_and_no_others(cells: list[tuple[str, str]]) -> None:
    rows = [(markdown.code(left), markdown.text(right)) for left, right in cells]
    source = markdown.table(["a", "b"], [*rows, ("x", "y")])
    found = [each for each in reader().parse(source) if each.type == "inline"]
    assert len(found) == 2 * (len(rows) + 2)
    for token, (left, _) in zip(found[2::2], cells, strict=False):
        code = [each.content for each in token.children or () if each.type == "code_inline"]
        assert [each.strip(" ") for each in code] == [markdown.clip(one_line(left), markdown.LONGEST_CODE)]


@given(st.lists(words, max_size=5))
def test_a_block_ends_where_we_end_it(lines: list[str]) -> None:
    found = reader().parse(f"{markdown.block(lines)}\n\nafter")
    assert [token.type for token in found] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert found[0].content.splitlines() == [
        markdown.clip(without_escapes(line).replace("\n", "␊"), markdown.LONGEST_LINE) for line in lines
    ]


def test_a_column_without_a_word_is_left_out() -> None:
    assert (
        markdown.table(["a", "b", "c"], [["1", "", "3"]], numbers=(2,))
        == "| a | c |\n| :-- | --: |\n| 1 | 3 |"
    )


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("unknown key `imge`", "unknown key `imge`"),
        ("`a` and `b`: no", "`a` and `b`: no"),
        ("one ` alone", "one \\` alone"),
        ("`<b>` is *no*", "`<b>` is \\*no\\*"),
        ("#9 train failed: exit code 1", "`#9` train failed: exit code 1"),
        (
            "valohai.yaml:23:46: no (see a/valohai.yaml:3).",
            "`valohai.yaml:23:46`: no (see `a/valohai.yaml:3`).",
        ),
        ("`a`#9 b#9 #9-x", "`a`\\#\u200b9 b\\#\u200b9 \\#\u200b9-x"),
        ("`#9 a` and #9, #10", "`#9 a` and `#9`, `#10`"),
    ],
)
def test_what_stands_between_backticks_in_a_sentence_is_code(said: str, made: str) -> None:
    assert markdown.prose(said) == made
