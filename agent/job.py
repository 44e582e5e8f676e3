"""One attempt from claim to finish, in a thread of its own. Every step can be cut off by a kill and taken up again.

claim -> prepare -> run -> outputs -> log -> result -> finish; the folder's state says how far it has come. `Lost` and
`Left` are raised through all of it: the attempt is another's, or this agent process ends.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial

from agent import run, seal
from agent.core.kept import Kept
from agent.core.masking import Masker
from agent.core.outcome import Verdict
from agent.folder import FINISHED, AttemptFolder, Phase, keep_lost_log
from agent.logs import AttemptLog
from agent.objects import Manners, Objects
from agent.orders import Left, Lost, Orders, Stopped
from agent.patience import keep_trying
from agent.sender import Sender
from agent.tools import Tools
from schemas import conditions, moments
from schemas.codec import Json
from schemas.errors import Gone, LuotsiError, Waiting
from schemas.messages.claim import ClaimRequest
from schemas.messages.job import Job

LOG_KEPT = 3600
"""Seconds that the live log stays after its end, for those who still read it."""

LAST_LINES = 5.0
"""Seconds at the end in which the live log may catch up."""

ABANDON_PATIENCE = 600.0
"""Seconds that an engine which is away is waited for, to end what is no longer ours."""

_log = logging.getLogger("luotsi.agent")


class Attempt:
    """`run` is the thread's body; it returns when nothing is left to do here."""

    def __init__(self, tools: Tools, folder: AttemptFolder, job: Job) -> None:
        self.job = job
        self.orders = Orders()
        self._tools = tools
        self._folder = folder
        self._secrets: Mapping[str, str] | None = None
        self._kept: Kept | None = None
        self._log: AttemptLog | None = None

    @property
    def id(self) -> str:
        """The attempt's id."""
        return self.job.attempt

    @property
    def is_claimed(self) -> bool:
        """Whether it is this agent's, as far as it knows."""
        return self._folder.state.phase is not Phase.RECEIVED

    def run(self) -> None:
        """From where the folder says to the end. Never raises."""
        try:
            self._go()
            self._clear()
        except Left:
            return
        except (Lost, Gone) as error:
            _log.info("attempt %s is not ours: %s", self.id, str(error) or "the controller says so")
            self.abandon()
        except LuotsiError as error:
            _log.error("attempt %s: %s", self.id, error)
            if not self.is_claimed:
                self._folder.remove()
        except Exception:  # noqa: BLE001 - the agent's other attempts go on; this one is taken up again at its next start
            _log.exception("attempt %s met a bug; its folder stays", self.id)

    def abandon(self) -> None:
        """Stop everything of an attempt that was lost, keep its log aside, and forget it. Never raises."""
        try:
            masker = None if self._secrets is None else Masker(self._secrets.values())
            end = partial(run.end, self._tools, self._folder, masker)
            keep_trying(end, threading.Event(), ABANDON_PATIENCE, say=_log.warning, kinds=(Waiting,))
            keep_lost_log(self._folder, self._tools.settings.folder / "lost")
            self._folder.remove()
        except (LuotsiError, OSError) as error:
            _log.error("attempt %s was lost and could not be cleared away: %s", self.id, error)

    def _go(self) -> None:
        settings = self._tools.settings
        manners = Manners(self.orders.over, self.orders.check, self._say, settings.store_patience)
        objects = Objects(self._tools.api, self._tools.transfer, self.id, settings.shares_folder, manners)
        if not self._folder.result.exists():
            if self._folder.state.phase is not Phase.ENDED:
                self._claim(objects)
            self._work(objects)
        seal.send_result(self._tools, self.job, self._folder, objects, self.orders)

    def _claim(self, objects: Objects) -> None:
        expires = moments.from_text(self.job.expires)
        seconds = None if self.is_claimed else (expires - moments.now()).total_seconds()
        request = ClaimRequest(self.job.delivery, self._tools.settings.shares_folder)
        claim = keep_trying(
            lambda: self._tools.api.claim(self.id, request),
            self.orders.over,
            seconds,
            self.orders.check,
            _log.warning,
        )
        self._secrets = claim.secrets
        self._kept = None if claim.resolved is None else Kept.of(claim.resolved)
        objects.know(claim.addresses, claim.lease)
        if not self.is_claimed:
            self._folder.update(phase=Phase.CLAIMED)

    def _work(self, objects: Objects) -> None:
        masker = Masker((self._secrets or {}).values())
        log = self._log = AttemptLog(self._folder.path, masker, condition=self._condition())
        sender = Sender(self._tools.streams, self.job.environment, self.id, log.spool)
        sender.start()
        try:
            if self._folder.state.phase is not Phase.ENDED:
                self._keep(self._verdict(objects, log))
            self._seal(objects, log)
            sender.finish(LAST_LINES, keep=LOG_KEPT)
        finally:
            self._log = None
            sender.finish(1.0, keep=LOG_KEPT)
            log.close()

    def _verdict(self, objects: Objects, log: AttemptLog) -> Verdict:
        manners = Manners(
            self.orders.any, self.orders.check_all, log.say, self._tools.settings.store_patience
        )
        work = run.Work(
            self._tools,
            self.job,
            self._folder,
            log,
            objects.mannered(manners),
            objects,
            self.orders,
            self._kept,
        )
        try:
            return work.build() if self.job.kind == "build" else work.step(self._secrets or {})
        except (Lost, Left):
            raise
        except Stopped:
            return Verdict("stopped", "stopped on request before it started")
        except Waiting as error:
            return Verdict("interrupted", str(error))
        except LuotsiError as error:
            return Verdict("error", str(error))
        except Exception:  # noqa: BLE001 - a bug of ours must end this attempt with a word, and no other
            _log.exception("attempt %s met a bug", self.id)
            return Verdict("error", "internal error in the agent, whose own log has the details")

    def _keep(self, verdict: Verdict) -> None:
        self._folder.update(
            phase=Phase.ENDED, outcome=verdict.outcome, reason=verdict.reason, exit_code=verdict.exit_code,
            built=verdict.built, events=(*self._folder.state.events, *verdict.events),
        )  # fmt: skip

    def _condition(self) -> Callable[[Mapping[str, Json]], bool] | None:
        """The step's stop condition, to be asked with its latest metadata."""
        expression = self.job.stop_condition
        if not expression:
            return None
        return lambda metadata: conditions.holds(expression, metadata, self.job.parameters)

    def _seal(self, objects: Objects, log: AttemptLog) -> None:
        seen_as = self._tools.runtime.places(self._folder.work).outputs
        reached = seal.verdict_of(self._folder)
        verdict, stored = seal.store_outputs(self.job, self._folder, objects, reached, seen_as, log)
        said = "" if verdict.reason.startswith(verdict.outcome) else f"{verdict.outcome}: "
        log.say(f"{said}{verdict.reason}")
        final = seal.store_log(self.job, self._folder, objects, log)
        seal.write_result(self._tools, self.job, self._folder, verdict, stored, log, final)

    def _clear(self) -> None:
        """The result is stored: nothing here is needed any more. What cannot be removed now is swept later."""
        try:
            run.remove(self._tools, self._folder)
            self._folder.finish(self._tools.settings.folder / FINISHED)
        except (LuotsiError, OSError) as error:
            _log.warning("attempt %s has finished and could not be cleared away: %s", self.id, error)

    def _say(self, text: str) -> None:
        if self._log:
            self._log.say(text)
        else:
            _log.warning("attempt %s: %s", self.id, text)
