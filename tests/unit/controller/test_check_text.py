"""What a forge shows of a run and of a config: from real runs, read as a person reads them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from controller.checks.text import check_of
from controller.ports import Environment
from forges.port import Check
from ledger import outbox
from ledger.tables import attempts, executions, statuses, verdicts
from tests.builders import check_scenes, forge_page, statements
from tests.builders.check_mind import GATED, TRAIN, CheckMind
from tests.builders.mind import ENVIRONMENT

PLAIN = TRAIN + "- trigger: {name: train, when: {push: {}}, run: {step: train}}\n"
REUSED = PLAIN.replace("run: {step: train}}", "run: {step: train}, reuse: true}")


@pytest.fixture(scope="module")
def success(tmp_path_factory: pytest.TempPathFactory) -> Check:
    return check_scenes.success(tmp_path_factory.mktemp("success"))


def rows(markdown: str) -> list[list[str]]:
    """The cells of a text's tables as they are written, without their heads."""
    lines = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("|")]
    return [cells for cells in lines if not set("".join(cells)) <= set(":- ")]


def test_a_success_is_told_in_its_first_line(success: Check) -> None:
    assert success.state == "success"
    assert re.fullmatch(
        r"accuracy 0\.962 \(\+0\.011 against main at [0-9a-f]{7}\), loss 0\.117 \(−0\.007\), 14 min, \$0\.42",
        success.title,
    )


def test_a_success_shows_what_changed_against_its_base(success: Check) -> None:
    head, accuracy, loss, epochs = rows(success.summary)
    assert [cell.split(" at ")[0] for cell in head] == ["Metric", "Here", "`main`", "Change", "Expected"]
    assert accuracy == [
        "`accuracy`", "0.962", "0.951", "↑ +0.011 better", "✓ at least 0.946 (`base - 0.005`)<br>✓ at least 0.9",
    ]  # fmt: skip
    assert loss == ["`loss`", "0.117", "0.124", "↓ −0.007 better", "✓ below 0.2"]
    assert epochs[:2] == ["`epochs`", "12"]


def test_a_success_leads_to_run_log_plots_and_outputs(success: Check) -> None:
    summary = success.summary
    assert re.search(
        r"\[`model\.onnx`\]\(http://luotsi\.example/r/shop/executions/2/outputs/[0-9a-f-]{36}\) 1\.2 MB",
        summary,
    )
    assert "[log](http://luotsi.example/r/shop/executions/2/log)" in summary
    assert "[plots](http://luotsi.example/r/shop/executions/2#metrics)" in summary
    assert "machine time 14 min 1 s, <span>$</span>0.42" in summary


def test_a_gate_that_fails_says_which_line_and_by_how_much(tmp_path: Path) -> None:
    check = check_scenes.broken_gate(tmp_path)
    assert (check.state, check.title) == (
        "failure",
        "accuracy is 0.922, expected >= 0.946 (accuracy >= base - 0.005)",
    )
    assert check.summary.startswith("**Failure**: 2 of 3 expectations do not hold.")
    assert "| ↓ −0.029 worse | **✗ at least 0.946** (`base - 0.005`)<br>✓ at least 0.9 |" in check.summary


def test_a_failure_shows_the_line_that_failed_and_the_end_of_the_log(tmp_path: Path) -> None:
    check = check_scenes.failure(tmp_path)
    words = "ValueError: (4898, 11) and (4897,) do not fit; #1 train failed: exit code 1 after 4 min 12 s"
    assert (check.state, check.title) == ("failure", words)
    where = "[line 17 of the log](http://luotsi.example/r/shop/executions/1/log?line=17#L17)"
    assert check.summary.startswith(
        f"**Failure**: {where} of `train` says `ValueError: (4898, 11) and (4897,) do not fit`."
    )
    assert "17  ValueError: (4898, 11) and (4897,) do not fit\n```" in check.summary
    assert "exit code 1" not in check.summary, "the agent's own line comes after what failed"
    assert "`luotsi reproduce 1`" in check.text
    assert "`luotsi retry 1`" in check.text


