"""The middle of an attempt: what comes between the claim and the outputs. A step's command, or a build."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

from agent import builds, outputs
from agent.core import outcome
from agent.core.kept import Kept
from agent.core.masking import Masker
from agent.core.outcome import Asked, Bounds, Verdict
from agent.folder import AttemptFolder, Phase
from agent.jobs_api import Calls
from agent.live import LiveUploads
from agent.logs import AttemptLog
from agent.objects import Objects
from agent.on_demand import OnDemand
from agent.orders import Orders
from agent.patience import keep_trying
from agent.prepare import ENGINE_PATIENCE, Preparation, write_api
from agent.runtimes.port import Ended, Image, Running, Spec
from agent.supply import Supply, fetch_datum
from agent.tools import Tools
from agent.watch import Limits, Watch
from schemas import moments, status_detail
from schemas.codec import Json
from schemas.errors import Stalled, Waiting
from schemas.messages.job import DatumFile, Job
from schemas.messages.result import Output

LET_GO = 5.0
"""Seconds in which a live upload may end when this agent process does."""


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt's work."""

    tools: Tools
    job: Job
    folder: AttemptFolder
    log: AttemptLog
    objects: Objects
    """They hear a stop: for what comes before the command."""
    lasting: Objects
    """They do not: for what is stored."""
    orders: Orders
    kept: Kept | None = None
    """What an earlier attempt of the execution took."""

    def step(self, secrets: Mapping[str, str]) -> Verdict:
        """Run the command, or go on with the one that an earlier agent process started. Raises what stands in the way."""
        try:
            return self._step(secrets)
        finally:
            self.tools.jobs_api.dismiss(self.job.attempt)

    def _step(self, secrets: Mapping[str, str]) -> Verdict:
        running = self._adopted() or self._started(secrets)
        if running is None:
            return outcome.decide(
                Ended(None, "the machine went down, or someone removed it"), Asked.NOTHING, 0, Bounds()
            )
        bounds = self._bounds()
        elapsed = self._elapsed()
        left = None if bounds.time is None else bounds.time - elapsed
        limits = Limits(left, self.tools.settings.grace, bounds.silence, elapsed)
        watch = Watch(running, self.log, self.orders, limits, Asked(self.folder.state.asked))
        with self._live_uploads():
            ended = watch.run(self._stopping)
        return outcome.decide(ended, watch.asked, self._elapsed(), bounds)

    @contextmanager
    def _live_uploads(self) -> Iterator[None]:
        """Outputs that are done are stored while the command runs. A stop does not interrupt that, a loss does."""
        place = outputs.Place(self.job.execution, self.job.attempt_number, self.job.upload_store)
        uploads = LiveUploads(self.folder, place, self.lasting, self.log)
        uploads.start()
        try:
            yield
        except BaseException:
            uploads.finish(LET_GO)
            raise
        uploads.finish()

    def build(self) -> Verdict:
        """Make what the job's `build` wants. Done again from the start after a kill."""
        preparation = self._preparation()
        work = preparation.repository()
        self.folder.update(started=moments.to_text(moments.now()), outputs=(), events=self.job.notes)
        for note in self.job.notes:
            self.log.say(note)
        preparation.manifest(Image(self.job.image, "", ""))
        place = outputs.Place(self.job.execution, self.job.attempt_number, self.job.upload_store)

        def fetch(datum: DatumFile, target: Path) -> None:
            fetch_datum(datum, target, self.objects)

        def put(path: Path, name: str) -> Output:
            stored = outputs.store_one(path, name, place, self.objects)
            self.folder.update(outputs=(*self.folder.state.outputs, stored))
            return stored

        def say(text: str) -> None:
            self.orders.check_all()
            self.log.say(text)

        built = builds.perform(self.job, work, fetch, put, say, self.tools.runtime.engine)
        return Verdict("complete", f"built in {outcome.duration(self._elapsed())}", built=built)

    def _adopted(self) -> Running | None:
        if self.folder.state.phase not in (Phase.STARTING, Phase.RUNNING):
            return None
        found = keep_trying(
            lambda: self.tools.runtime.adopt(self.job.attempt, self.folder.own),
            self.orders.over,
            check=self.orders.check,
            kinds=(Waiting,),
        )
        if found:
            self.log.say("the agent was started anew and goes on with the running command")
            self._is_running()
            self._admit_again()
        return found

    def _started(self, secrets: Mapping[str, str]) -> Running | None:
        if self.folder.state.phase is Phase.RUNNING:
            return None
        settings = self.tools.settings
        self.log.say(
            f"attempt {self.job.attempt_number} on the agent {settings.name}, {self.tools.runtime.label}"
        )
        preparation = self._preparation()
        notes = preparation.notes()
        self.folder.update(events=notes)
        for note in notes:
            self.log.say(note)
        ready = preparation.spec(secrets, self._admit)
        spec = ready.spec
        self.log.say(_where(spec.image))
        self.orders.check_all()
        self.folder.update(
            phase=Phase.STARTING,
            image=spec.image.name,
            image_digest=spec.image.digest,
            inputs=ready.inputs,
            events=(*notes, *ready.notes),
        )
        running = self._start(spec)
        self._is_running()
        return running

    def _admit(self) -> Mapping[str, Json] | None:
        """Let the command call its agent; what `api.json` says, if it can reach it. `Stalled` for a network that is not there."""
        job, token = self.job, self.folder.state.token or token_urlsafe(32)
        self.folder.update(token=token)
        details = self.tools.jobs_api.details
        calls = Calls(
            job.attempt,
            token,
            lambda text: details.tell(job.attempt, status_detail.clean(self.log.masked(text))),
            OnDemand.of(self.folder.path, Supply.of(job, self.tools.settings, self.lasting)),
        )
        try:
            host = self.tools.runtime.host(self._preparation().needs.network)
        except Waiting:
            host = None
        return self.tools.jobs_api.admit(calls, host)

    def _admit_again(self) -> None:
        """The same token for a command that runs on. Where the agent's port could not be kept, its `api.json` changes."""
        if not (self.folder.work / "config" / "api.json").exists():
            return
        try:
            calls = self._admit()
        except Stalled:
            return
        if calls is not None:
            write_api(self.folder.work, calls)

    def _start(self, spec: Spec) -> Running:
        tries = iter((True,))

        def once() -> Running:
            if next(tries, False):
                return self.tools.runtime.start(spec)
            # The engine went away in the middle: it may have started the command all the same.
            return self.tools.runtime.adopt(spec.attempt, spec.own) or self.tools.runtime.start(spec)

        return keep_trying(
            once, self.orders.over, ENGINE_PATIENCE, self.orders.check, self.log.say, kinds=(Waiting,)
        )

    def _is_running(self) -> None:
        started = self.folder.state.started or moments.to_text(moments.now())
        self.folder.update(phase=Phase.RUNNING, started=started)

    def _stopping(self, asked: Asked) -> None:
        self.log.say(f"{outcome.why(asked, self._bounds())}; ending the command")
        self.folder.update(asked=asked.value)

    def _bounds(self) -> Bounds:
        return Bounds(self.job.time_limit, self.job.no_output_timeout, self.job.stop_condition)

    def _elapsed(self) -> float:
        started = self.folder.state.started
        return (moments.now() - moments.from_text(started)).total_seconds() if started else 0.0

    def _preparation(self) -> Preparation:
        return Preparation(self.tools, self.job, self.folder, self.log, self.objects, self.orders, self.kept)


