"""Runs a command as a process of this machine. No isolation unless bubblewrap gives it, so only where that was chosen.

A small POSIX shell, in a session of its own, starts the command, writes both streams and at last the exit code to files,
and so outlives the agent. Another agent process finds it by pid, start time and boot. What the command leaves behind is
ended when it ends.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agent import machine
from agent.core import position
from agent.runtimes import sessions
from agent.runtimes.port import FOLDERS, Ended, Image, Needs, Piece, Places, Running, Spec, Stream
from agent.runtimes.sessions import Identity
from agent.runtimes.tail import Bell, Tail
from schemas.errors import Refused, Stalled

STREAMS: tuple[Stream, ...] = ("stdout", "stderr")
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "HOME")
LOADER = ("LD_", "GLIBC_TUNABLES")
"""Variables that would act on the shell and the sandbox around the command too: not passed on."""

ROUND = 0.25
"""Seconds between two rounds of asking a command to end."""

LOCKED = 97
# $1: the runtime's own folder; $2: working directory; the rest: the command. mkdir is the lock: a second start ends here.
# A trap that does something is reset in the command, so SIGTERM to all ends the command and leaves the shell to tell.
SHIM = r"""
mkdir "$1/lock" 2>/dev/null || exit 97
own=$1; shift
trap : TERM INT HUP
{ cat /proc/$$/stat /proc/sys/kernel/random/boot_id; } >"$own/identity.part" && mv "$own/identity.part" "$own/identity"
cd "$1" || exit 98
shift
( exec "$@" ) </dev/null >"$own/stdout" 2>"$own/stderr"
echo $? >"$own/exit.part" && mv "$own/exit.part" "$own/exit"
"""
_SILENT = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
]


class ProcessRuntime:
    """See the port. `sandbox`: bubblewrap's path, or empty for none."""

    takes_untrusted = False
    engine = None

    def __init__(self, sandbox: str) -> None:
        self._sandbox = sandbox
        self.label = "process (bubblewrap)" if sandbox else "process (no isolation)"

    def places(self, folder: Path) -> Places:
        """The work folder itself."""
        return Places(*(str(folder / name) for name in FOLDERS))

    def resolve(self, image: str, fresh: bool, say: Callable[[str], None], pin: str = "") -> Image:
        """There are no images here; the name is kept for the record."""
        return Image(image, "", "")

    def fit(self, needs: Needs) -> tuple[str, ...]:
        """See the port. A process has this machine as it is; what a step needs at least was judged when it was sent here."""
        left_out = {
            "the limits of CPUs and memory are": needs.cpu_max or needs.memory_max or needs.cores,
            "the network of its own is": needs.network,
            "devices are not handed out one by one, so that its `devices` are": needs.devices is not None,
        }
        return (
            *(
                f"mount of {mount.source} ignored: the process runtime has no mounts"
                for mount in needs.mounts
            ),
            *(f"{what} ignored by the process runtime" for what, asked in left_out.items() if asked),
        )

    def host(self, network: str) -> str | None:
        """This machine: a process, also a sandboxed one, shares its network."""
        return "127.0.0.1"

    def machine(self) -> tuple[float, int]:
        """See the port."""
        return machine.cores(), machine.memory()

    def start(self, spec: Spec) -> Running:
        """See the port."""
        if _identity(spec.own):
            raise Refused(f"attempt {spec.attempt} runs already")
        spec.own.mkdir(exist_ok=True)
        for stream in STREAMS:
            (spec.own / stream).touch(exist_ok=True)
        own, repository = str(spec.own), str(spec.folder / "repository")
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", SHIM, "luotsi", own, repository, *self._inside(spec), *spec.command],
            {**_environment(spec.variables), sessions.MARK: spec.attempt},
            file_actions=_SILENT,
            setsid=True,
        )
        identity = Identity(pid, sessions.stat_of(pid).started, sessions.boot())
        return ProcessRun(spec.attempt, spec.own, identity, is_known=True)

    def adopt(self, attempt: str, own: Path) -> Running | None:
        """See the port. Without an identity file nothing was started, or it died before it could run anything."""
        identity = _identity(own)
        return ProcessRun(attempt, own, identity) if identity else None

    def sweep(self, agent: str, is_known: Callable[[str], bool]) -> None:
        """Nothing: what a process keeps lies in its attempt's folder, so there is none without."""

    def _inside(self, spec: Spec) -> list[str]:
        if not self._sandbox:
            return []
        folder, attempts = str(spec.folder), str(spec.own.parents[1])
        late = [f"{folder}/inputs/{name}" for name in spec.writable]
        return [
            self._sandbox, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
            "--tmpfs", "/tmp", "--tmpfs", attempts,  # noqa: S108 - the sandbox's own, empty
            "--bind", folder, folder, "--ro-bind", f"{folder}/inputs", f"{folder}/inputs", "--ro-bind", f"{folder}/config",
            f"{folder}/config", *(word for path in late for word in ("--bind", path, path)),
            "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--chdir", f"{folder}/repository", "--",
        ]  # fmt: skip


