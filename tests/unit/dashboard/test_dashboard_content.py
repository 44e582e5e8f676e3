"""What pages say: the answer first, the same words for the same states, and the reason when something waits."""

import json
import re

import pytest

from dashboard.templating import commands
from dashboard.words import exact
from ledger import tables
from tests.builders.dashboard_house import FilledHouse, House
from tests.builders.ledger_rows import NOW
from tests.builders.page_facts import read


def said(page: str) -> str:
    return " ".join(read(page).text.split())


def test_home_says_what_happens_and_what_is_in_trouble(filled: FilledHouse) -> None:
    words = said(filled.get("/"))
    assert "2 executions running, 2 waiting, 1 node to approve" in words
    assert "Waiting for an agent in gpu-large: the last one was heard of 12 min ago." in words
    assert "git.example.org does not answer" in words
    assert "accuracy 0.962 (+0.011 against" in words
    assert "wine v0.2.0 serves prod It listens beyond this machine." in words, "nothing is said twice"
    assert "s3cr3t" not in words
    assert "robot" not in words


def test_home_at_rest_says_how_the_last_run_ended(house: House) -> None:
    of = house.rows.repository()
    house.rows.run(of, house.rows.commit(of), "failure", seconds=330)
    assert re.search(r"Nothing runs\. train on main at [0-9a-f]{7} failed 4 min ago", said(house.get("/")))


def test_times_are_relative_with_the_exact_one_a_hover_away(filled: FilledHouse) -> None:
    page = filled.get("/agents")
    assert f'title="{exact(filled.rows.ago(720))}">12 min ago</time>' in page


@pytest.mark.parametrize(
    ("agents", "words"),
    [
        ([], "Waiting for an agent in gpu: none has been seen"),
        ([{"renewed_at": None}], "Waiting for an agent in gpu: none has reported yet."),
        ([{"renewed_at": 600}], "Waiting for an agent in gpu: the last one was heard of 10 min ago."),
        ([{"drained_at": 10}], "Waiting for an agent in gpu: 1 agent there, all draining."),
        ([{"slots": 2, "free_slots": 1}], "Waiting to be taken in gpu: 1 of 2 slots free."),
        ([{"slots": 2, "free_slots": 0}], "Waiting for a slot in gpu: 2 of 2 are busy; this one is next."),
    ],
)
def test_what_waits_says_for_what(house: House, agents: list[dict[str, int | None]], words: str) -> None:
    rows = house.rows
    of = rows.repository()
    for index, facts in enumerate(agents):
        moments = {k: rows.ago(v) if k.endswith("_at") and v is not None else v for k, v in facts.items()}
        rows.agent(f"agent-{index}", "gpu", **moments)
    waiting = rows.execution(of, rows.commit(of), "queued", environment="gpu")
    assert words in said(house.get("/"))
    assert words in said(house.get(f"/r/wine/executions/{waiting.number}"))


def test_what_waits_in_a_queue_says_how_many_are_ahead(house: House) -> None:
    of = house.rows.repository()
    sha = house.rows.commit(of)
    house.rows.agent(environment="gpu", slots=1, free_slots=0)
    house.rows.execution(of, sha, "queued", 50, environment="cpu")
    numbers = [house.rows.execution(of, sha, "queued", 40 - n, environment="gpu").number for n in range(3)]
    assert "1 of 1 are busy; 2 executions are ahead." in said(house.get(f"/r/wine/executions/{numbers[2]}"))


def test_the_controllers_own_reason_wins(house: House) -> None:
    of = house.rows.repository()
    waiting = house.rows.execution(of, house.rows.commit(of), "queued", reason="paused by Aino since 9:00")
    assert "paused by Aino since 9:00" in said(house.get(f"/r/wine/executions/{waiting.number}"))


def test_a_commit_shows_the_files_own_lines_with_a_caret(filled: FilledHouse) -> None:
    page = filled.get(f"/r/wine/commit/{filled.sample.broken}")
    words = read(page).text
    assert "valohai.yaml has 2 problems; the first is on line 7" in words
    assert "Did you mean integer?" in words
    assert "Nothing ran at this commit: its valohai.yaml has to hold first." in words
    lines = re.search(r'<pre class="excerpt">(.*?)</pre>', page, re.DOTALL)
    assert lines is not None
    shown = read(lines[1]).text.split("\n")
    place = shown.index("7        type: integr")
    assert shown[place + 1].index("^") == shown[place].index("integr") - len("7")


def test_a_commit_shows_snapshot_tags_and_promotions(filled: FilledHouse) -> None:
    words = said(filled.get(f"/r/wine/commit/{filled.sample.sha}"))
    assert "48.2 kB, 17 files" in words
    assert "wine@v0.1.0" in words
    assert "wine#prod was refused: it is a lightweight tag" in words
    assert "wine v0.2.0 serves prod" in words


def test_a_run_shows_its_gate_and_its_pipeline(filled: FilledHouse) -> None:
    page = filled.get(f"/r/wine/run/{filled.sample.run}")
    words = said(page)
    assert "accuracy >= base - 0.005 0.962 0.946 0.951 success" in words
    assert 'aria-label="train: success; evaluate: success"' in page
    assert f'<a href="/r/wine/executions/{filled.sample.trained.number}"><g class="node s-success">' in page