def end(tools: Tools, folder: AttemptFolder, masker: Masker | None) -> None:
    """Stop what still runs of an attempt, spool what it printed, and remove it. Without its secrets nothing is spooled."""
    found = tools.runtime.adopt(folder.attempt, folder.own)
    if found is None:
        return
    waiter = threading.Thread(target=found.wait, name=f"end of {folder.attempt}", daemon=True)
    waiter.start()
    found.stop(tools.settings.grace)
    waiter.join(tools.settings.grace + 30)
    if masker is not None and not waiter.is_alive():
        log = AttemptLog(folder.path, masker)
        for piece in found.follow(log.taken):
            log.feed(piece.stream, piece.data)
        log.finish()
        log.close()
    found.remove()


def remove(tools: Tools, folder: AttemptFolder) -> None:
    """Take away what the runtime still keeps of an attempt that has ended."""
    if folder.state.phase in (Phase.STARTING, Phase.RUNNING, Phase.ENDED):
        found = tools.runtime.adopt(folder.attempt, folder.own)
        if found:
            found.remove()


def _where(image: Image) -> str:
    """What the log says of the place in which the command starts."""
    if image.id:
        return f"starting in {image.name} {image.digest}".rstrip()
    return f"starting on this machine, with what is installed here: there is no image, {image.name} is only a name"
