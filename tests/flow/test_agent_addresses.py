"""Addresses for an attempt: its own objects, and nobody else's, however a path is spelled."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.attempts import AttemptRow
from schemas.codec import from_json
from schemas.messages.claim import AddressesAnswer
from stores import files, keys
from tests.flow.agent_calls import ask, get, put
from tests.flow.web_side import TWO, WebSide


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSide]:
    made = WebSide(tmp_path)
    yield made
    made.close()


def test_addresses_of_this_attempts_own_objects(web: WebSide) -> None:
    mine = web.claimed()
    datum = mine.spec["inputs"][0]["data"][0]["key"]
    mine_output = keys.output(mine.execution_id, 1, str(uuid.uuid4()), "sub/../model.json")
    wanted = [
        get(mine.spec["archive"]["key"]),
        get(datum, "artifacts"),
        put(keys.log(mine.execution_id, 1)),
        put(mine_output, "artifacts"),
        put(keys.result(mine.execution_id, 1)),
    ]
    answer = from_json(AddressesAnswer, ask(web, mine, *wanted).json)
    assert answer.expires == 600
    assert [(a.method, a.key, a.store) for a in answer.addresses] == [
        (w["method"], w["key"], w["store"]) for w in wanted
    ]
    assert [a.headers for a in answer.addresses] == [{}, {}, {}, {}, {"If-None-Match": "*"}]
    output, result = answer.addresses[3], answer.addresses[4]
    assert web.client().put(output.url, data=b"model").status_code == 200
    assert web.stores["artifacts"].get(mine_output) == b"model"
    assert web.client().put(result.url, data=b"{}").status_code == 200
    assert web.client().put(result.url, data=b"{again}").status_code == 412
    assert web.stores["system"].get(result.key) == b"{}"


def test_an_agent_of_this_machine_gets_paths(web: WebSide) -> None:
    mine = web.claimed()
    answer = from_json(
        AddressesAnswer, ask(web, mine, put(keys.result(mine.execution_id, 1)), shares=True).json
    )
    address = answer.addresses[0]
    assert files.write_whole(files.path_of(address.url), b"{}", absent="If-None-Match" in address.headers)
    assert web.stores["system"].get(address.key) == b"{}"


def foreign(mine: AttemptRow, other: AttemptRow) -> dict[str, dict[str, str]]:
    here = f"outputs/{mine.execution_id}/1"
    return {
        "another's output": put(keys.output(other.execution_id, 1, "d", "x"), "artifacts"),
        "another's result": put(keys.result(other.execution_id, 1)),
        "the next attempt's": put(keys.result(mine.execution_id, 2)),
        "a number that starts alike": put(keys.output(mine.execution_id, 11, "d", "x"), "artifacts"),
        "a result that is none": put(keys.result(mine.execution_id, 1) + "x"),
        "the code": put(mine.spec["archive"]["key"]),
        "another's code": get(keys.code("someone", "d" * 40)),
        "another's input": get(other.spec["inputs"][0]["data"][0]["key"], "artifacts"),
        "its input, of the wrong store": get(mine.spec["inputs"][0]["data"][0]["key"], "system"),
        "its input, written": put(mine.spec["inputs"][0]["data"][0]["key"], "artifacts"),
        "its result, of the wrong store": put(keys.result(mine.execution_id, 1), "artifacts"),
        "its output, of the wrong store": put(f"{here}/d/x", "system"),
        "its output, of no store": put(f"{here}/d/x", "elsewhere"),
        "a record": put("records/r/verdict/x.json"),
        "up": put(f"{here}/../../../results/x.json", "artifacts"),
        "up, encoded": put(f"{here}/%2e%2e/%2e%2e/x", "artifacts"),
        "up, half encoded": put(f"{here}/.%2e/x", "artifacts"),
        "a backslash": put(f"{here}/..\\x", "artifacts"),
        "an empty segment": put(f"{here}//x", "artifacts"),
        "absolute": put(f"/{here}/x", "artifacts"),
        "the folder itself": put(f"{here}/", "artifacts"),
        "a newline": put(f"{here}/x\n", "artifacts"),
        "a NUL": put(f"{here}/x\0", "artifacts"),
        "a query": put(f"{here}/x?method=GET", "artifacts"),
        "half a surrogate": put(f"{here}/\ud800", "artifacts"),
        "nothing": put("", "artifacts"),
        "long": put(f"{here}/{'x' * 5000}", "artifacts"),
    }


def test_threat_02_an_address_outside_this_attempts_places_is_403(web: WebSide) -> None:
    """Threats 2 and 25: other people's ids, and every way to spell a path."""
    mine, other = web.claimed(), web.claimed(TWO)
    for number, (which, wanted) in enumerate(foreign(mine, other).items(), start=1):
        answer = ask(web, mine, get(mine.spec["archive"]["key"]), wanted)
        assert answer.status_code == 403, which
        assert set(answer.json) == {"error", "hint"}, which
        assert len(web.audited()) == number, which
        assert web.audited()[-1].detail["key"] == wanted["key"][:1000]


def test_escapes_that_stay_inside_are_keys_like_others(web: WebSide) -> None:
    """An encoded `..` is a name, not a way up, and a double encoding is one more name."""
    mine = web.claimed()
    here = f"outputs/{mine.execution_id}/1/d"
    for name in ("%2E%2E", "%252e%252e", "%2F", "%2E%2E%2F%2E%2E"):
        answer = from_json(AddressesAnswer, ask(web, mine, put(f"{here}/{name}", "artifacts")).json)
        assert web.client().put(answer.addresses[0].url, data=b"x").status_code == 200
        assert (web.stores["artifacts"].root / here / name).read_bytes() == b"x"
    assert sorted(path.name for path in web.folder.iterdir()) == sorted(
        path.name for path in web.folder.iterdir() if path.name.startswith(("ledger", "store"))
    )
