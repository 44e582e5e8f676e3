"""Replicas as plain processes of this machine, from bundles: for where there is no container engine. They are not isolated.

Each is told to listen on loopback alone (`LUOTSI_HOST`). A command of the user's that does not heed it cannot be kept from
the other addresses of this machine; then the cluster says so wherever it speaks of the endpoint.

One folder per replica: `about.json`, `stat` (the process's own line of /proc/self/stat, which it writes before it becomes the
endpoint, so that no crash of ours leaves a process that is not found), `log`, and the unpacked bundle under `valohai`. Each is
a session of its own and outlives the controller.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from controller.inference import bundles, proc
from controller.inference.instances import LOOPBACK, Instance, Starts, environment
from controller.inference.port import Serving
from schemas.errors import Refused, Stalled
from schemas.shell import SHELL

MARK = "LUOTSI_INSTANCE"
START_SECONDS = 10.0
LOG_TAIL = 65_536
MAX_LOG = 32 * 1024 * 1024
"""Bytes after which a log is set aside as `log.1` and begun anew, so that no endpoint fills the disk."""
_SHIM = 'cat /proc/$$/stat >"$1/.stat" && mv "$1/.stat" "$1/stat" && shift && exec "$@"'


@dataclass(frozen=True, slots=True)
class _About:
    """What is known of a replica before it runs; kept beside it."""

    name: str
    digest: str
    model: str
    stage: str
    version: str
    port: int
    started: float
    boot: str


class Processes:
    """The runner for bundles. `fetch` gives the stored bytes of a bundle by its key in the artifact store."""

    def __init__(self, folder: Path, fetch: Callable[[str], Iterable[bytes]]) -> None:
        self._folder = folder / "instances"
        self._fetch = fetch
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._starts = Starts()

    def start(self, wanted: Serving) -> None:
        identity = uuid4().hex
        self._starts.begin(identity)
        folder = self._folder / identity
        try:
            described = bundles.unpack(self._fetch(wanted.reference), wanted.digest, folder / "valohai")
            self._launch(identity, folder, wanted, described.command)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise Stalled(
                f"{wanted.model} cannot be started in {folder}: {error.strerror or error}"
            ) from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self._starts.end(identity)

    def _launch(self, identity: str, folder: Path, wanted: Serving, command: str) -> None:
        port = _free_port()
        about = _About(
            wanted.name,
            wanted.digest,
            wanted.model,
            wanted.stage,
            wanted.version,
            port,
            time.time(),
            proc.boot(),
        )
        (folder / "about.json").write_text(json.dumps(asdict(about)))
        home = folder / "valohai"
        with (folder / "log").open("ab") as log:
            self._children[identity] = subprocess.Popen(
                ["/bin/sh", "-c", _SHIM, "luotsi", str(folder), *SHELL, command],
                cwd=home / bundles.CODE,
                env=_environment(home) | environment(wanted, LOOPBACK, port) | {MARK: identity},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "stat").exists():
            if time.monotonic() > deadline or self._children[identity].poll() is not None:
                proc.kill_marked(f"{MARK}={identity}".encode())
                raise Refused(f"{wanted.model} {wanted.version} could not be started as a process")
            time.sleep(0.005)

    def find(self) -> tuple[Instance, ...]:
        with self._starts.hidden() as starting:
            folders = sorted(self._folder.iterdir()) if self._folder.exists() else []
            ready = [folder for folder in folders if folder.name not in starting()]
        for child in list(self._children.values()):
            child.poll()
        found = map(self._seen, ready)
        return tuple(instance for instance in found if instance is not None)

    def _seen(self, folder: Path) -> Instance | None:
        about, process = _about(folder), _process(folder)
        if about is None or process is None:
            # A controller died while it made this; nothing that runs was ever known by it.
            proc.kill_marked(f"{MARK}={folder.name}".encode())
            shutil.rmtree(folder, ignore_errors=True)
            return None
        _shorten(folder / "log")
        alive = about.boot == proc.boot() and proc.alive(process)
        return Instance(
            id=folder.name,
            kind="bundle",
            name=about.name,
            digest=about.digest,
            model=about.model,
            stage=about.stage,
            version=about.version,
            host=LOOPBACK,
            port=about.port,
            started=about.started,
            alive=alive,
            ending="" if alive else self._ending(folder.name),
            exposed=proc.exposed(about.port) if alive else (),
        )

    def _ending(self, identity: str) -> str:
        child = self._children.get(identity)
        code = child.poll() if child else None
        if code is None:
            return "it is gone"
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    def end(self, instance: Instance, *, now: bool) -> None:
        folder = self._folder / instance.id
        process = _process(folder)
        if process is not None and proc.alive(process) and not now:
            proc.signal_group(process, signal.SIGTERM)
            return
        if process is not None:
            proc.signal_group(process, signal.SIGKILL)
        proc.kill_marked(f"{MARK}={instance.id}".encode())
        shutil.rmtree(folder, ignore_errors=True)
        child = self._children.pop(instance.id, None)
        if child is not None:
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=1)

    def log(self, instance: Instance, lines: int) -> str:
        try:
            with (self._folder / instance.id / "log").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def _about(folder: Path) -> _About | None:
    try:
        said: dict[str, Any] = json.loads((folder / "about.json").read_text())
        return _About(**said)
    except (OSError, ValueError, TypeError):
        return None


def _process(folder: Path) -> proc.Process | None:
    try:
        return proc.parse((folder / "stat").read_text())
    except (OSError, ValueError):
        return None


def _shorten(log: Path) -> None:
    with suppress(OSError):
        if log.stat().st_size > MAX_LOG:
            shutil.copyfile(log, log.with_name("log.1"))
            os.truncate(log, 0)


def _environment(home: Path) -> dict[str, str]:
    """Nothing of ours but what any program needs; the controller's own variables may hold secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return kept | {"HOME": str(home), "TMPDIR": "/tmp"}  # noqa: S108 - the endpoint's, not ours


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
