"""`luotsi doctor`: what works here and what does not, and why."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import click

from agent import runtimes
from agent.runtimes.port import Runtime
from controller.git import address as addresses
from ledger.repositories import BARE
from luotsi import engines, in_use, installation, processes, terminal
from luotsi.installation import EnvironmentEntry, Installation
from luotsi.options import json_option, settings_option
from schemas.errors import LuotsiError

NETWORK_FILESYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried. `state`: works, missing (something else is used), broken (a person has to act)."""

    what: str
    state: str
    words: str


@click.command("doctor")
@settings_option
@json_option
def command(settings: Path | None, as_json: bool) -> int:
    """Try everything that this installation needs, and say what to do about what does not work.

    Exit code 1 if something is broken.
    """
    findings = list(examine(settings))
    if as_json:
        terminal.exactly(json.dumps([asdict(finding) for finding in findings]))
    else:
        _print(findings)
    return 1 if any(finding.state == "broken" for finding in findings) else 0


def examine(settings: Path | None) -> Iterator[Finding]:
    """Every finding, the plainest first. What cannot be tried because of an earlier one is left out."""
    version = platform.python_version()
    yield Finding(
        "Python", "works" if sys.version_info >= (3, 11) else "broken", f"{version}; 3.11 or newer is needed"
    )
    git = shutil.which("git")
    yield Finding("git", "works" if git else "missing", git or "only the demonstration needs it: install git")
    try:
        opened = installation.opened(settings)
    except LuotsiError as error:
        problems = "; ".join(str(problem) for problem in getattr(error, "problems", ()))
        yield Finding("settings", "broken", f"{error} {problems}".strip())
        return
    there = opened.settings.file.exists()
    held = in_use.read(opened)
    words = str(opened.settings.file) if there else "none: every default holds"
    trouble = in_use.trouble(held)
    yield Finding("settings", "broken" if trouble else "works", trouble or words)
    if reason := in_use.maintenance(opened, held):
        yield Finding("maintenance", "missing", f"{reason}: what comes in is kept, and nothing new starts")
    if difference := in_use.difference(opened, held):
        yield Finding("maintenance", "missing", difference)
    if deaf := in_use.deaf(held):
        yield Finding("file events", "missing", deaf)
    yield from _runtimes(opened)
    yield from (_tried(what, attempt) for what, attempt in _attempts(opened))
    yield from _at_forges(opened)


def _runtimes(opened: Installation) -> Iterator[Finding]:
    for environment in opened.environments():
        what = f"runtime of {environment.name}"
        if environment.runtime["kind"] == "process":
            yield _tried(what, lambda environment=environment: _process(environment).label)  # type: ignore[misc]  # bound now
        else:
            engine = engines.find(environment.runtime.get("engine"))
            yield Finding(what, "works" if engine.address else "broken", engine.reason)
    yield from _untrusted(opened)


def _process(environment: EnvironmentEntry) -> Runtime:
    """The runtime as an agent of this machine would have it. Raises `Stalled` with what to do where it cannot work."""
    return runtimes.load(
        "process", {key: value for key, value in environment.runtime.items() if key != "kind"}
    )


def _untrusted(opened: Installation) -> Iterator[Finding]:
    """Environments of approved runs of forks whose runtime isolates too little for them: their agents refuse each one."""
    by_name = {environment.name: environment for environment in opened.environments()}
    asking: dict[str, list[str]] = {}
    for watched in opened.repositories():
        if watched.forge != BARE:
            asking.setdefault(watched.pulls.environment, []).append(watched.name)
    for name in sorted(by_name.keys() & asking.keys()):
        if by_name[name].runtime["kind"] != "process":
            continue
        yield Finding(
            f"untrusted runs in {name}",
            "broken",
            f"approved pull requests of {', '.join(asking[name])} would run there as plain processes, with the rights of the"
            f" agent's user: its agents refuse them. Give {name} `runtime: {{kind: docker}}`, or have"
            " `pull-requests.environment` name an environment that has it, with agents of its own.",
        )


def _attempts(opened: Installation) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "ledger", lambda: _ledger(opened)
    yield "Redis", lambda: _redis(opened)
    for name in opened.store_names():
        yield f"store {name}", lambda name=name: _store(opened, name)  # type: ignore[misc]  # bound now, called later
    for entry in opened.settings.get("repositories", default=[]):
        yield f"repository {entry['name']}", lambda entry=entry: _repository(opened, entry)  # type: ignore[misc]  # the same
    yield "statuses", lambda: _statuses(opened)
    yield "web side", lambda: _web(opened)


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    try:
        words = attempt()
    except LuotsiError as error:
        return Finding(what, "broken", str(error))
    except OSError as error:
        return Finding(what, "broken", str(error))
    return Finding(what, "missing" if words.startswith("not ") else "works", words)


