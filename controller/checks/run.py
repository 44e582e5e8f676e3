"""Gathers what the check of a run says: gate, executions, log, outputs, cost and waiting, each by a bounded read."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Any

from sqlalchemy import Connection

from controller.checks import log as check_log
from controller.core import base_file, events, status
from controller.core.addresses import Pages
from controller.core.checks import check_waiting, check_words
from controller.core.checks.check_metrics import Base, Measure
from controller.core.checks.check_waiting import Room
from controller.core.checks.check_words import File, Log, Part, Run, Spent, Sweep
from controller.ports import Ports
from controller.pulls import approved
from controller.pulls.words import again_words, waiting_words
from controller.running import words
from controller.triggering import retrying
from controller.watching import configs
from ledger import check_facts, repositories
from ledger.check_facts import Tried
from ledger.rows import AnyRow
from ledger.runs import RunRow
from schemas.ranking import number
from schemas.states import FINAL_RUN, ExecutionState, RunState, TaskState
from schemas.words import asked

PARTS = 8
BROKEN_CHILDREN = 2
OPEN = 20
SWEEPS = 4
FILES = 6
MEASURES = 8
BROKEN = (ExecutionState.ERROR, ExecutionState.CRASHED)


def words_of(ports: Ports, connection: Connection, row: AnyRow, run: RunRow) -> Run:
    """The values of which the words are made."""
    repository = repositories.by_id(connection, run.repository_id)
    project = repositories.project(connection, run.project_id)
    own = check_facts.parts(connection, run, "own", PARTS)
    found = [*check_facts.parts(connection, run, "broken", BROKEN_CHILDREN), *own]
    taken = check_facts.tried(connection, run)
    tried = taken or ()
    measures, base = _measures(connection, run)
    files = _files(connection, own)
    goes_on = run.state in (RunState.WAITING, RunState.RUNNING)
    return Run(
        pages=Pages(ports.settings.web_address, repository.name, project.root),
        id=run.id,
        sha=run.sha,
        state=run.state,
        reason=run.reason,
        asked=asked(run.event, run.ref, run.pull_request, run.occurrence),
        currency=ports.settings.currency,
        retest=_name(ports, row) if _answers_here(ports, connection, row, run) else "",
        measures=measures,
        base=base,
        parts=tuple(_part(part, [each for each in tried if each.execution_id == part.id]) for part in found),
        hidden=check_facts.count(connection, run) - len(own),
        sweeps=tuple(
            Sweep(each.number, each.node or each.name, TaskState(each.state), _bare(each))
            for each in check_facts.sweeps(connection, run, SWEEPS)
        ),
        files=files[:FILES],
        more_files=len(files) > FILES,
        log=_log(ports, connection, run, found),
        spent=_spent([(each, each.price) for each in tried]),
        usual=_usual(ports, connection, run) if goes_on else None,
        waiting=tuple(_waiting(ports, connection, run)) if goes_on else (),
        rests=retrying.rests(ports) if goes_on else "",
        begun=taken is None or bool(taken),
        ignored=_ignored(found),
        kept=tuple(base_file.words(run.trigger, base_file.of_rule(run.rule))),
        changes=tuple(base_file.changes(run.trigger, run.rule)),
        approval=_approval(ports, connection, run),
        once_more=again_words(ports, connection, run, _name(ports, row)) if _is_declared(ports, run) else "",
        approved_by=given.who if (given := approved.of_run(connection, run.approval_id)) is not None else "",
    )


def _name(ports: Ports, row: AnyRow) -> str:
    name: str = row.context
    return name.removeprefix(f"{ports.settings.prefix}/")


def _answers_here(ports: Ports, connection: Connection, row: AnyRow, run: RunRow) -> bool:
    """Whether a command below the pull request is for this run: it is for the head, never for a queue's or an older commit."""
    if row.number is None:
        return False
    pull = approved.newest(connection, run.repository_id, row.number)
    if pull is None or pull.head != run.sha:
        return False
    if run.state not in FINAL_RUN:
        return True
    if not _is_declared(ports, run):
        return False
    repository = repositories.by_id(connection, run.repository_id)
    now = ports.clock()
    return (
        run.trust == "trusted" or approved.standing(ports, connection, repository, run.sha, now) is not None
    )


