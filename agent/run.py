"""The middle of an attempt: what comes between the claim and the outputs. A step's command, or a build."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent import builds, outputs
from agent.core import outcome
from agent.core.masking import Masker
from agent.core.outcome import Asked, Verdict
from agent.folder import AttemptFolder, Phase
from agent.inputs import fetch_datum
from agent.logs import AttemptLog
from agent.objects import Objects
from agent.orders import Orders
from agent.patience import keep_trying
from agent.prepare import ENGINE_PATIENCE, Preparation
from agent.runtimes.port import Ended, Image, Running, Spec
from agent.tools import Tools
from agent.watch import Limits, Watch
from schemas import moments
from schemas.errors import Waiting
from schemas.messages.job import DatumFile, Job
from schemas.messages.result import Output


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt's work."""

    tools: Tools
    job: Job
    folder: AttemptFolder
    log: AttemptLog
    objects: Objects
    orders: Orders

    def step(self, secrets: Mapping[str, str]) -> Verdict:
        """Run the command, or go on with the one that an earlier agent process started. Raises what stands in the way."""
        running = self._adopted() or self._started(secrets)
        if running is None:
            return outcome.decide(
                Ended(None, "the machine went down, or someone removed it"), Asked.NOTHING, 0, None
            )
        limit, elapsed = self.job.time_limit, self._elapsed()
        limits = Limits(None if limit is None else limit - elapsed, self.tools.settings.grace)
        watch = Watch(running, self.log, self.orders, limits, Asked(self.folder.state.asked))
        ended = watch.run(self._stopping)
        return outcome.decide(ended, watch.asked, self._elapsed(), limit)

    def build(self) -> Verdict:
        """Make what the job's `build` wants. Done again from the start after a kill."""
        preparation = self._preparation()
        work = preparation.repository()
        self.folder.update(started=moments.to_text(moments.now()), outputs=())
        preparation.manifest(Image(self.job.image, "", ""))
        place = outputs.Place(self.job.execution, self.job.attempt_number)

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
        return found

    def _started(self, secrets: Mapping[str, str]) -> Running | None:
        if self.folder.state.phase is Phase.RUNNING:
            return None
        settings = self.tools.settings
        self.log.say(
            f"attempt {self.job.attempt_number} on the agent {settings.name}, {self.tools.runtime.label}"
        )
        spec, resolved = self._preparation().spec(secrets)
        self.log.say(f"starting in {spec.image.name} {spec.image.digest}".rstrip())
        self.orders.check_all()
        self.folder.update(
            phase=Phase.STARTING, image=spec.image.name, image_digest=spec.image.digest, inputs=resolved
        )
        running = self._start(spec)
        self._is_running()
        return running

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
        limit = f"the time limit of {outcome.duration(self.job.time_limit or 0)} has passed"
        self.log.say(f"{'stopped on request' if asked is Asked.STOP else limit}; ending the command")
        self.folder.update(asked=asked.value)

    def _elapsed(self) -> float:
        started = self.folder.state.started
        return (moments.now() - moments.from_text(started)).total_seconds() if started else 0.0

    def _preparation(self) -> Preparation:
        return Preparation(self.tools, self.job, self.folder, self.log, self.objects, self.orders)


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
