"""Later attempts take the files that the first one took: found by real HTTP and on a real disk, and through a whole attempt."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import Refused
from schemas.messages.job import Input
from tests.builders import hostile
from tests.builders.agent_house import AgentHouse
from tests.builders.inputs_bench import Bench
from tests.builders.web_files import WebFile


@pytest.fixture
def pattern(bench: Bench) -> Input:
    for name in "ab":
        (bench.data / name).write_text(name)
    return Input("x", uris=(f"file://{bench.data}/*",))


def test_what_came_since_is_left_out(bench: Bench, pattern: Input) -> None:
    first = bench.bring(pattern)
    (bench.data / "aa").write_text("new")
    again = bench.bring(pattern, after=first)
    assert again.files == first.files
    assert bench.files() == {"x/a": b"a", "x/b": b"b"}
    assert again.notes == ("files of the input x that the first attempt did not have are left out: 1",)
    assert len(bench.bring(pattern).files) == 3


def test_a_file_that_is_gone(bench: Bench, pattern: Input) -> None:
    first = bench.bring(pattern)
    (bench.data / "b").unlink()
    with pytest.raises(
        Refused, match=r"'x': file:///.*/b has changed since the first attempt: it is not there"
    ) as said:
        bench.bring(pattern, after=first)
    assert "start a new one" in said.value.hint
    (bench.data / "a").unlink()
    with pytest.raises(Refused, match="changed since the first attempt"):
        bench.bring(replace(pattern, optional=True), after=first)


def test_a_file_with_other_contents(bench: Bench, pattern: Input) -> None:
    first = bench.bring(pattern)
    (bench.data / "b").write_text("B")
    with pytest.raises(
        Refused, match=r"/b has changed since the first attempt: its digest is sha256:\w+, and was sha"
    ):
        bench.bring(pattern, after=first)


@pytest.mark.parametrize("knows_head", [True, False])
def test_one_address_whose_file_is_gone(bench: Bench, knows_head: bool) -> None:
    """Without HEAD it is known only when the file is read."""
    bench.strangers.files["/f"] = WebFile(b"1", knows_head=knows_head)
    described = Input("x", uris=(bench.strangers.url("/f", login="me:pw"),))
    first = bench.bring(described)
    assert bench.bring(described, after=first).files == first.files
    bench.strangers.files["/f"] = WebFile(status=404, knows_head=knows_head)
    with pytest.raises(Refused, match=r"http://[^@]*/f has changed since the first attempt: it is not there"):
        bench.bring(described, after=first)


def test_an_optional_input_that_was_empty_stays_empty(bench: Bench) -> None:
    described = Input("x", uris=(f"file://{bench.data}/*",), optional=True)
    first = bench.bring(described)
    (bench.data / "late").write_text("late")
    again = bench.bring(described, after=first)
    assert (again.files, bench.files()) == ((), {})


def test_a_filename_is_kept_though_more_files_fit_now(bench: Bench) -> None:
    (bench.data / "a").write_text("a")
    described = Input("x", uris=(f"file://{bench.data}/*",), filename="one")
    first = bench.bring(described)
    (bench.data / "b").write_text("b")
    bench.bring(described, after=first)
    assert bench.files() == {"x/one": b"a"}


def test_of_files_on_demand_the_size_tells(bench: Bench, pattern: Input) -> None:
    late = replace(pattern, download="on-demand")
    first = bench.bring(late)
    (bench.data / "c").write_text("c")
    again = bench.bring(late, after=first)
    assert again.on_demand.entries[0].filename == "a"
    assert len(again.on_demand.entries) == 2
    (bench.data / "a").write_text("longer")
    with pytest.raises(Refused, match=r"/a has changed since the first attempt: it has 6 bytes, and had 1"):
        bench.bring(late, after=first)


def test_odd_names_are_found_again(bench: Bench) -> None:
    for name, raw in hostile.NAMES.items():
        if name != "not-utf8":
            (bench.data / raw.decode()).write_bytes(raw)
    described = Input("x", uris=(f"file://{bench.data}/**",), data=(bench.datum("sub/stored", b"1"),))
    first = bench.bring(described)
    assert bench.bring(described, after=first).files == first.files


def test_a_lost_attempts_successor_reads_the_same(house: AgentHouse, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("a")
    described = (Input("x", uris=(f"file://{folder}/*",)),)
    with house.agent(input_folders=(str(folder),)):
        first = house.send("true", inputs=described)
        house.result(first)
        first.state = "lost"
        (folder / "b").write_text("b")
        again: dict[str, Any] = {"inputs": described, "execution": first.job.execution}
        second = house.send("true", attempt_number=2, **again)
        result = house.result(second)
        assert (result.outcome, [each.name for each in result.inputs]) == ("complete", ["a"])
        assert "files of the input x that the first attempt did not have are left out: 1" in result.events
        (folder / "a").write_text("other")
        third = house.result(house.send("true", attempt_number=3, **again))
    assert third.outcome == "error"
    assert "changed since the first attempt" in third.reason