def _is_declared(ports: Ports, run: RunRow) -> bool:
    """Whether the commit's file has the trigger: one that a pull request takes away has a check that can never begin again."""
    config = configs.of(ports, run.project_id, run.sha)
    return config is not None and any(trigger.name == run.trigger for trigger in config.triggers)


def _ignored(found: Iterable[check_facts.Part]) -> tuple[str, ...]:
    """What planning noted as left out, each once."""
    notes = (str(note) for part in found for note in part.spec.get("notes") or ())
    return tuple(dict.fromkeys(note.rstrip(".") for note in notes if " is ignored" in note))


def _part(part: check_facts.Part, tried: Sequence[Tried]) -> Part:
    spent = _spent([(each, each.price) for each in tried])
    notes = part.spec.get("notes") or ()
    reuse = part.reason if part.reused_id is not None else words.not_reused(notes)
    goes_on = part.finished_at is None
    return Part(
        part.number,
        part.node or part.step,
        ExecutionState(part.state),
        detail=part.status_detail if goes_on else "",
        took=spent.seconds if tried and not goes_on else None,
        cost=spent.cost if not goes_on else None,
        reuse=reuse,
        reused=part.reused_id is not None,
    )


def _bare(sweep: check_facts.Sweep) -> str:
    """A task's reason without its own name in front, which stands beside it."""
    return sweep.reason.removeprefix(f"!{sweep.number} {sweep.name}: ")


def _spent(tried: Iterable[tuple[Tried, float | None]]) -> Spent:
    """The machine time of attempts that have ended, each with its price of an hour. One without a price hides the sum."""
    ended = [(each, each.finished_at, price) for each, price in tried if each.finished_at is not None]
    if not ended:
        return Spent()
    seconds = [(end - each.claimed_at).total_seconds() for each, end, _ in ended]
    prices = [price for _, _, price in ended]
    cost = None
    if all(price is not None for price in prices):
        cost = sum(time * (price or 0.0) / 3600 for time, price in zip(seconds, prices, strict=True))
    took = (max(end for _, end, _ in ended) - min(each.claimed_at for each, _, _ in ended)).total_seconds()
    return Spent(sum(seconds), took, cost)


def _usual(ports: Ports, connection: Connection, run: RunRow) -> Spent | None:
    """The median of earlier runs, at the prices of today."""
    prices = {environment.id: environment.price for environment in ports.settings.environments}
    found = []
    for earlier in check_facts.earlier(connection, run):
        tried = check_facts.tried(connection, earlier)
        if tried:
            found.append(_spent([(each, prices.get(each.environment_id)) for each in tried]))
    took = [each.took for each in found if each.took is not None]
    costs = [each.cost for each in found if each.cost is not None]
    if not took:
        return None
    return Spent(0.0, median(took), median(costs) if len(costs) == len(took) else None)


