"""Small pure parts of the agent: metadata, placing, outcomes, variables, collecting, patience."""

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import outcome
from agent.core.collect import Found, collect
from agent.core.environment import notes, variables
from agent.core.metadata import MAX_KEYS, Totals
from agent.core.outcome import Asked, Bounds, Verdict, decide, store_failed
from agent.outputs import Place, find, store
from agent.patience import keep_trying
from agent.runtimes.port import Ended, Places
from schemas.errors import Gone, Refused, Stalled, Waiting
from schemas.metadata import event_of
from tests.builders import agent_jobs


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('  {"a": [1, {"b": null}]}\t', {"a": [1, {"b": None}]}),
        ('{"a": NaN, "b": -Infinity, "c": [Infinity]}', {"a": None, "b": None, "c": [None]}),
        ('{"a": 1e999}', {"a": None}),
        ('{"a": "\\ud83d\\ude00", "b": "\\ud800"}', {"a": "😀", "b": "?"}),
        ("[1]", None),
        ("1", None),
        ("", None),
        ("{", None),
        ('{"a": 1} tail', None),
        ("{" * 100_000 + "}" * 100_000, None),
        ('{"a": ' + "9" * 5000 + "}", None),
    ],
)
def test_what_a_metadata_line_is(line: str, value: object) -> None:
    event = event_of(line)
    assert (event.values if event else None) == value


def test_which_values_of_a_line_are_no_numbers_is_kept() -> None:
    event = event_of('{"loss": NaN, "low": -Infinity, "big": 1e999, "text": "nan", "deep": [NaN], "ok": 0.5}')
    assert event is not None
    assert event.unfinite == {"loss": "nan", "low": "-inf", "big": "inf"}
    assert event.values["text"] == "nan"


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_whatever_python_prints_can_be_in_a_result(value: object) -> None:
    event = event_of(json.dumps({"value": value}))
    assert event is not None
    json.dumps(event.values, allow_nan=False, ensure_ascii=False).encode()


def test_totals_have_a_limit_and_count_what_they_left_out() -> None:
    totals = Totals()
    for number in range(MAX_KEYS + 5):
        totals.add({f"key{number}": number})
    totals.add({"key0": "last"})
    totals.add({"huge": "x" * 5_000_000})
    assert (len(totals.values), len(totals.dropped), totals.values["key0"]) == (MAX_KEYS, 6, "last")


@pytest.mark.parametrize(
    ("ended", "asked", "word", "reason"),
    [
        (Ended(0), Asked.NOTHING, "complete", "complete after 3 min 5 s"),
        (Ended(2), Asked.NOTHING, "error", "exit code 2 after 3 min 5 s"),
        (Ended(137, "out of memory"), Asked.NOTHING, "error", "exit code 137 after 3 min 5 s: out of memory"),
        (Ended(None, "gone"), Asked.NOTHING, "interrupted", "it vanished while it ran: gone"),
        (Ended(143), Asked.STOP, "stopped", "stopped on request after 3 min 5 s"),
        (Ended(0), Asked.STOP, "stopped", "stopped on request after 3 min 5 s"),
        (Ended(None), Asked.LIMIT, "error", "the time limit of 3 min 0 s ended it"),
        (Ended(143), Asked.SILENCE, "error", "the no-output-timeout of 1 min 0 s ended it after 3 min 5 s"),
        (
            Ended(143),
            Asked.CONDITION,
            "complete",
            "complete after 3 min 5 s: the stop condition loss < 1 held",
        ),
    ],
)
def test_what_an_end_means(ended: Ended, asked: Asked, word: str, reason: str) -> None:
    verdict = decide(ended, asked, 185.2, Bounds(180, 60, "loss < 1"))
    assert (verdict.outcome, verdict.reason) == (word, reason)


def test_trouble_with_a_store_makes_a_good_end_bad_and_leaves_a_bad_one() -> None:
    assert store_failed(Verdict("complete", "fine", 0), "full").outcome == "error"
    bad = store_failed(Verdict("error", "exit code 1", 1), "full")
    assert (bad.reason, bad.events) == ("exit code 1", ("full",))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.44, "0.4 s"), (9, "9 s"), (59.4, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")],
)
def test_durations_are_read_by_people(seconds: float, words: str) -> None:
    assert outcome.duration(seconds) == words


PLACES = Places("/r", "/i", "/o", "/c")


