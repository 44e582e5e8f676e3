"""What answers look like, whatever others call their things; and the buttons of checks."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sqlalchemy import select

from controller.pulls import answers, commands, wishes
from controller.pulls.wishes import Press
from ledger import inbox
from ledger.tables import inbox as table
from tests.builders.talk import CONFIG, PULLS, STEP, Talk, trigger


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(tmp_path)


# Hostile words.

PIECES = (
    *"@#`*_[]()<>!|~$:/\\-+=.&\n\r\t ab1",
    "<script>",
    "@ada",
    "#1",
    "http://a.b",
    "www.a.b",
    "\u202e",
    "1. ",
)
HOSTILE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=20).map("".join)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
FOUND_BY_FORGES = re.compile(r"@\w|#\w|://|\bwww\.", re.IGNORECASE)


@given(HOSTILE, HOSTILE)
def test_no_words_of_others_become_markup_links_mentions_or_html(name: str, words: str) -> None:
    page = "http://luotsi.example/r/shop/run/1"
    for line in (
        answers.Line(words, name),
        answers.Line(words, name, page, command=name),
        answers.Line(f"is {words}"),
    ):
        parsed = MARKDOWN.parse(f"- {line.markdown.replace('<span>$</span>', '$')}")
        assert [token.type for token in parsed if token.type.endswith("_open")] == [
            "bullet_list_open",
            "list_item_open",
            "paragraph_open",
        ]
        tokens = [child for token in parsed for child in token.children or ()]
        assert {token.type for token in tokens} <= {
            "text",
            "code_inline",
            "link_open",
            "link_close",
            "text_special",
        }
        links = [token.attrs["href"] for token in tokens if token.type == "link_open"]
        assert links == ([page] if line.address else [])
        shown = "".join(token.content for token in tokens if token.type != "code_inline")
        assert not FOUND_BY_FORGES.search(shown)
        assert "\n" not in line.markdown
        assert "\n" not in line.plain


@pytest.mark.parametrize("name", ["<img src=x>", "@everyone", "`a` **b**", "[x](http://evil.example)"])
def test_a_name_that_a_comment_says_is_shown_as_it_is(talk: Talk, name: str) -> None:
    said = talk.say(f"/retest {name}")
    tokens = [child for token in MarkdownIt().parse(said) for child in token.children or ()]
    codes = [token.content for token in tokens if token.type == "code_inline"]
    wanted = " ".join(name.replace("`", " ").split())
    assert codes[:2] == [f"/retest {wanted}", wanted]
    assert not any(token.type in ("html_inline", "strong_open", "image") for token in tokens)


# Buttons.


def press(talk: Talk, context: str, may_write: bool = True) -> str:
    """As a delivery brings it; what the next turn came to."""
    pressed = Press(True, talk.head, context, "17", "ada", may_write)
    wishes.press(talk.mind.ports, talk.repository, pressed)
    with talk.mind.ports.ledger.read() as connection:
        [row] = inbox.unhandled(connection)
    talk.mind.turns()
    with talk.mind.ports.ledger.read() as connection:
        return str(connection.execute(select(table.c.outcome).where(table.c.id == row.id)).scalar_one())


def test_the_button_of_a_check_begins_it_again_and_that_of_all_what_has_run(tmp_path: Path) -> None:
    talk = Talk(tmp_path, CONFIG + trigger("docs", more=", paths: [docs/]"))
    assert "train is still running" in press(talk, "luotsi/train")
    for row in talk.mind.waiting():
        talk.mind.finish(row)
    assert press(talk, "luotsi/train").endswith("train begins again: round 2")
    assert talk.states() == {"train": ("running", 2), "test": ("success", 1), "docs": ("neutral", 1)}
    press(talk, "")
    assert talk.states() == {"train": ("running", 2), "test": ("running", 2), "docs": ("neutral", 1)}
    press(talk, "luotsi/docs")
    assert talk.states()["docs"] == ("running", 2)
    assert {row[0] for row in talk.audit()} == {"bare:17"}


def test_the_button_of_the_verdict_judges_nothing_anew(talk: Talk) -> None:
    before = talk.states()
    assert "is the verdict on the file at this commit, which stays" in press(talk, "luotsi/config")
    assert "luotsi/other is no check of it" in press(talk, "luotsi/other")
    assert talk.states() == before


def test_a_button_that_somebody_without_rights_presses_does_nothing(talk: Talk) -> None:
    talk.fail()
    assert "may not write" in press(talk, "luotsi/train", may_write=False)
    assert talk.states()["train"] == ("failure", 1)


def test_a_schedules_or_tags_check_begins_again_by_its_own_name(tmp_path: Path) -> None:
    talk = Talk(tmp_path, STEP + trigger("train", f"{PULLS}, tag: {{}}"))
    talk.mind.person.tag("v1", talk.head)
    talk.mind.turns()
    talk.fail()
    talk.say("/retest")
    rounds = {run.event: run.round for run in talk.mind.runs()}
    assert rounds == {"pull-request": 2, "tag": 1}
    talk.say("/retest train (tag)")
    assert {run.event: run.round for run in talk.mind.runs()} == {"pull-request": 2, "tag": 2}
    talk.fail()
    assert "train (tag) begins again: round 3" in press(talk, "luotsi/train (tag)")


def test_every_command_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "github.md").read_text(encoding="utf-8")
    assert [line for line in commands.HELP if f"| `{line}` |" not in page] == []