def _measures(connection: Connection, run: RunRow) -> tuple[tuple[Measure, ...], Base | None]:
    """What the gate judged, then what else the last execution printed, with the base's values where there is one."""
    ended = check_facts.ending(connection, run.id)
    gate = (ended.gate if ended else None) or {}
    sha = gate.get("base_sha")
    base = Base(str(sha), _branch(connection, run, str(sha))) if sha else None
    judged = [
        Measure(
            str(line["metric"]),
            line["value"],
            line["base"],
            str(line["text"]),
            line["target"],
            bool(line["passed"]),
            str(line.get("note") or ""),
            str(line.get("by") or ""),
        )
        for line in gate.get("lines") or ()
    ]
    # However many a commit's own file expects: what it takes away is among those that are shown.
    judged.sort(key=lambda each: not each.by)
    here = check_facts.measured(connection, run.id)
    if here is None:
        return tuple(judged[:MEASURES]), base
    before: Mapping[str, Any] = {}
    if base is not None:
        base_run = check_facts.base_run(connection, run, base.sha)
        there = check_facts.measured(connection, base_run, here[0]) if base_run else None
        before = there[1] if there else {}
    known = {each.metric for each in judged}
    others = [
        Measure(key, value, number(before.get(key)))
        for key, text in here[1].items()
        if key not in known and not isinstance(text, str) and (value := number(text)) is not None
    ]
    return tuple([*judged, *others][:MEASURES]), base


def _branch(connection: Connection, run: RunRow, sha: str) -> str:
    ref = check_facts.first_seen_on(connection, run.repository_id, sha) or ""
    group = events.queued(ref, sha)
    if group is not None:
        return group.target  # the queue's own branch is gone by now
    return ref.removeprefix(events.BRANCHES) if ref.startswith(events.BRANCHES) else ""


def _files(connection: Connection, found: Sequence[check_facts.Part]) -> tuple[File, ...]:
    """Outputs of executions that are shown; one more than fit, if there are more."""
    numbers = {part.reused_id or part.id: part.number for part in found}
    if not numbers:
        return ()
    rows = check_facts.files(connection, list(numbers), FILES + 1)
    return tuple(File(numbers[each.made_by], each.id, each.name, each.size) for each in rows)


def _log(ports: Ports, connection: Connection, run: RunRow, found: Sequence[check_facts.Part]) -> Log | None:
    """Of the first execution that failed, and no other."""
    broken = next((part for part in found if part.state in BROKEN), None)
    if run.state not in (RunState.FAILURE, RunState.ERROR, RunState.NEUTRAL) or broken is None:
        return None
    last = check_facts.last_log(connection, broken.id)
    end = check_log.end_of(ports.stores.get("system"), last[1] if last else None)
    return Log(broken.number, broken.node or broken.step, end.lines, end.first, end.last, end.trouble)


def _waiting(ports: Ports, connection: Connection, run: RunRow) -> Iterable[str]:
    """One sentence for each environment whose machines are waited for; what holds up the whole run comes first."""
    if rests := retrying.rests(ports):
        yield check_words.as_sentence(rests)
    open_ = check_facts.parts(connection, run, "open", OPEN)
    if not open_:
        yield check_words.as_sentence(run.reason or "the next step is being queued")
    queued: dict[str, check_facts.Part] = {}
    running: list[check_facts.Part] = []
    for part in open_:
        if part.state in (ExecutionState.STARTED, ExecutionState.STOPPING):
            running.append(part)
        else:
            queued.setdefault(part.environment_id, part)
    if running:
        yield check_waiting.runs_now([(part.node or part.step, part.status_detail) for part in running])
    for environment_id, part in queued.items():
        room = _room(ports, connection, environment_id)
        yield check_waiting.waits_for(part.environment, room, check_facts.ahead(connection, part, run))


def _room(ports: Ports, connection: Connection, environment_id: str) -> Room:
    seen = check_facts.machines(connection, environment_id)
    since = ports.clock() - timedelta(seconds=ports.settings.lease)
    alive = [each for each in seen if each.renewed_at is not None and each.renewed_at >= since]
    taking = [each for each in alive if each.drained_at is None]
    slots, free = sum(each.slots for each in taking), sum(each.free_slots for each in taking)
    return Room(len(seen), len(alive), len(taking), slots, free)


def _approval(ports: Ports, connection: Connection, run: RunRow) -> str:
    """Who may let a held run begin, and what to write; empty for a run that is not held."""
    if run.state is not RunState.NEUTRAL or run.reason not in status.HELD:
        return ""
    return waiting_words(ports, connection, run)
