"""An attempt without an installation around it: on this machine, by the agent's own code, its files left in a folder.

What stands in for the web side and for Redis is here: a claim that is always won, addresses in stores that are at hand,
and a live log that a person reads. Everything else is what every attempt does.

folder/  repository/ inputs/ outputs/ config/ (the command's own)  logs/{log.txt,log.jsonl}  result.json
         earlier-outputs/ (where a name was stored more than once)  .agent/ (the attempt's state while it runs)
"""

import json
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from redis import Redis

from agent.claim import Api
from agent.folder import AttemptFolder
from agent.giving_back import give_back
from agent.job import Attempt
from agent.jobs_api import JobsApi
from agent.runtimes.port import Runtime
from agent.settings import AgentSettings
from agent.tools import Tools
from agent.transfer import CHUNK, Transfer
from queues.streams import Entry, LogStreams
from schemas import codec, final_log, log_lines, moments
from schemas.errors import Refused, Stalled
from schemas.messages.claim import (
    Address,
    AddressesAnswer,
    AddressesRequest,
    Claim,
    ClaimRequest,
    Finish,
    Manifest,
    Order,
    RenewAnswer,
    Renewed,
    RenewRequest,
    StatusDetail,
    Wanted,
)
from schemas.messages.job import Job
from schemas.messages.log import LogRecord
from schemas.messages.result import Result
from schemas.values import Secret
from stores import folder as folder_store
from stores import keys
from stores.port import Store

LONG = 7 * 24 * 3600.0
"""Seconds of a lease that nobody renews, and of an address."""

PATIENCE = 60.0
"""Seconds that a source or store which does not answer is tried again: a person waits for it."""

NOWHERE = "0" * 12
"""The id of the environment that is none."""

OWN = ".agent"
EARLIER = "earlier-outputs"
"""Files of one name that live upload took more than once: all but the newest, in numbered folders."""


def settings_of(cache: Path, name: str = "here", **changes: Any) -> AgentSettings:
    """Settings of an agent that is no agent of any installation. `cache`: the folder of its data cache."""
    return replace(
        AgentSettings(
            environment_id=NOWHERE,
            environment_name=name,
            name=name,
            token=Secret(""),
            api="",
            redis_url="",
            folder=cache,
            public_keys=(),
            shares_folder=True,
            store_patience=PATIENCE,
        ),
        **changes,
    )


class LocalRun:
    """One attempt in `folder`, which is empty or does not exist. `records` drives it, then there is a `result`."""

    def __init__(
        self,
        folder: Path,
        job: Job,
        runtime: Runtime,
        settings: AgentSettings,
        stores: Mapping[str, Store],
        secrets: Mapping[str, str],
        seconds: float | None = None,
    ) -> None:
        """`stores`: where inputs and the archive lie. They are only read. Raises `Refused` for a folder in use.

        `seconds`: after which the command is stopped as if a person had asked for it; None: never.
        """
        self.folder = folder
        self.interrupted = False
        """Whether `stop` was asked for."""
        self._seconds = seconds
        self._timer: threading.Timer | None = None
        self._records: queue.SimpleQueue[LogRecord | None] = queue.SimpleQueue()
        _empty(folder)
        self._kept = KeptFolder(folder, job.attempt)
        self._own = folder_store.connect("own", {"path": str(folder / OWN / "store")})
        api = LocalApi(job, stores, self._own, secrets, self._detail, self._begins)
        self._jobs_api = JobsApi(api, folder / OWN)
        tools = Tools(
            settings=settings,
            api=api,
            transfer=Transfer(urllib3.PoolManager()),
            runtime=runtime,
            streams=LocalStreams(self._records),
            jobs_api=self._jobs_api,
        )
        self._attempt = Attempt(tools, self._kept, job)

    def stop(self) -> None:
        """End the command; what it made so far stays. May be asked from any thread."""
        self.interrupted = True
        self._attempt.orders.stop()

    def records(self) -> Iterator[LogRecord]:
        """Run it: the log, as it comes, until the attempt has ended. An interrupted reader may go on reading."""
        thread = threading.Thread(target=self._run, name=f"attempt {self._attempt.id}")
        thread.start()
        return iter(self._records.get, None)

    def result(self) -> Result:
        """What came of it; the folder is then as people find it. Raises `Stalled` when the agent could not say."""
        path = self._kept.result
        if not path.exists():
            raise Stalled(
                f"the run ended without a result; {self.folder} holds what there is",
                "Its own words are above.",
            )
        result = codec.read(Result, path.read_bytes())
        self._leave(result)
        return result

    def _run(self) -> None:
        try:
            self._attempt.run()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._jobs_api.close()
            self._records.put(None)

    def _begins(self) -> None:
        """The command is about to start."""
        if self._seconds is not None:
            self._timer = threading.Timer(self._seconds, self._attempt.orders.stop)
            self._timer.daemon = True
            self._timer.start()

    def _detail(self, text: str) -> None:
        now = moments.to_text(moments.now())
        self._records.put(LogRecord(0, now, "status", f"status detail: {' '.join(text.split())}"))

    def _leave(self, result: Result) -> None:
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        with (
            (logs / "log.jsonl").open("wb") as records,
            (logs / "log.txt").open("w", encoding="utf-8", errors="replace") as text,
        ):
            for line in _lines(self._kept.log):
                record = log_lines.decode(line)
                records.write(line.rstrip(b"\n") + b"\n")
                text.write(record.message + ("" if record.more else "\n"))
        whole = json.dumps(codec.to_json(result), indent=2, ensure_ascii=False) + "\n"
        (self.folder / "result.json").write_text(whole, encoding="utf-8")
        give_back(self._kept, self._own, self.folder / EARLIER)
        shutil.rmtree(self.folder / OWN, ignore_errors=True)