def _ledger(opened: Installation) -> str:
    from ledger.database import open_ledger

    if opened.ledger.startswith("sqlite"):
        kind = _filesystem(opened.workspace.root)
        if kind in NETWORK_FILESYSTEMS:
            raise OSError(f"SQLite may not lie on {kind}: use PostgreSQL, or a local disk")
        if not (opened.workspace.root / "ledger.sqlite").exists():
            return "not made yet: the first start makes it"
    open_ledger(opened.ledger, read_only=True).close()
    return opened.ledger.split("@")[-1]


def _redis(opened: Installation) -> str:
    if opened.embedded_redis:
        known = processes.read(opened.workspace.root / "pids" / "valkey.json")
        return (
            f"embedded Valkey, process {known.pid}"
            if known
            else "not running: the embedded Valkey starts with `luotsi up`"
        )
    from redis.exceptions import RedisError

    from queues.connection import connect

    try:
        answer = connect(opened.redis_url()).info("server")
    except RedisError as error:
        raise OSError(f"it does not answer: {error}") from error
    return (
        f"{answer.get('server_name', 'redis')} {answer.get('valkey_version') or answer.get('redis_version')}"
    )


def _store(opened: Installation, name: str) -> str:
    import stores

    given = opened.store(name)
    kind = given.pop("kind")
    key = "records/doctor/check/written.json"
    store = stores.load(kind, name, given)
    store.put(key, b"{}")
    if store.get(key) != b"{}":
        raise OSError("what was written is not what is read")
    store.delete(key)
    return f"{kind}: writes, reads and deletes"


def _repository(opened: Installation, entry: dict[str, str]) -> str:
    from luotsi import wiring
    from luotsi.repos import examining

    watched = next(one for one in opened.repositories() if one.name == entry["name"])
    forge = opened.forges().get(watched.forge)
    return examining.look(opened, watched, wiring.open_forge(forge) if forge else None)


def _at_forges(opened: Installation) -> Iterator[Finding]:
    """Rights, hook and budget of each repository at a forge."""
    if not opened.forges():
        return
    from ledger.database import open_ledger
    from luotsi import wiring
    from luotsi.repos import examining, forge_side

    try:
        apis = wiring.open_forges(opened)
    except LuotsiError as error:
        yield Finding("forges", "broken", str(error))
        return
    known = {}
    if not _is_to_be_made(opened):
        try:
            ledger = open_ledger(opened.ledger, read_only=True)
        except LuotsiError:
            return  # said of the ledger already
        known = forge_side.rows(ledger)
        ledger.close()
    for watched in opened.repositories():
        if watched.forge in apis:
            row = known.get(addresses.spelling(watched.address))
            for said in examining.at_forge(opened, watched, apis[watched.forge], row):
                yield Finding(said.what, said.state, said.words)


def _is_to_be_made(opened: Installation) -> bool:
    return opened.ledger.startswith("sqlite") and not (opened.workspace.root / "ledger.sqlite").exists()


def _statuses(opened: Installation) -> str:
    """Whether what was said about commits reached the repositories; where we may not push, this says so."""
    from sqlalchemy import func, or_, select

    from ledger import migrations
    from ledger.database import open_ledger
    from ledger.tables import repositories, statuses
    from schemas import moments

    if _is_to_be_made(opened):
        return "nothing was said yet"
    ledger = open_ledger(opened.ledger, read_only=True)
    migrations.check(ledger)
    with ledger.read() as connection:
        # What a forge refused for good is over: it is said for a day, as is what happened to deliveries.
        recent = statuses.c.delivered_at > moments.now() - timedelta(days=1)
        waiting = connection.execute(
            select(func.count(), func.max(statuses.c.trouble))
            .join(repositories, repositories.c.id == statuses.c.repository_id)
            .where(
                statuses.c.trouble.is_not(None),
                repositories.c.removed_at.is_(None),
                or_(statuses.c.delivered_at.is_(None), recent),
            )
        ).one()
    ledger.close()
    if waiting[0]:
        raise OSError(f"{waiting[0]} could not be written into their repository: {waiting[1]}")
    return "all that was said is in the repositories"


def _web(opened: Installation) -> str:
    from luotsi.verbs.web import check_free

    if (opened.workspace.root / "pids" / "web.json").exists() and processes.read(
        opened.workspace.root / "pids" / "web.json"
    ):
        return f"runs at {opened.address}"
    check_free(*opened.listen)
    return f"not running; {opened.address} is free"


def _filesystem(path: Path) -> str:
    """The type of the file system that holds a path (proc(5), mounts); empty where it is not known."""
    best, kind = "", ""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    target = os.path.realpath(path)
    for line in lines:
        _, point, found, *_ = line.split(" ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind


def _print(findings: list[Finding]) -> None:
    shapes = {"works": ("✓", "green"), "missing": ("–", "dim"), "broken": ("✗", "red")}
    terminal.table(
        (terminal.styled(*shapes[finding.state]), finding.what, finding.words) for finding in findings
    )
