"""Inputs on demand: listed before the start, fetched when they are asked for, also by the next agent process."""

import threading
from collections.abc import Callable

import pytest

from agent import inputs
from agent.core.config_files import input_id
from agent.on_demand import OnDemand
from schemas.errors import Refused
from schemas.messages.job import Input
from tests.builders.inputs_bench import Bench
from tests.builders.web_files import WebFile


class TestOnDemand:
    @pytest.fixture
    def later(self, bench: Bench) -> Callable[[], OnDemand]:
        bench.strangers.files["/d/web.csv"] = WebFile(b"web!", etag='"1"')
        (bench.data / "local.bin").write_bytes(b"local")
        self.datum = bench.datum("sub/stored.json", b"stored", metadata={"k": 1})
        uris = (bench.strangers.url("/d/web.csv", login="me:pw"), f"file://{bench.data}/*")
        self.brought = bench.bring(
            Input("late", uris=uris, data=(self.datum,), download="on-demand"),
            Input("now", data=(bench.datum("n", b"now"),)),
        )
        return lambda: OnDemand.of(bench.attempt, bench.supply(bench.last))

    def test_it_is_listed_without_a_path_and_not_fetched(self, bench: Bench, later: object) -> None:
        assert bench.files() == {"now/n": b"now"}
        assert bench.gets("/d/web.csv") == 0
        identifier = input_id(bench.last.execution, "late")
        assert bench.told(self.brought)["late"] == [
            {
                "name": "stored.json",
                "size": 6,
                "uri": f"datum://{self.datum.datum}",
                "datum_id": self.datum.datum,
                "input_id": identifier,
                "metadata": [{"k": 1}],
                "checksums": {"sha256": self.datum.sha256.removeprefix("sha256:")},
            },
            {
                "name": "web.csv",
                "size": 4,
                "uri": bench.strangers.url("/d/web.csv"),
                "input_id": identifier,
                "metadata": [],
                "checksums": {},
            },
            {
                "name": "local.bin",
                "size": 5,
                "uri": f"file://{bench.data}/local.bin",
                "input_id": identifier,
                "metadata": [],
                "checksums": {},
            },
        ]
        assert inputs.wanted(bench.last.inputs) == inputs.wanted(bench.last.inputs[1:])

    def test_each_is_served_when_it_is_asked_for(self, bench: Bench, later: Callable[[], OnDemand]) -> None:
        on_demand = later()
        entries = on_demand.entries(input_id(bench.last.execution, "late"))
        assert [entry.filename for entry in entries] == ["stored.json", "web.csv", "local.bin"]
        served = [on_demand.open(entry) for entry in entries]
        assert [(b"".join(pieces), size, kind) for pieces, size, kind in served] == [
            (b"stored", 6, "application/json"),
            (b"web!", 4, "text/csv"),
            (b"local", 5, "application/octet-stream"),
        ]
        assert [path.name for path in bench.attempt.iterdir() if path.name.startswith("asked-")] == []

    def test_others_inputs_have_none(self, bench: Bench, later: Callable[[], OnDemand]) -> None:
        on_demand = later()
        assert on_demand.entries(input_id(bench.last.execution, "now")) == ()
        assert on_demand.entries("nonsense") == ()
        assert on_demand.entry(input_id(bench.last.execution, "late"), "../x") is None

    def test_what_was_fetched_once_comes_from_the_cache(
        self, bench: Bench, later: Callable[[], OnDemand]
    ) -> None:
        for _ in range(2):
            on_demand = later()
            for entry in on_demand.entries(input_id(bench.last.execution, "late")):
                on_demand.open(entry)[0].close()
        assert bench.gets("/d/web.csv") == 1
        assert bench.gets(f"/objects/{self.datum.store}/{self.datum.key}") == 1

    def test_what_is_not_what_was_stored_is_not_served(
        self, bench: Bench, later: Callable[[], OnDemand]
    ) -> None:
        bench.web.objects[self.datum.store, self.datum.key] = b"forged"
        on_demand = later()
        with pytest.raises(Refused, match=r"the input 'late': .*not the file that was stored"):
            on_demand.open(on_demand.entries(input_id(bench.last.execution, "late"))[0])

    def test_many_may_ask_at_once(self, bench: Bench, later: Callable[[], OnDemand]) -> None:
        on_demand = later()
        entries = on_demand.entries(input_id(bench.last.execution, "late"))
        got: list[bytes] = []
        threads = [
            threading.Thread(target=lambda entry=entry: got.append(b"".join(on_demand.open(entry)[0])))
            for entry in entries * 5
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == sorted([b"stored", b"web!", b"local"] * 5)

    def test_the_listing_is_for_its_owner_only(self, bench: Bench, later: object) -> None:
        assert (bench.attempt / "on-demand.json").stat().st_mode & 0o077 == 0

    def test_an_attempt_without_any(self, bench: Bench) -> None:
        bench.bring(Input("x"))
        (bench.attempt / "on-demand.json").unlink()
        assert OnDemand.of(bench.attempt, bench.supply(bench.last)).entries("x") == ()
