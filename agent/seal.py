"""The end of an attempt: outputs, then the log, then the result (once, never changed), then the word to the web side.

Nothing is deleted here. A kill at any moment is followed by the same steps again: the result that was written to disk
first is the one that is sent.
"""

import io
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO, cast

from agent import live, outputs
from agent.core import outcome
from agent.core.collect import Collected, spelled
from agent.core.outcome import Outcome, Verdict
from agent.folder import AttemptFolder, write_file
from agent.logs import AttemptLog
from agent.objects import Objects
from agent.orders import Orders
from agent.outputs import Place
from agent.patience import keep_trying
from agent.tools import Tools
from agent.transfer import Meter
from schemas import codec, moments
from schemas.errors import Gone, LuotsiError, Refused
from schemas.messages import result as result_message
from schemas.messages.claim import Finish, Wanted
from schemas.messages.job import Job
from schemas.messages.result import Log, Output, Result
from stores import keys

MAX_EVENTS = 200

_log = logging.getLogger("luotsi.agent")


def store_outputs(
    job: Job, folder: AttemptFolder, objects: Objects, verdict: Verdict, seen_as: str, log: AttemptLog
) -> tuple[Verdict, tuple[Output, ...]]:
    """Store what the job left. What cannot be stored makes a good verdict bad."""
    directory = folder.work / "outputs"
    if not directory.is_dir():
        return verdict, folder.state.outputs
    place = Place(job.execution, job.attempt_number, job.upload_store)
    troubles = _store_taken(folder, place, objects)
    before = folder.state.outputs
    found = outputs.find(directory, seen_as, frozenset(output.name for output in before))
    try:
        stored = outputs.store(found, directory, place, objects)
    except LuotsiError as error:
        stored = outputs.Stored((), (f"the outputs could not be stored: {error.message}",))
    for event in (*found.events, *troubles, *stored.troubles):
        log.say(event)
    if stored.outputs:
        log.say(f"stored {_count(len(stored.outputs), 'output')}: {outputs.names(stored.outputs)}")
    verdict = replace(verdict, events=(*verdict.events, *found.events))
    for trouble in (*troubles, *stored.troubles):
        verdict = outcome.store_failed(verdict, trouble)
    return verdict, (*_told_late(before, found), *stored.outputs)


def _store_taken(folder: AttemptFolder, place: Place, objects: Objects) -> list[str]:
    """Store what live upload took and could not store; a sentence for each that cannot be."""
    troubles = []
    for taken in live.left(folder):
        try:
            live.store(taken, folder, place, objects)
        except LuotsiError as error:
            troubles.append(f"the output {spelled(taken.name)} could not be stored: {error.message}")
    return troubles


def _told_late(before: Sequence[Output], found: Collected) -> list[Output]:
    """The outputs of live upload, with what was said of them at the end."""
    last = {output.name: index for index, output in enumerate(before)}
    return [
        replace(
            output,
            metadata=output.metadata
            | (found.late_sidecars.get(output.name, {}) if last[output.name] == index else {})
            | found.late_lines.get(output.name, {}),
        )
        for index, output in enumerate(before)
    ]


def store_log(job: Job, folder: AttemptFolder, objects: Objects, log: AttemptLog) -> Log | str:
    """Store the final log; a sentence about it when that was not possible."""
    key = keys.log(job.execution, job.attempt_number)
    size = log.write_final(folder.log)
    mark = log.spool.mark
    try:
        objects.send(Wanted("PUT", key), lambda: folder.log.open("rb"), folder.log.stat().st_size)
    except LuotsiError as error:
        return f"the log could not be stored: {error.message}"
    return Log(key, lines=mark.seq, bytes=size, dropped=mark.dropped)


def write_result(
    tools: Tools,
    job: Job,
    folder: AttemptFolder,
    verdict: Verdict,
    stored: Sequence[Output],
    log: AttemptLog,
    final: Log | str,
) -> None:
    """Write the result to disk. From now on the outcome is what it says."""
    state = folder.state
    events = [*verdict.events, *([final] if isinstance(final, str) else [])]
    if log.totals.dropped:
        events.append(
            f"metadata of {_count(len(log.totals.dropped), 'key')} was left out: there is too much of it"
        )
    result = Result(
        version=result_message.VERSION,
        execution=job.execution,
        attempt=job.attempt,
        outcome=verdict.outcome,
        reason=verdict.reason,
        started=state.started,
        finished=moments.to_text(moments.now()),
        exit_code=verdict.exit_code,
        image=state.image or job.image,
        image_digest=state.image_digest,
        runtime=tools.runtime.label,
        outputs=tuple(stored),
        inputs=state.inputs,
        metadata=log.totals.values,
        log=None if isinstance(final, str) else final,
        built=verdict.built,
        events=tuple(events[:MAX_EVENTS])
        + (("more events were left out",) if len(events) > MAX_EVENTS else ()),
    )
    write_file(folder.result, codec.write(result), durable=True)


def send_result(tools: Tools, job: Job, folder: AttemptFolder, objects: Objects, orders: Orders) -> None:
    """Store the written result and say so. Tried until it works, or the attempt is no longer ours (`Lost`)."""
    data = folder.result.read_bytes()
    wanted = Wanted("PUT", keys.result(job.execution, job.attempt_number))
    meter = Meter()
    meter.add(data)
    try:
        objects.send(wanted, lambda: cast("BinaryIO", io.BytesIO(data)), len(data), seconds=None)
        keep_trying(
            lambda: tools.api.finish(job.attempt, Finish(meter.digests().sha256)),
            orders.over,
            check=orders.check,
        )
    except (Gone, Refused) as error:
        # Fenced, or read by the controller before we said so: either way the word is spoken.
        _log.info("the result of attempt %s is not wanted any more: %s", job.attempt, error)


def verdict_of(folder: AttemptFolder) -> Verdict:
    """The verdict that an earlier agent process reached."""
    state = folder.state
    return Verdict(cast("Outcome", state.outcome), state.reason, state.exit_code, state.built, state.events)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
