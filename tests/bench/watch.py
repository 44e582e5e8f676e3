"""A thousand repositories of eleven refs: looked at when nothing moved, and taken all the way when all of them did.

Seen on two idle cores: folders 0.3 s, HTTP 0.6 s, a turn of nothing 23 ms, all changed and planned 36 s, 137 MiB; and where
others used the cores as well 26 to 65 ms and 54 to 105 s. Of the memory, 100 MiB are the imports; watching takes 3 and two threads.
"""

import logging
import multiprocessing
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pygit2
import structlog
from sqlalchemy import func, select

import stores
from controller import loop
from controller.git import watch
from controller.git.looks import Looks
from controller.ports import ControllerSettings, Environment, Ports, Watched
from controller.watching import observe
from ledger import migrations, repositories
from ledger.database import open_ledger
from ledger.tables import executions
from queues.connection import connect
from queues.wakeups import Wakeups
from schemas import moments
from schemas.signing import SigningKey
from tests.bench.frame import Row, in_turns
from tests.builders import many_repositories

COUNT = 1000
SAMPLE = 100
"""Of those, `git ls-remote` looks at so many, and the time is multiplied: it would take too long."""
TIMES = 5
PROCESSES, THREADS = 4, 16
LOOK, IDLE, ALL, MEMORY = 1000.0, 50.0, 90.0, 150.0
"""The goals: milliseconds for a look at all and for a turn in which nothing happened, seconds until all changes are planned, MiB resident."""


def rows() -> list[Row]:
    """Looks at folders and over HTTP against git and against pygit2 in threads; then everything changes."""
    with tempfile.TemporaryDirectory(prefix="luotsi-bench-") as name:
        folder = Path(name)
        (folder / "served").mkdir()
        places = many_repositories.make(folder / "served", COUNT)
        ports = _ports(folder / "looks", [str(place) for place in places])
        found = _looks("folders", ports)
        with many_repositories.told_over_http(places) as address:
            # The mirrors have all there is, so that the server is only asked what stands there.
            watched = [
                replace(one, address=f"{address}/{Path(one.address).name}")
                for one in ports.settings.repositories
            ]
            ports = replace(ports, settings=replace(ports.settings, repositories=tuple(watched)))
            loop.prepare(ports)
            found += _looks("over HTTP", ports)
        taken = _everything_changes(folder / "changes", places)
    return [
        *found,
        Row(f"watch, {COUNT:,}, a turn of nothing", taken.idle, "the goal", [IDLE], most=1),
        Row("watch, all changed and planned", [taken.changes], "the goal", [ALL], most=1, unit="s"),
        Row("watch, memory of that", [taken.resident], "the goal", [MEMORY], most=1, unit="MiB"),
    ]


def _looks(what: str, ports: Ports) -> list[Row]:
    addresses = [one.address for one in ports.settings.repositories]
    _until_quiet(lambda: observe.look(ports, set()))
    with ports.ledger.read() as connection:
        troubles = {row.trouble for row in repositories.watched(connection)}
    assert troubles == {None}, troubles

    def ours() -> float:
        return _milliseconds(lambda: observe.look(ports, set()))

    def git() -> float:
        with ThreadPoolExecutor(PROCESSES) as pool:
            return _milliseconds(lambda: list(pool.map(_ls_remote, addresses[:SAMPLE]))) * COUNT / SAMPLE

    empty = str(ports.settings.mirrors / "empty.git")
    pygit2.init_repository(empty, bare=True)

    def threads() -> float:
        with ThreadPoolExecutor(THREADS) as pool:
            return _milliseconds(lambda: list(pool.map(partial(_list_heads, empty), addresses)))

    mine, of_git = in_turns(ours, git, TIMES)
    again, of_pygit2 = in_turns(ours, threads, TIMES)
    name = f"watch, {COUNT:,} {what}"
    return [
        Row(name, mine, f"git ls-remote, {PROCESSES} at once", of_git, most=0.2),
        Row(name, again, f"pygit2, {THREADS} threads", of_pygit2, most=1.5),
        Row(name, [*mine, *again], "the goal", [LOOK], most=1),
    ]


def _ls_remote(address: str) -> None:
    subprocess.run(["git", "ls-remote", "--quiet", address], check=True, stdout=subprocess.DEVNULL)


def _list_heads(empty: str, address: str) -> int:
    return len(pygit2.Repository(empty).remotes.create_anonymous(address).list_heads())


def _milliseconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a controller took for `COUNT` repositories: milliseconds of idle turns, seconds for all changes, MiB at the most."""

    idle: list[float]
    changes: float
    resident: float


def _everything_changes(folder: Path, places: list[Path]) -> _Measured:
    """In a process of its own, whose memory is counted: until each repository's run has its execution."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_controller, args=(folder, [str(place) for place in places], theirs))
    process.start()
    ours.recv()
    many_repositories.change(places, 1)
    ours.send("changed")
    answer: _Measured = ours.recv()
    process.join()
    return answer


def _controller(folder: Path, addresses: list[str], talk: Any) -> None:
    """Turns as `loop.run` takes them: file events say where to look, since a poll is not due."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    ports, hints = _ports(folder, addresses, poll_interval=3600.0), loop.Hints()
    watcher = watch.RefWatch(hints.add)

    def turn() -> int:
        for one in ports.settings.repositories:
            watcher.add(one.name, one.address)
        return loop.act(ports, hints.take()).changed

    _until_quiet(turn)
    idle = [_milliseconds(turn) for _ in range(TIMES)]
    talk.send("ready")
    talk.recv()
    began = time.perf_counter()
    while _planned(ports) < len(addresses):
        turn()
    seconds = time.perf_counter() - began
    watcher.stop()
    talk.send(_Measured(idle, seconds, _peak()))


def _planned(ports: Ports) -> int:
    with ports.ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(executions)).scalar_one()


def _until_quiet(act: Callable[[], int]) -> None:
    while act():
        pass


def _peak() -> float:
    """VmHWM of proc(5), in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _ports(folder: Path, addresses: Sequence[str], poll_interval: float = 0.0) -> Ports:
    """A controller's parts that look whenever they are told to, unless a poll is rarer. There is no Redis, and no agent."""
    folder.mkdir()
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    migrations.upgrade(ledger)
    redis = connect("redis://127.0.0.1:1/0")
    settings = ControllerSettings(
        repositories=tuple(Watched(f"r{number:04d}", address) for number, address in enumerate(addresses)),
        environments=(Environment("5f0c1a2b3c4d", "local"),),
        mirrors=folder / "mirrors",
        web_address="http://luotsi.example",
        poll_interval=poll_interval,
    )
    ports = Ports(
        ledger=ledger,
        stores={
            name: stores.load("folder", name, {"path": folder / name}) for name in ("system", "artifacts")
        },
        redis=redis,
        wakeups=Wakeups(redis),
        key=SigningKey.generate(),
        clusters={},
        settings=settings,
        clock=moments.now,
        looks=Looks(patience=60),
    )
    loop.prepare(ports)
    return ports