def test_a_failure_that_names_no_error_is_known_by_its_last_line(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    mind.printed(mind.waiting()[0], ["epoch 1", "The loss is not a number @mona.", "!exit code 1"])
    where = "[line 2 of the log](http://luotsi.example/r/shop/executions/1/log?line=2#L2)"
    assert mind.check().summary.startswith(
        f"**Failure**: the log of `train` ends with {where}: `The loss is not a number @mona.`."
    )


def test_a_gate_that_fails_says_more_than_what_was_printed(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    mind.printed(mind.waiting()[0], ["ERROR: disk"], "complete", metadata={"accuracy": 0.1, "loss": 0.9})
    assert mind.check().title.startswith("accuracy is 0.1, expected")


def test_an_error_far_above_the_end_is_pointed_at(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    mind.printed(mind.waiting()[0], ["ERROR: disk", *["fine"] * 50, "ValueError: no"])
    earlier = "an earlier error is on [line 1](http://luotsi.example/r/shop/executions/1/log?line=1#L1)."
    assert earlier in mind.check().summary.splitlines()[0]


def test_a_log_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    key = mind.printed(mind.waiting()[0], check_scenes.TROUBLE)
    mind.ports.stores["system"].delete(key)
    summary = mind.check().summary
    assert (
        "Its log is not in the store. See [the log](http://luotsi.example/r/shop/executions/1/log)."
        in summary
    )
    assert summary.startswith("**Failure**: `#1` train failed: exit code 1 after 4 min 12 s.")


def test_a_run_that_waits_says_for_what_and_how_long_it_usually_takes(tmp_path: Path) -> None:
    check = check_scenes.waiting(tmp_path)
    assert (check.state, check.title) == ("waiting", "#3 train waits for an agent")
    assert check.summary.startswith(
        "Waiting for a slot in `gpu-large`: 2 of 2 are busy; 1 execution is ahead. "
        "It usually takes 14 min and costs <span>$</span>0.42: the median of its last runs."
    )
    assert "ahead" not in check.title
    assert [action.identifier for action in check.actions] == ["cancel"]


@pytest.mark.parametrize(
    ("slots", "free", "said"),
    [
        (2, 1, "Waiting to be taken in `gpu-large`: 1 of 2 slots free."),
        (1, 0, "Waiting for a slot in `gpu-large`: 1 of 1 are busy; this one is next."),
    ],
)
def test_the_reason_for_waiting_is_what_the_machines_say(
    tmp_path: Path, slots: int, free: int, said: str
) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    mind.agent_says(slots, free)
    assert mind.check().summary.splitlines()[0] == said


def test_an_agent_that_is_not_heard_of_is_said_to_be_silent(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    assert mind.check().summary.startswith(
        "Waiting for an agent in `gpu-large`: none has been heard of lately."
    )


def test_what_runs_is_running_and_says_what_it_says(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    [execution] = mind.waiting()
    mind.claim(execution)
    mind.turns()
    with mind.ports.ledger.write() as connection:
        connection.execute(update(executions).values(status_detail="epoch 3 of 12 @mona"))
    check = mind.check()
    assert check.state == "running"
    assert check.summary.startswith("`train` is running (epoch 3 of 12 @\u200bmona).")
    where = f"http://luotsi.example/r/shop/executions/{execution.number}/log"
    assert f"[live log]({where})" in check.summary
    assert check.finished_at == ""


def test_the_same_facts_are_the_same_words_at_any_time(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    mind.ran(14, metadata={"accuracy": 0.95, "loss": 0.1})
    before = mind.check()
    mind.turn()
    assert mind.check() == before


def test_a_held_run_asks_for_a_person(tmp_path: Path) -> None:
    check = check_scenes.held(tmp_path)
    assert check.state == "action-required"
    assert "it comes from a fork by mona" in check.summary
    assert f"/approve {check.head}" in check.summary
    assert "`forks`" in check.summary
    assert "/retest" not in check.text


def test_what_an_old_result_gave_is_said(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(REUSED)
    mind.ran(14, outputs={"model.bin": b"x"}, metadata={"loss": 0.5})
    mind.push(REUSED, "The same again")
    check = mind.check()
    assert (check.state, check.title) == ("success", "#2 train complete, reused #1")
    name, state = rows(check.summary)[-1]
    assert name == "[\\#2 train](http://luotsi.example/r/shop/executions/2)"
    assert state == "✓ reused `#1`: same archive, image, inputs, parameters"
    assert "(http://luotsi.example/r/shop/executions/2/outputs/" in check.summary, (
        "its page has the files too"
    )
    assert "machine time" not in check.summary


def test_a_price_that_changes_does_not_rewrite_what_was_spent(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path, price=1.8)
    mind.push(PLAIN)
    mind.ran(60)
    settings = replace(mind.ports.settings, environments=(Environment(ENVIRONMENT, "gpu-large", price=99.0),))
    mind.ports = replace(mind.ports, settings=settings)
    assert mind.check().title == "#1 train complete, 1 h 0 min, $1.80"


def test_every_attempt_costs(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path, price=1.0)
    mind.push(PLAIN)
    execution = mind.ran(60, outcome="interrupted", reason="the machine went away")
    mind.ran(60, execution)
    assert mind.check().title.endswith(", $2.00")


def test_without_a_price_nothing_is_said_of_money(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path, price=None)
    mind.push(PLAIN)
    mind.ran(60)
    check = mind.check()
    assert "$" not in check.title + check.summary
    assert "machine time 1 h 0 min" in check.summary


def test_a_config_shows_its_own_lines_and_a_remark_at_each(tmp_path: Path) -> None:
    check = check_scenes.config(tmp_path)
    assert (check.state, check.title) == ("failure", "valohai.yaml:1:3: `step` has no `image` (and 2 more)")
    assert check.summary.startswith("**Failure**: 3 problems.")
    assert "3 |     imge: python:3.12\n  |     ^" in check.summary
    assert "`luotsi lint`" in check.summary
    places = [(each.path, each.line, each.column, each.level) for each in check.annotations]
    assert places == [("valohai.yaml", line, column, "failure") for line, column in ((1, 3), (3, 5), (5, 37))]
    assert (check.annotations[1].title, check.annotations[1].message) == (
        "unknown key `imge`",
        "Did you mean `image`?",
    )


def test_a_config_without_mistakes_is_one_sentence(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    check = mind.check("luotsi/config")
    assert (check.state, check.annotations) == ("success", ())
    assert check.summary == "**Success**: valohai.yaml is valid; triggers: train."


def test_a_word_of_nobody_has_its_state_and_description(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    sha = mind.push(GATED)
    alarm = outbox.NewStatus(mind.repository_id(), sha, "luotsi/tag v1", "error", "moved by @mona", "", True)
    with mind.ports.ledger.write() as connection:
        outbox.say(connection, alarm, mind.now)
    check = mind.check("luotsi/tag v1")
    assert (check.state, check.title, check.summary) == (
        "error",
        "moved by @mona",
        "moved by @\u200bmona.",
    )


def test_a_check_is_known_by_its_row_whatever_it_says(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    sha = mind.push(GATED)
    before = mind.check(sha=sha)
    mind.ran(14, metadata={"accuracy": 0.95, "loss": 0.1})
    after = mind.check(sha=sha)
    assert before.external_id == after.external_id != ""
    assert len(after.external_id) <= 255
    assert (before.context, before.head, before.url) == (after.context, after.head, after.url)
    assert after.started_at < after.finished_at


MOST_READS = 20
HOSTILE = "a`|<b>@mona #1"


def test_names_that_strangers_chose_are_only_words(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(PLAIN)
    mind.ran(
        14,
        metadata={HOSTILE: 0.5, "</details>": 1.0},
        outputs={"x](http://evil.example)/</details><img src=x>.bin": b"1", "@mona": b"2"},
    )
    check = mind.check()
    html = forge_page.markdown().render(check.summary)
    assert "<b>" not in html
    assert "<img" not in html
    assert "evil.example)" in html
    assert 'href="http://evil.example' not in html
    assert html.count("<td") == 2 * len(rows(check.summary)[1:])
    outside = re.sub(r"<(code|a)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert "@mona" not in outside


SWEPT = (
    TRAIN
    + """
- task:
    name: sweep
    step: train
    type: grid-search
    parameters: [{name: rate, style: multiple, rules: {items: [0.1, 0.2, 0.3]}}]
- trigger: {name: train, when: {push: {}}, run: {task: sweep}}
"""
)


def test_a_sweep_is_one_row_and_its_failed_execution_another(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(SWEPT)
    first, second, _ = mind.waiting()
    mind.claim(first)
    mind.claim(second)
    mind.turns()
    running = mind.check()
    assert running.state == "running"
    assert running.summary.startswith("`train` is running 2 times at once. Waiting for")
    assert len(rows(running.summary)) == 2
    mind.finish(first)
    mind.finish(second, outcome="error", reason="exit code 1 after 4 s")
    names = [row[0].split("]")[0] for row in rows(mind.check().summary)]
    assert names == ["Execution", "[!1 sweep", "[\\#2 train"]


def test_a_run_of_thousands_is_told_in_a_few_reads_and_one_screen(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(PLAIN)
    execution = mind.ran(14, outcome="error", reason="exit code 1 after 14 min")
    with mind.ports.ledger.write() as connection:
        row = connection.execute(select(executions)).one()._mapping
        tries = connection.execute(select(attempts)).one()._mapping
        ids = {number: f"{number:08d}-0000-4000-8000-000000000000" for number in range(2, 2500)}
        connection.execute(
            executions.insert(), [{**row, "id": id, "number": number} for number, id in ids.items()]
        )
        connection.execute(
            attempts.insert(), [{**tries, "id": id, "execution_id": id} for id in ids.values()]
        )
    with statements.written(mind.ports.ledger) as said, mind.ports.ledger.write() as connection:
        told = connection.execute(select(statuses).where(statuses.c.context == "luotsi/train")).one()
        check = check_of(mind.ports, connection, told)
    assert 5 < len(said) <= MOST_READS
    assert "2,491 more executions on [the page of the run]" in check.summary
    assert len(check.summary) < 6000
    assert execution.number == 1


def test_a_word_without_its_verdict_is_said_as_it_is(tmp_path: Path) -> None:
    mind = CheckMind(tmp_path)
    mind.push(GATED)
    with mind.ports.ledger.write() as connection:
        connection.execute(delete(verdicts))
        connection.execute(update(statuses).values(state="pending", description="waits: the store is full"))
    check = mind.check("luotsi/config")
    assert (check.state, check.title, check.finished_at) == ("waiting", "waits: the store is full", "")
