"""The agent process: takes wake-ups while it has free slots, runs attempts, renews their leases, and adopts what an earlier
process left. It ends on SIGTERM at once; commands go on, and the next process takes them up.
"""

import fcntl
import logging
import os
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import urllib3

from agent import folder as folders
from agent import machine, runtimes
from agent.claim import Api
from agent.folder import AttemptFolder
from agent.job import Attempt
from agent.jobs_api import JobsApi
from agent.machine import Machine
from agent.renewals import Renewals, Status
from agent.runtimes.port import Runtime
from agent.settings import AgentSettings
from agent.slots import Slots
from agent.tools import Tools
from agent.transfer import Transfer
from queues.connection import connect
from queues.streams import LogStreams
from queues.worker import WakeupWorker
from schemas import codec, moments, signing
from schemas.errors import LuotsiError, Refused, Stalled
from schemas.messages import job as job_message
from schemas.messages.claim import Order, RenewAnswer
from schemas.messages.job import Job

LEAVE = 5.0
"""Seconds in which threads let go when the process ends."""

_log = logging.getLogger("luotsi.agent")


class Agent:
    """All parts of one agent. `run` blocks; everything else belongs to its threads."""

    def __init__(self, settings: AgentSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._root = settings.folder / "attempts"
        self._keys = dict(map(signing.read_public, settings.public_keys))
        pool = urllib3.PoolManager(num_pools=16, maxsize=16)
        self._api = Api(settings.api, settings.token, pool)
        self._jobs_api = JobsApi(self._api, settings.folder)
        streams = LogStreams(connect(settings.redis_url))
        self._tools = Tools(settings, self._api, Transfer(pool), runtime, streams, self._jobs_api)
        self._slots = Slots(settings.slots)
        self._attempts: dict[str, Attempt] = {}
        self._waiting: set[str] = set()
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._renewals = Renewals(
            self._api,
            runtime.label,
            Machine(*runtime.machine(), machine.devices()),
            self._status,
            self._heard,
        )
        self._leaving = False
        self._answered = threading.Event()
        """Set by the first renewal's answer: until then nobody knows whether this agent drains."""

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. Raises `Stalled` when another process uses the folder."""
        with _alone(self._settings.folder):
            self._root.mkdir(mode=0o700, exist_ok=True)
            trash = folders.half_removed(self._root)
            self._find_left()
            worker = WakeupWorker(
                connect(self._settings.redis_url), self._settings.environment_id, self._settings.name
            )
            threads = [
                _thread("renewals", lambda: self._renewals.run(stop)),
                _thread("queue", lambda: self._listen(worker, stop)),
                _thread("sweep", lambda: self._sweep(trash)),
            ]
            stop.wait()
            self._leaving = True
            self._answered.set()
            self._renewals.soon()
            worker.interrupt()
            self._leave(threads)
            self._jobs_api.close()

    def _listen(self, worker: WakeupWorker, stop: threading.Event) -> None:
        self._answered.wait()
        worker.listen(self._slots, self._take, stop)

    def _take(self, envelope: str) -> bool:
        """A wake-up: True when an attempt of it now has the slot. One that is left is sent again, to whoever has room."""
        job = self._verified(envelope)
        if self._slots.draining:
            return False
        with self._lock:
            if self._leaving or job.attempt in self._attempts or self._has_run(job):
                return False
            folder = AttemptFolder(self._root / job.attempt)
            folder.receive(envelope)
            attempt = self._attempts[job.attempt] = Attempt(self._tools, folder, job)
        self._slots.use()
        self._begin(attempt, attempt.run)
        return True

    def _has_run(self, job: Job) -> bool:
        return folders.has_finished(self._settings.folder / folders.FINISHED, job.attempt)

    def _verified(self, envelope: str, again: bool = False) -> Job:
        """The job in a signed message. `again`: it was taken in time by an earlier process. Raises `Refused`."""
        job = codec.read(Job, signing.verify(envelope, self._keys))
        if job.version != job_message.VERSION:
            raise Refused(f"a job of version {job.version} is not for this agent", "Update the agent.")
        if job.environment != self._settings.environment_id:
            raise Refused(f"the job of attempt {job.attempt} is for the environment {job.environment}")
        if not again and moments.now() > moments.from_text(job.expires):
            raise Refused(
                f"the message of attempt {job.attempt} ended at {job.expires}; it will be sent again"
            )
        return job

    def _find_left(self) -> None:
        """Take up what an earlier process left. What it had claimed waits for the first renewal's orders."""
        for path in folders.all_in(self._root):
            try:
                folder = AttemptFolder(path)
                attempt = Attempt(self._tools, folder, self._verified(folder.envelope(), again=True))
            except LuotsiError as error:
                _log.error("%s is left alone: %s", path, error)
                continue
            self._attempts[attempt.id] = attempt
            self._slots.take()
            if attempt.is_claimed:
                self._waiting.add(attempt.id)
            else:
                self._begin(attempt, attempt.run)

    def _heard(self, answer: RenewAnswer) -> None:
        self._slots.drain(answer.drain or any(each.order is Order.DRAIN for each in answer.attempts))
        self._answered.set()
        for renewed in answer.attempts:
            attempt = self._attempts.get(renewed.attempt)
            if attempt is None:
                continue
            if renewed.order is Order.LOST:
                attempt.orders.lose()
            elif renewed.order is Order.STOP:
                attempt.orders.stop()
            if renewed.attempt in self._waiting:
                self._waiting.discard(renewed.attempt)
                self._begin(attempt, attempt.abandon if renewed.order is Order.LOST else attempt.run)

    def _begin(self, attempt: Attempt, body: Callable[[], None]) -> None:
        def whole() -> None:
            try:
                body()
            finally:
                with self._lock:
                    self._attempts.pop(attempt.id, None)
                    self._threads.pop(attempt.id, None)
                self._slots.release()
                self._renewals.soon()

        with self._lock:
            self._threads[attempt.id] = _thread(f"attempt {attempt.id}", whole, start=False)
        self._threads[attempt.id].start()

    def _status(self) -> Status:
        with self._lock:
            held = [attempt.id for attempt in self._attempts.values() if attempt.is_claimed]
        return Status(held, self._slots.free, self._settings.slots)

    def _sweep(self, trash: Sequence[Path]) -> None:
        """What earlier processes did not remove to the end: folders, and containers of attempts that have none any more."""
        for path in trash:
            shutil.rmtree(path, ignore_errors=True)
        agent = f"{self._settings.environment_id}-{self._settings.name}"
        try:
            self._tools.runtime.sweep(agent, lambda attempt: (self._root / attempt).exists())
        except LuotsiError as error:
            _log.warning("what earlier attempts left could not be swept: %s", error)

    def _leave(self, threads: list[threading.Thread]) -> None:
        with self._lock:
            attempts, mine = list(self._attempts.values()), list(self._threads.values())
        for attempt in attempts:
            attempt.orders.leave()
        for thread in [*mine, *threads]:
            thread.join(LEAVE)


def run(settings: AgentSettings) -> None:
    """The process: until SIGTERM or SIGINT. Raises `Stalled` when the settings cannot work on this machine."""
    stop = threading.Event()
    agent = Agent(settings, runtimes.load(settings.runtime, settings.runtime_settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    agent.run(stop)
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        # A transfer that hangs must not keep the process: everything on disk is as the next one needs it.
        logging.shutdown()
        os._exit(0)


class _alone:  # noqa: N801 - used as a function
    """Holds the agent's folder: two processes in one would run every attempt twice."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / "lock"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise Stalled(
                f"another agent process uses {self._path.parent}",
                "End it, or give this agent a folder of its own.",
            ) from error

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _thread(name: str, target: Callable[[], None], start: bool = True) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    if start:
        thread.start()
    return thread
