"""The one comment below a pull request says each thing once."""

from controller.core.checks import check_config, one_comment
from forges.port import Check, CheckState

HEAD = "a" * 40


def check(name: str, state: CheckState, title: str, summary: str) -> Check:
    return Check(f"luotsi/{name}", HEAD, state, title, summary)


def held(name: str, page: str) -> Check:
    words = f"**Nothing runs by itself.**\n\n```\n/approve {HEAD}\n```\n\nA new push needs another.\n\n[Run]({page})"
    return check(name, "action-required", "waits for approval", words)


def test_what_lets_several_checks_run_is_said_once() -> None:
    said = one_comment.text(HEAD, [held("test", "http://a/1"), held("train", "http://a/2")])
    assert said.count("/approve") == 1
    assert said.count("needs another") == 1
    assert said.index("`luotsi/test`") < said.index("/approve") < said.index("`luotsi/train`")
    assert [f"[Run](http://a/{number})" in said for number in (1, 2)] == [True, True]


def test_what_a_title_says_already_is_not_folded_below_it() -> None:
    words = "valohai.yaml is valid; triggers: train"
    green = check("config", "success", words, f"**Success**: {words}.")
    more = check("train", "success", "accuracy 0.9", "**Success**: it holds.\n\n| Metric |")
    said = one_comment.text(HEAD, [green, more])
    assert said.count("<details>") == 1
    assert said.count(words) == 1
    assert "| Metric |" in said


def test_a_sentence_that_has_its_full_stop_gets_no_second_one() -> None:
    said = "step fit names the group x. It has: none (setting variable-groups)."
    assert check_config.summary("error", said, [], None) == f"**Error**: {said}"
