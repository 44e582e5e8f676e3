"""What is shown on commits at GitHub: only what is new, within its limits, and whole after an interruption."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forges.github import checks
from forges.github.api import GitHubApi
from forges.port import Action, Annotation, Check, CheckShown, CheckState, Said
from schemas.errors import Gone, Refused, Stalled, Waiting
from tests.builders.forge_bench import HERE, SHA, installed, minted, with_app, with_token
from tests.builders.scripted_github import Say, Scripted, scripted

CHECK = Check(
    "luotsi/train", SHA, "running", "Running", "**1** of 2", url="https://luotsi.test/1", external_id="run-1"
)
DONE = replace(CHECK, state="success", title="Fine")
MADE = Say({"id": 9}, 201)


def there(count: int) -> Say:
    """The check as GitHub has it, with so many annotations."""
    return Say({"id": 9, "output": {"annotations_count": count}})


def remarks(count: int) -> tuple[Annotation, ...]:
    return tuple(Annotation("valohai.yaml", line, f"problem {line}") for line in range(1, count + 1))


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as script:
        yield script


@pytest.fixture
def api(server: Scripted) -> GitHubApi:
    """An App whose token is there already."""
    made = with_app(server)
    server.say(installed(), minted(), Say({"id": 7, "full_name": HERE}))
    made.repository(HERE)
    server.asked.clear()
    return made


def test_a_status_is_sent_once(server: Scripted) -> None:
    api = with_token(server)
    server.say(Say({"id": 1}, 201))
    said = api.say_status(HERE, SHA, "luotsi/train", "pending", "x " * 200, "https://luotsi.test/1")
    assert (
        api.say_status(HERE, SHA, "luotsi/train", "pending", "x " * 200, "https://luotsi.test/1", said)
        is said
    )
    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", f"/repos/acme/models/statuses/{SHA}")
    assert asked.body | {"description": ""} == {
        "context": "luotsi/train", "state": "pending", "description": "", "target_url": "https://luotsi.test/1",
    }  # fmt: skip
    assert len(asked.body["description"]) == 140
    server.say(Say({"id": 2}, 201))
    assert api.say_status(HERE, SHA, "luotsi/train", "success", "", known=said).final
    assert "target_url" not in server.asked[-1].body


def test_a_status_for_a_commit_that_is_gone(server: Scripted) -> None:
    server.say(Say({"message": f"No commit found for SHA: {SHA}"}, 422))
    with pytest.raises(Gone):
        with_token(server).say_status(HERE, SHA, "c", "success", "d")


@pytest.mark.parametrize("sha", ["", "../x", "a/b", "a b", "x" * 65])
def test_what_is_no_commit_is_not_asked_for(server: Scripted, sha: str) -> None:
    with pytest.raises(Refused):
        with_token(server).say_status(HERE, sha, "c", "success", "d")
    assert server.asked == []


def test_a_token_shows_no_checks(server: Scripted, api: GitHubApi) -> None:
    assert api.checks
    assert not with_token(server).checks
    with pytest.raises(Stalled, match="App"):
        with_token(server).say_check(HERE, CHECK)


def test_a_check_is_made_then_changed_and_never_repeated(server: Scripted, api: GitHubApi) -> None:
    server.say(MADE, Say({"id": 9}))
    said = api.say_check(HERE, CHECK)
    assert api.say_check(HERE, CHECK, said) is said
    done = api.say_check(HERE, DONE, said)
    assert api.say_check(HERE, DONE, done) is done
    assert server.paths == ["POST /repos/acme/models/check-runs", "PATCH /repos/acme/models/check-runs/9"]
    first, second = (asked.body for asked in server.asked)
    assert first["head_sha"] == SHA
    assert (first["status"], first["external_id"], first["details_url"]) == (
        "in_progress", "run-1", "https://luotsi.test/1",
    )  # fmt: skip
    assert (second["status"], second["conclusion"]) == ("completed", "success")
    assert "head_sha" not in second
    assert (done.id, done.final, done.after) == ("9", True, 0.0)


def test_a_text_that_is_over_is_taken_back(server: Scripted, api: GitHubApi) -> None:
    """GitHub keeps what a change leaves out: the way to stop what has ended."""
    server.say(MADE, Say({"id": 9}))
    said = api.say_check(HERE, replace(CHECK, text="How to stop it"))
    api.say_check(HERE, replace(DONE, text=""), said)
    assert [asked.body["output"].get("text") for asked in server.asked] == ["How to stop it", ""]


@pytest.mark.parametrize(("state", "shown"), [
    ("waiting", {"status": "queued"}),
    ("running", {"status": "in_progress"}),
    ("success", {"status": "completed", "conclusion": "success"}),
    ("failure", {"status": "completed", "conclusion": "failure"}),
    ("error", {"status": "completed", "conclusion": "failure"}),
    ("neutral", {"status": "completed", "conclusion": "neutral"}),
    ("cancelled", {"status": "completed", "conclusion": "cancelled"}),
    ("action-required", {"status": "completed", "conclusion": "action_required"}),
])  # fmt: skip
def test_every_state_has_githubs_words(state: CheckState, shown: dict[str, str]) -> None:
    body = checks.body(
        replace(
            CHECK,
            state=state,
            started_at="2030-01-02T03:04:05.678+00:00",
            finished_at="2030-01-02T03:04:06+00:00",
        )
    )
    assert shown.items() <= body.items()
    assert body["started_at"] == "2030-01-02T03:04:05Z"
    assert ("completed_at" in body) == ("conclusion" in shown) == ("conclusion" in body)


def test_annotations_go_in_batches_and_are_not_sent_again(server: Scripted, api: GitHubApi) -> None:
    server.say(MADE, *[Say({"id": 9})] * 2)
    check = replace(DONE, annotations=remarks(120))
    said = api.say_check(HERE, check)
    assert [len(asked.body["output"]["annotations"]) for asked in server.asked] == [50, 50, 20]
    assert [asked.method for asked in server.asked] == ["POST", "PATCH", "PATCH"]
    assert api.say_check(HERE, check, said) is said
    server.say(there(120), Say({"id": 9}))
    more = api.say_check(HERE, replace(check, title="More", annotations=remarks(121)), said)
    assert [one["start_line"] for one in server.asked[-1].body["output"]["annotations"]] == [121]
    assert more.remarks == 121


def test_what_was_interrupted_goes_on_where_it_was(server: Scripted, api: GitHubApi) -> None:
    server.say(MADE, Say(status=502))
    check = replace(DONE, annotations=remarks(120))
    said = api.say_check(HERE, check)
    assert (said.id, said.remarks, said.digest) == ("9", 50, "")
    assert said.after > 0
    server.say(there(50), *[Say({"id": 9})] * 2)
    said = api.say_check(HERE, check, said)
    assert [asked.method for asked in server.asked] == ["POST", "PATCH", "GET", "PATCH", "PATCH"]
    assert [one["start_line"] for one in server.asked[3].body["output"]["annotations"]] == list(
        range(51, 101)
    )
    assert said.after == 0
    assert api.say_check(HERE, check, said) is said
    server.say(Say(status=502))
    with pytest.raises(Waiting):
        api.say_check(HERE, replace(check, title="New"), said)


@pytest.mark.parametrize("change", [
    replace(DONE, annotations=remarks(2)[1:]), replace(DONE, annotations=()), replace(CHECK, annotations=remarks(2)),
])  # fmt: skip
def test_what_cannot_be_taken_back_begins_a_new_check(
    server: Scripted, api: GitHubApi, change: Check
) -> None:
    """An annotation that no longer holds, and a check that was completed and runs again."""
    server.say(MADE, Say({"id": 10}, 201))
    said = api.say_check(HERE, replace(DONE, annotations=remarks(2)))
    assert api.say_check(HERE, change, said).id == "10"
    assert server.asked[-1].method == "POST"
    sent = server.asked[-1].body["output"].get("annotations", [])
    assert len(sent) == len(change.annotations)


def test_more_annotations_than_anybody_reads_are_not_sent(server: Scripted, api: GitHubApi) -> None:
    server.say(MADE, *[Say({"id": 9})] * 4)
    check = replace(DONE, annotations=remarks(5000))
    said = api.say_check(HERE, check)
    assert len(server.asked) == 5
    assert api.say_check(HERE, check, said) is said


@given(
    st.text(max_size=300),
    st.text(max_size=300),
    st.integers(-5, 10**9),
    st.integers(-5, 10**9),
    st.integers(-5, 300),
)
def test_an_annotation_is_within_githubs_limits(
    title: str, words: str, line: int, end: int, column: int
) -> None:
    made = checks.annotation(Annotation("a.yaml", line, words * 300, title, end, column))
    assert 1 <= made["start_line"] <= made["end_line"]
    assert 0 < len(made["message"].encode("utf-8", "replace")) <= 64 * 1024
    assert len(made.get("title", "")) <= 255
    assert (
        ("start_column" in made)
        == ("end_column" in made)
        == (column > 0 and made["start_line"] == made["end_line"])
    )


@given(st.text(max_size=400), st.integers(1, 400), st.text(max_size=400))
def test_a_check_is_within_githubs_limits(text: str, times: int, title: str) -> None:
    actions = tuple(Action(title, text, f"a{number}") for number in range(5))
    body = checks.body(replace(DONE, title=title, summary=text * times, text=text * times, actions=actions))
    output = body["output"]
    assert 0 < len(output["title"]) <= 255
    assert 0 < len(output["summary"].encode("utf-8", "replace")) <= 65_535
    assert len(output.get("text", "").encode("utf-8", "replace")) <= 65_535
    assert len(body["actions"]) == 3
    assert all(len(one["label"]) <= 20 and len(one["description"]) <= 40 for one in body["actions"])


def test_a_cut_text_says_so() -> None:
    assert checks.cut("ä" * 40_000).endswith("(cut here: GitHub takes no more)")
    assert checks.cut("short") == "short"


def test_text_that_utf8_cannot_spell_is_sent_all_the_same(server: Scripted, api: GitHubApi) -> None:
    server.say(Say({"id": 5}, 201))
    assert api.comment(HERE, 3, "a\ud800b") == "5"
    assert server.asked[-1].body == {"body": "a?b"}


def test_a_deployment_is_made_once_and_its_state_shown(server: Scripted, api: GitHubApi) -> None:
    server.say(Say({"id": 4}, 201), Say({"id": 1}, 201), Say({"id": 2}, 201))
    said = api.say_deployment(HERE, SHA, "production", "in_progress", "v1 comes", ("https://luotsi.test", ""))
    assert (
        api.say_deployment(
            HERE, SHA, "production", "in_progress", "v1 comes", ("https://luotsi.test", ""), said
        )
        is said
    )
    assert api.say_deployment(HERE, SHA, "production", "success", "v1 serves", known=said).final
    assert [path.rpartition("/models")[2] for path in server.paths] == [
        "/deployments", "/deployments/4/statuses", "/deployments/4/statuses",
    ]  # fmt: skip
    assert server.asked[0].body["auto_merge"] is False
    assert server.asked[0].body["required_contexts"] == []


@pytest.mark.parametrize(
    ("environment", "people_meet_it"),
    [
        ("churn/prod", True),
        ("churn/Production", True),
        ("production", True),
        ("prod/dev", False),
        ("churn/product", False),
    ],
)
def test_a_deployment_says_where_it_answers_what_is_about_it_and_if_people_meet_it(
    server: Scripted, api: GitHubApi, environment: str, people_meet_it: bool
) -> None:
    server.say(Say({"id": 4}, 201), Say({"id": 1}, 201), Say({"id": 2}, 201))
    page, model = "https://luotsi.test/r/churn", "https://models.test/churn"
    said = api.say_deployment(HERE, SHA, environment, "success", "v1 serves", (page, model))
    api.say_deployment(HERE, SHA, environment, "inactive", "v2 serves", (page, ""), said)
    assert server.asked[0].body["production_environment"] is people_meet_it
    assert [one.body.get("log_url") for one in server.asked[1:]] == [page, page]
    assert [one.body.get("environment_url") for one in server.asked[1:]] == [model, None]


def test_a_deployment_that_was_interrupted_is_not_made_twice(server: Scripted, api: GitHubApi) -> None:
    server.say(Say({"id": 4}, 201), Say(status=502), Say({"id": 1}, 201))
    said = api.say_deployment(HERE, SHA, "production", "success", "")
    assert (said.id, said.digest) == ("4", "")
    assert said.after > 0
    said = api.say_deployment(HERE, SHA, "production", "success", "", known=said)
    assert server.answers == []
    assert said == Said("4", said.digest, final=True)


def test_what_is_shown_can_be_asked(server: Scripted, api: GitHubApi) -> None:
    run = {
        "id": 1,
        "name": "luotsi/a",
        "status": "completed",
        "conclusion": "failure",
        "external_id": "r",
        "output": {"title": "No"},
    }
    server.say(
        Say(
            {
                "total_count": 1,
                "check_runs": [run, run | {"status": "queued", "conclusion": None, "output": None}],
            }
        ),
        Say({"statuses": [{"id": 2, "context": "other", "state": "pending", "description": None}]}),
    )
    assert api.shown(HERE, SHA) == (
        CheckShown("1", "luotsi/a", "failure", "r", "No"),
        CheckShown("1", "luotsi/a", "queued", "r"),
        CheckShown("2", "other", "pending"),
    )