def test_an_execution_begins_with_its_answer(filled: FilledHouse) -> None:
    words = said(filled.get(f"/r/wine/executions/{filled.sample.trained.number}"))
    assert re.search(
        r"success train #2 accuracy 0\.9625 \(\+0\.011 against base [0-9a-f]{7}\), 1 min 24 s", words
    )
    assert "Registered as wine v0.1.0 by Aino Virtanen" in words
    assert (
        words.index("Gate")
        < words.index("Metrics")
        < words.index("Outputs")
        < words.index("Log")
        < words.index("How it was made")
    )


def test_a_failed_execution_begins_with_its_reason_and_its_log(filled: FilledHouse) -> None:
    words = said(filled.get(f"/r/wine/executions/{filled.sample.failed.number}"))
    assert "failure train #5 the command ended with exit code 1 after 4 s" in words
    assert "SystemExit: The loss is not a number in epoch 2." in words


def test_details_name_image_inputs_parameters_and_attempts(house: House) -> None:
    of = house.rows.repository()
    lost = house.rows.agent("agent-9")
    spec = {
        "commands": ["make"],
        "parameters": {"depth": 3},
        "environment_variables": {"HF_TOKEN": "hf_abc", "MODE": "fast"},
    }
    done = house.rows.execution(of, house.rows.commit(of), attempt=None, spec=spec)
    house.rows.attempt(done, "lost", 1, lost, reason="agent-9 was not heard of for 90 s")
    house.rows.attempt(
        done, "complete", 2, house.rows.agent("agent-2"), events=["left out socket: it is no file"]
    )
    page = house.get(f"/r/wine/executions/{done.number}")
    words = said(page)
    for text in (
        "python:3.12-slim",
        "depth 3",
        "wines/wine.csv",
        "2 attempts",
        "interrupted Attempt 1 on agent-9",
        "not heard of for 90 s",
        "left out socket",
        "MODE fast",
    ):
        assert text in words
    assert "hf_abc" not in page
    assert "hf_abc" not in house.get(f"/r/wine/executions/{done.number}.json")


def test_promotions_show_the_chain_to_what_runs(house: House) -> None:
    of = house.rows.repository()
    sha = house.rows.commit(of)
    done = house.rows.execution(of, sha)
    version = house.rows.version(done, sha, house.rows.output(done, "model.json", b"{}"))
    house.rows.promotion(of, version, running_digest="sha256:" + "b" * 64)
    house.rows.promotion(of, version, "failed", reason="the endpoint did not answer within 60 s")
    words = said(house.get("/promotions"))
    assert "but bbbbbbb runs" in words
    assert "the endpoint did not answer within 60 s" in words
    assert 'href="http://127.0.0.1:8081/wine/wine/prod/predict/"' in house.get("/promotions")


def test_agents_that_do_not_isolate_say_so(filled: FilledHouse) -> None:
    words = said(filled.get("/agents"))
    assert "process (no isolation): does not isolate what it runs" in words
    assert "silent gpu-1" in words
    assert "1 of 5 slots free, 1 execution waiting" in words


def test_a_state_of_a_newer_version_is_shown_as_it_is(house: House) -> None:
    of = house.rows.repository()
    house.rows.run(of, house.rows.commit(of), "hibernating")
    assert "hibernating" in said(house.get("/runs"))


def test_untrusted_runs_are_marked(house: House) -> None:
    of = house.rows.repository()
    house.rows.run(of, house.rows.commit(of), trust="untrusted")
    assert "untrusted" in said(house.get("/runs"))


def test_search_goes_to_the_one_answer(filled: FilledHouse) -> None:
    sha = filled.sample.sha
    found = filled.client.get(f"/search?q={sha[:8].upper()}")
    assert (found.status_code, found.headers["Location"]) == (302, f"/r/wine/commit/{sha}")
    assert filled.client.get("/search?q=%23 2").status_code == 200
    assert filled.client.get("/search?q=%2313").headers["Location"] == "/r/wine/executions/13"
    assert filled.client.get("/search?q=energy").headers["Location"] == "/r/forecast/energy"
    several = json.loads(filled.get("/search?q=wine&format=json"))
    assert {hit["kind"] for hit in several["hits"]} == {"repository", "version"}
    assert filled.client.get("/search?q=https://evil.example/").status_code == 200


def test_status_is_for_machines(filled: FilledHouse) -> None:
    body = filled.client.get("/status").get_json()
    assert body == {
        "ok": True,
        "name": "Luotsi",
        "now": "2030-03-14T09:26:53.000000+00:00",
        "ledger": "ok",
        "redis": "none",
    }


def test_a_ledger_that_cannot_be_read_is_a_page_and_a_503(house: House) -> None:
    house.rows.repository()
    tables.metadata.drop_all(house.rows.ledger.engine)
    assert "The ledger cannot be read now" in house.get("/", 503)
    assert NOW.year == 2030


def test_a_repository_shows_the_verdicts_on_its_commits(filled: FilledHouse) -> None:
    words = said(filled.get("/r/wine"))
    assert "failure Rename the step" in words
    assert "success Try a larger learning rate" in words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Make it with `git tag -a`.", "Make it with <code>git tag -a</code>."),
        ("`a` and `<b>`", "<code>a</code> and <code>&lt;b&gt;</code>"),
        ("one ` alone <i>", "one ` alone &lt;i&gt;"),
        ("`a` and ` more", "<code>a</code> and ` more"),
        ("", ""),
    ],
)
def test_commands_in_sentences_are_marked_and_nothing_else_is(text: str, shown: str) -> None:
    assert str(commands(text)) == shown