class KeptFolder(AttemptFolder):
    """An attempt's folder whose work stays: it lies in the person's own folder, the state beside it in `.agent`."""

    def __init__(self, folder: Path, attempt: str) -> None:
        super().__init__(folder / OWN / attempt)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.work = folder

    def renew_work(self) -> Path:
        """The person's folder, which was empty at the start. Called once: no agent process takes this attempt up again."""
        return self.work

    def remove(self) -> None:
        """Nothing: the person looks at it."""

    def finish(self, finished: Path) -> None:
        """Nothing: no wake-up comes for it."""


class LocalApi(Api):
    """Stands in for the web side: there is one attempt, it is ours, and all that it may read and write is at hand."""

    def __init__(
        self,
        job: Job,
        stores: Mapping[str, Store],
        own: Store,
        secrets: Mapping[str, str],
        say: Callable[[str], None],
        begins: Callable[[], None],
    ) -> None:
        super().__init__("http://localhost", Secret(""), urllib3.PoolManager())
        self._job = job
        self._stores = stores
        self._own = own
        self._secrets = dict(secrets)
        self._say = say
        self._begins = begins

    def claim(self, attempt: str, request: ClaimRequest) -> Claim:
        """Always won."""
        return Claim(attempt, LONG, self._secrets)

    def renew(self, request: RenewRequest) -> RenewAnswer:
        """Nothing is wanted of it."""
        return RenewAnswer(tuple(Renewed(each, LONG, Order.GO_ON) for each in request.attempts), LONG)

    def manifest(self, attempt: str, manifest: Manifest) -> None:
        """The result says it too. Nothing but the start itself comes behind it."""
        self._begins()

    def detail(self, attempt: str, detail: StatusDetail) -> None:
        """Shown between the lines of the log; the log that stays does not have it."""
        self._say(detail.status_detail)

    def finish(self, attempt: str, finish: Finish) -> None:
        """The result lies in the folder."""

    def addresses(self, attempt: str, request: AddressesRequest) -> AddressesAnswer:
        """What is read comes from the stores, what is written goes to the attempt's own. Raises `Refused`."""
        return AddressesAnswer(tuple(map(self._address, request.objects)), LONG)

    def _address(self, wanted: Wanted) -> Address:
        absent = wanted.key.startswith("results/")
        found = self._at(wanted).address(wanted.method, wanted.key, LONG, shares_folder=True, absent=absent)
        return replace(found, store=wanted.store)

    def _at(self, wanted: Wanted) -> Store:
        mine = keys.written_by(self._job.execution, self._job.attempt_number)
        prefixes = [prefix for every in mine.values() for prefix in every]
        if wanted.method == "PUT" or wanted.key.startswith(tuple(prefixes)):
            return self._own
        if wanted.store not in self._stores:
            raise Refused(f"the store {wanted.store} is not at hand here, and {wanted.key} lies in it")
        return self._stores[wanted.store]


class LocalStreams(LogStreams):
    """Stands in for Redis: the live log goes to whoever runs the attempt."""

    def __init__(self, records: "queue.SimpleQueue[LogRecord | None]") -> None:
        super().__init__(Redis())
        self._out = records

    def append_entries(
        self, environment_id: str, attempt: str, entries: Sequence[Entry], oldest: int = 0
    ) -> bool:
        """Hand them on, each once: the sender sends nothing twice to a stream that is always there."""
        for entry in entries:
            for record in log_lines.decode_all(entry.lines):
                self._out.put(record)
        return True

    def expire(self, environment_id: str, attempt: str, seconds: int) -> None:
        """It is in the folder."""

    def clear(self, environment_id: str, attempt: str) -> None:
        """Never needed: see `append_entries`."""


def _lines(log: Path) -> Iterator[bytes]:
    if log.exists():
        with log.open("rb") as file:
            yield from final_log.read_lines(iter(partial(file.read, CHUNK), b""))


def _empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Refused(f"{folder} is not empty", "Name a new folder, or remove what is in it.")
    except OSError as error:
        raise Stalled(f"{folder} cannot be used: {error.strerror}") from error