class ProcessRun:
    """See the port."""

    def __init__(self, attempt: str, own: Path, identity: Identity, is_known: bool = False) -> None:
        self._is_known = is_known  # the shell has been seen alive, so that its session's number is its own
        self._attempt = attempt
        self._own = own
        self._identity = identity
        self._left, self._over = Bell(), Bell()
        self._ended = threading.Event()
        self._is_left = threading.Event()
        self._stopping = threading.Lock()

    def follow(self, skip: Mapping[str, int]) -> Iterator[Piece]:
        """See the port."""
        return position.fresh(self._pieces(), skip)

    def wait(self) -> Ended:
        """See the port."""
        while not self._is_left.is_set():
            if _exit_code(self._identity.pid) == LOCKED:
                # A shell that an earlier agent process started was only slow: it is the one that runs the command.
                _reap(self._identity.pid)
                self._identity, self._is_known = _identity(self._own) or self._identity, False
            if not self._identity.alive():
                break
            self._is_known = True
            sessions.wait_for(self._identity.pid, self._left.descriptor)
        if not self._ended.is_set():
            if not self._is_left.is_set():
                self._kill_all()
                _reap(self._identity.pid)
            self._over_now()
        return Ended(None, "the agent let go of it") if self._is_left.is_set() else self._exit()

    def stop(self, grace: float) -> None:
        """See the port."""
        with self._stopping:
            if self._identity.alive() and not self._ends_in(grace):
                self._kill_all(spare=self._identity.pid)

    def _ends_in(self, grace: float) -> bool:
        """Ask until it has ended: what is started while we ask is asked in the next round. False when the grace is over."""
        until, told = time.monotonic() + grace, set[tuple[int, str]]()
        while True:
            sessions.ask_to_end(self._attempt, self._identity.pid, self._identity.pid, told)
            left = until - time.monotonic()
            if self._ended.wait(min(ROUND, max(0.0, left))):
                return True
            if left <= ROUND:
                return False

    def leave(self) -> None:
        """See the port."""
        self._is_left.set()
        self._left.ring()
        self._over_now()

    def remove(self) -> None:
        """See the port: its files go with the attempt's folder."""

    def _pieces(self) -> Iterator[Piece]:
        tail = Tail({stream: self._own / stream for stream in STREAMS}, self._over.descriptor)
        try:
            while True:
                over = self._ended.is_set()
                pieces = tail.read()
                yield from pieces
                if not pieces:
                    if over:
                        return
                    tail.wait()
        finally:
            tail.close()

    def _kill_all(self, spare: int = 0) -> None:
        """Until none is left: who forks as fast as we look is found in the next round. Bounded: some cannot be ended."""
        for _ in range(500):
            if not sessions.kill(self._attempt, self._identity.pid if self._is_known else 0, spare):
                return
            self._is_left.wait(0.01)

    def _over_now(self) -> None:
        self._ended.set()
        self._over.ring()

    def _exit(self) -> Ended:
        try:
            return Ended(int((self._own / "exit").read_text()))
        except (FileNotFoundError, ValueError):
            return Ended(None, "its process was ended from outside, or the machine went down")


def connect(settings: Mapping[str, object]) -> ProcessRuntime:
    """Settings: `unsafe: true` allows it where bubblewrap is not there or not allowed to work. Raises `Stalled` otherwise."""
    if not Path("/proc/self/stat").exists():
        raise Stalled("the process runtime needs Linux' /proc", "Use the docker runtime.")
    sandbox = shutil.which("bwrap") or ""
    trouble = _try(sandbox) if sandbox else "bubblewrap is not installed"
    if trouble and settings.get("unsafe") is not True:
        raise Stalled(
            f"the process runtime cannot isolate here: {trouble}",
            "Install bubblewrap, use the docker runtime, or set `unsafe: true` if all code that runs here is yours.",
        )
    return ProcessRuntime("" if trouble else sandbox)


def _try(sandbox: str) -> str:
    done = subprocess.run(
        [sandbox, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-pid", "--", "/bin/sh", "-c", ":"],
        capture_output=True,
        text=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return "" if done.returncode == 0 else (done.stderr.strip() or f"bubblewrap ended with {done.returncode}")


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    own = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**own, **{name: value for name, value in variables.items() if not name.startswith(LOADER)}}


def _identity(own: Path) -> Identity | None:
    try:
        line, boot = (own / "identity").read_text().strip().rsplit("\n", 1)
        stat = sessions.parse_stat(line)
    except (FileNotFoundError, ValueError, IndexError):
        return None
    return Identity(stat.pid, stat.started, boot)


def _exit_code(pid: int) -> int | None:
    """The exit code of a child of ours that has ended, which stays a zombie, so that its number stays its own."""
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_status if found and found.si_code == os.CLD_EXITED else None


def _reap(pid: int) -> None:
    """Let a child of ours that has ended go."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