@pytest.mark.parametrize("name", ["", "A=B", "A\0B"])
def test_variables_that_no_process_can_have_are_refused(name: str) -> None:
    with pytest.raises(Refused):
        variables(agent_jobs.job("true", environment_variables={name: "x"})[0], {}, PLACES)


def test_what_a_task_or_pipeline_says_comes_from_the_platform_alone() -> None:
    forged = dict.fromkeys(
        ("VH_TASK_ID", "VH_PIPELINE_ID", "VH_PIPELINE_NODE_ID", "VH_DIST_MEMBER_ID"), "forged"
    )
    alone = variables(agent_jobs.job("true", environment_variables=forged)[0], forged, PLACES)
    assert not forged.keys() & alone.keys()
    job, _ = agent_jobs.job("true", environment_variables=forged, task="t", pipeline="p", node="n")
    inside = variables(job, forged, PLACES)
    assert (inside["VH_TASK_ID"], inside["VH_PIPELINE_ID"], inside["VH_PIPELINE_NODE_ID"]) == ("t", "p", "n")


def test_a_secret_beats_the_step_and_nobody_beats_the_platform() -> None:
    job, _ = agent_jobs.job(
        "true", environment_variables={"A": "step", "PYTHONUNBUFFERED": "0", "VH_CONFIG_DIR": "/x"}
    )
    made = variables(job, {"A": "secret", "VH_INPUTS_DIR": "/y"}, PLACES)
    assert (made["A"], made["PYTHONUNBUFFERED"], made["VH_CONFIG_DIR"], made["VH_INPUTS_DIR"]) == (
        "secret",
        "0",
        "/c",
        "/i",
    )


def test_what_the_command_will_not_see_as_it_was_given_is_said_without_its_value() -> None:
    given = {"VH_OUTPUTS_DIR": "/mine", "VH_DIST_X": "hush", "1BAD-NAME": "hush", "FINE_1": "hush"}
    said = notes(agent_jobs.job("true", environment_variables=given)[0], {"VH_TASK_ID": "hush"}, PLACES)
    assert said == (
        "the variable VH_OUTPUTS_DIR is the platform's: the value given for it is ignored",
        "the variable VH_DIST_X is the platform's: the value given for it is ignored",
        "the variable VH_TASK_ID is the platform's: the value given for it is ignored",
        "the variable '1BAD-NAME' has a name that shells do not hand on to commands",
    )
    same = agent_jobs.job("true", environment_variables={"VH_OUTPUTS_DIR": PLACES.outputs, "A": ""})[0]
    assert notes(same, {}, PLACES) == ()


def test_a_sidecar_that_is_no_object_stays_an_output() -> None:
    files = [Found(name, Path(name), 3) for name in ("a", "a.metadata.json")]
    judged = collect(files, {"a.metadata.json": b"[1]"})
    assert [file.name for file in judged.files] == ["a", "a.metadata.json"]
    assert "is not one JSON object" in judged.events[0]


def test_an_output_that_changes_after_it_was_found_is_not_stored(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("mine")
    (tmp_path / "secret").write_text("the host's own")
    found = find(tmp_path / "out", "/valohai/outputs")
    (tmp_path / "out" / "file").unlink()
    (tmp_path / "out" / "file").symlink_to(tmp_path / "secret")

    class Opens:
        def prepare(self, _: object) -> None: ...

        def send(self, _: object, opener, size: int) -> None:  # type: ignore[no-untyped-def]
            opener()

    stored = store(found, tmp_path / "out", Place("e", 1), Opens())  # type: ignore[arg-type]
    assert stored.outputs == ()
    assert "file could not be stored: it cannot be read" in stored.troubles[0]


def test_patience_tries_what_may_pass_and_nothing_else() -> None:
    answers = iter([Waiting("away", after=0), Stalled("full"), "done"])

    def action() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    told: list[str] = []
    assert keep_trying(action, Pause(), say=told.append) == "done"
    assert told == ["away; trying again"]
    with pytest.raises(Gone):
        keep_trying(lambda: raise_(Gone("it is gone")), Pause())
    with pytest.raises(Stalled, match="for ever"):
        keep_trying(lambda: raise_(Stalled("for ever")), Pause(), seconds=0.0)


def test_patience_hears_an_order_at_once() -> None:
    pause = threading.Event()
    pause.set()
    with pytest.raises(Refused, match="ordered"):
        keep_trying(
            lambda: raise_(Waiting("away", after=60)), pause, check=lambda: raise_(Refused("ordered"))
        )


class Pause(threading.Event):
    """Waits for nobody."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def raise_(error: Exception) -> None:
    raise error
