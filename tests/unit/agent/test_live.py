"""Live upload: what nobody may write any more is stored while the command runs, once, whole, and under its own name."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import live
from agent.core.collect import Found, collect
from agent.core.masking import Masker
from agent.folder import AttemptFolder
from agent.live import LiveUploads
from agent.logs import AttemptLog
from agent.objects import Manners, Objects
from agent.outputs import Place
from agent.runtimes import load
from agent.transfer import Transfer
from schemas.messages.result import Output
from tests.builders.agent_house import AgentHouse
from tests.builders.agent_web import AgentWeb, fails
from tests.parts.process import until

PYTHON = sys.executable
OUT = "$VH_OUTPUTS_DIR"


@pytest.fixture
def processes(house: AgentHouse) -> Iterator[AgentHouse]:
    house.runtime = load("process", {"unsafe": True})
    with house.agent():
        yield house


def gone(name: str) -> str:
    """Shell that waits until a file was taken."""
    return f"while [ -e {OUT}/{name} ]; do sleep 0.1; done"


def test_a_file_that_nobody_may_write_is_stored_at_once_and_removed(
    processes: AgentHouse, web: AgentWeb
) -> None:
    held = processes.send(
        f"mkdir {OUT}/sub; echo one > {OUT}/sub/a.txt; chmod 444 {OUT}/sub/a.txt; echo rest > {OUT}/rest.txt",
        gone("sub/a.txt"), "echo seen; sleep 600",
    )  # fmt: skip
    until(lambda: "seen" in [record.message for record in processes.live(held)])
    [key] = web.object_names(f"outputs/{held.job.execution}/")
    assert (key.endswith("/sub/a.txt"), web.objects["artifacts", key]) == (True, b"one\n")
    held.order = type(held.order).STOP
    result = processes.result(held)
    assert [output.name for output in result.outputs] == ["sub/a.txt", "rest.txt"]
    assert processes.output(result, "sub/a.txt") == b"one\n"
    assert "uploaded sub/a.txt while the command runs" in processes.printed(result, "status")


def test_twice_the_same_name_is_two_outputs_each_with_its_sidecar(
    processes: AgentHouse, web: AgentWeb
) -> None:
    def write(number: int) -> str:
        sidecar = f"""echo '{{"epoch": {number}}}' > {OUT}/m.bin.metadata.json"""
        return f"{sidecar}; echo {number} > {OUT}/m.bin; chmod 444 {OUT}/m.bin; {gone('m.bin')}"

    line = """{"file": "m.bin", "metadata": {"valohai.tags": ["ours"]}}"""
    result = processes.run(write(1), write(2), f"echo '{line}' > {OUT}/valohai.metadata.jsonl")
    assert [(output.name, output.metadata) for output in result.outputs] == [
        ("m.bin", {"epoch": 1, "valohai.tags": ["ours"]}),
        ("m.bin", {"epoch": 2, "valohai.tags": ["ours"]}),
    ]
    assert [web.objects["artifacts", output.key] for output in result.outputs] == [b"1\n", b"2\n"]
    assert result.events == ()


def test_a_sidecar_that_comes_later_or_that_nobody_may_write_is_still_none_of_the_outputs(
    processes: AgentHouse,
) -> None:
    result = processes.run(
        f"echo x > {OUT}/a; chmod 444 {OUT}/a; {gone('a')}",
        f"""echo '{{"late": 1}}' > {OUT}/a.metadata.json; chmod 444 {OUT}/a.metadata.json; sleep 2""",
    )
    [output] = result.outputs
    assert (output.name, output.metadata) == ("a", {"late": 1})


def test_a_copy_that_is_not_whole_yet_is_left_alone(processes: AgentHouse) -> None:
    writer = (
        "import os, time; f = open(os.environ['VH_OUTPUTS_DIR'] + '/copy', 'wb'); os.fchmod(f.fileno(), 0o444); "
        "f.write(b'first '); f.flush(); time.sleep(2.5); print('there', os.path.exists(f.name)); f.write(b'second'); f.close()"
    )
    result = processes.run(f'{PYTHON} -c "{writer}"', gone("copy"))
    assert processes.printed(result) == ["there True"]
    assert processes.output(result, "copy") == b"first second"


def test_what_is_no_plain_file_or_may_be_written_waits_for_the_end(processes: AgentHouse) -> None:
    result = processes.run(
        f"echo a > {OUT}/plain; ln -s plain {OUT}/link; mkfifo -m 444 {OUT}/pipe; echo b > {OUT}/group; chmod 464 {OUT}/group",
        f"echo r > {OUT}/r; chmod 400 {OUT}/r; {gone('r')}; ls {OUT} | tr '\\n' ' '",
    )  # fmt: skip
    assert processes.printed(result) == ["group link pipe plain "]
    assert [output.name for output in result.outputs] == ["r", "group", "link", "plain"]


def test_a_store_in_trouble_costs_nothing(processes: AgentHouse, web: AgentWeb) -> None:
    web.troubles.append(fails(3, "/objects/artifacts/outputs/", 503, method="PUT"))
    result = processes.run(f"echo x > {OUT}/a; chmod 444 {OUT}/a; {gone('a')}")
    assert (result.outcome, [output.name for output in result.outputs]) == ("complete", ["a"])
    assert processes.output(result, "a") == b"x\n"


def test_a_store_that_stays_in_trouble_is_an_error_with_the_files_name(
    processes: AgentHouse, web: AgentWeb
) -> None:
    web.troubles.append(fails(1000, "/objects/artifacts/outputs/", 503, method="PUT"))
    result = processes.run(f"echo x > {OUT}/a; chmod 444 {OUT}/a; {gone('a')}")
    assert result.outcome == "error"
    assert "the output a could not be stored" in result.reason


def test_an_agent_that_goes_on_neither_loses_nor_doubles_a_file(house: AgentHouse, web: AgentWeb) -> None:
    house.runtime = load("process", {"unsafe": True})
    with house.agent():
        held = house.send(
            f"for n in 1 2 3 4 5 6; do echo $n > {OUT}/n; chmod 444 {OUT}/n; {gone('n')}; echo taken $n; done; sleep 1"
        )
        until(lambda: "taken 2" in [record.message for record in house.live(held)])
    with house.agent():
        result = house.result(held)
    assert [web.objects["artifacts", output.key] for output in result.outputs] == [
        f"{n}\n".encode() for n in range(1, 7)
    ]
    assert len({output.datum for output in result.outputs}) == 6
    assert len(web.object_names(f"outputs/{held.job.execution}/")) == 6


class Bench:
    """Live uploads of a folder, without an agent around them."""

    def __init__(self, root: Path, web: AgentWeb, house: AgentHouse) -> None:
        import urllib3

        from agent.claim import Api
        from schemas.values import Secret
        from tests.builders import agent_jobs
        from tests.builders.agent_web import TOKEN

        job, archive = agent_jobs.job("true")
        web.add(job, archive).state = "running"
        pool = urllib3.PoolManager()
        manners = Manners(threading.Event(), lambda: None, lambda _: None, 1.0)
        api = Api(web.address, Secret(TOKEN), pool)
        self.folder = AttemptFolder(root / job.attempt)
        self.folder.receive("")
        self.out = self.folder.renew_work() / "outputs"
        self.out.mkdir()
        self.objects = Objects(api, Transfer(pool), job.attempt, False, manners)
        self.place = Place(job.execution, 1)
        self.web = web
        self.log = AttemptLog(self.folder.path, Masker(()))

    def again(self) -> AttemptFolder:
        """The folder as the next agent process finds it."""
        return AttemptFolder(self.folder.path)

    def uploads(self) -> LiveUploads:
        return LiveUploads(self.folder, self.place, self.objects, self.log, look=0.02)


@pytest.fixture
def bench(tmp_path: Path, web: AgentWeb, house: AgentHouse) -> Iterator[Bench]:
    made = Bench(tmp_path, web, house)
    yield made
    made.log.close()


class TestKills:
    """At each moment at which a kill can come, what lies on the disk is enough to go on."""

    def take(self, bench: Bench, text: str = "x") -> live.Taken:
        place = bench.folder.live / "0b5c2d1e-1111-4222-8333-444455556666"
        place.mkdir(parents=True)
        (place / "about.json").write_text('{"name": "a", "metadata": {"k": 1}}')
        (place / "file").write_text(text)
        [taken] = live.left(bench.folder)
        return taken

    def test_before_the_file_is_moved_it_is_where_it_was(self, bench: Bench) -> None:
        place = bench.folder.live / "0b5c2d1e-1111-4222-8333-444455556666"
        place.mkdir(parents=True)
        (place / "about.json").write_text('{"name": "a", "metadata": {}}')
        assert list(live.left(bench.again())) == []

    def test_before_it_is_stored_it_is_found(self, bench: Bench) -> None:
        self.take(bench)
        again = bench.again()
        [taken] = live.left(again)
        output = live.store(taken, again, bench.place, bench.objects)
        assert (output.datum, output.name, output.metadata) == (taken.datum, "a", {"k": 1})
        assert bench.again().state.outputs == (output,)
        assert list(live.left(bench.again())) == []

    def test_before_it_is_noted_it_is_stored_again_as_the_same(self, bench: Bench, web: AgentWeb) -> None:
        taken = self.take(bench)
        live.store(taken, AttemptFolder(bench.folder.path), bench.place, bench.objects)
        bench.folder.update(outputs=())
        live.store(self.take(bench), bench.folder, bench.place, bench.objects)
        assert len(web.object_names("outputs/")) == 1
        assert len(bench.folder.state.outputs) == 1

    def test_before_it_is_let_go_it_is_not_stored_again(self, bench: Bench) -> None:
        taken = self.take(bench)
        bench.folder.stored(Output(taken.datum, "a", 1, "sha256:" + "0" * 64, "k"))
        assert list(live.left(bench.again())) == []
        assert not taken.path.exists()


def test_a_link_in_place_of_a_folder_leads_nowhere(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("not an output")
    (outside / "secret").chmod(0o444)
    (bench.out / "sub").symlink_to(outside)
    (bench.out / "last").write_text("x")
    (bench.out / "last").chmod(0o444)
    uploads = bench.uploads()
    uploads.start()
    until(lambda: not (bench.out / "last").exists())
    uploads.finish()
    assert (outside / "secret").exists()
    assert "secret" not in live.uploaded(bench.folder)


def test_a_file_that_changes_while_it_is_stored_is_stored_as_it_is_at_last(
    bench: Bench, web: AgentWeb
) -> None:
    taken = TestKills().take(bench, "first")

    def change(method: str, path: str) -> None:
        if method == "PUT" and taken.path.read_text() == "first":
            taken.path.write_text("second, longer")

    web.troubles.append(change)
    output = live.store(taken, bench.folder, bench.place, bench.objects)
    assert web.objects["artifacts", output.key] == b"second, longer"
    assert output.size == len("second, longer")


def test_a_writer_is_known_by_its_open_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with path.open("w"):
            assert live._is_written("file", directory) is True
        assert live._is_written("file", directory) is False
        with path.open():
            assert live._is_written("file", directory) is False
    finally:
        os.close(directory)


def test_what_is_said_at_the_end_of_files_that_were_stored_before() -> None:
    files = [
        Found("a.metadata.json", Path("x"), 1),
        Found("b", Path("x"), 1),
        Found("b.metadata.json", Path("x"), 1),
    ]
    texts = {"a.metadata.json": b'{"s": 1}', "b.metadata.json": b'{"s": 2}'}
    judged = collect(files, texts, frozenset({"a", "b"}))
    assert [file.name for file in judged.files] == ["b"]
    assert (judged.metadata, judged.late_sidecars) == ({"b": {"s": 2}}, {"a": {"s": 1}})
