"""Keeps concurrency groups: before `advance` looks at the open runs it ends what was replaced and holds back what waits."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from controller import isolate
from controller.core import concurrency as core
from controller.core.concurrency import Arrangement, Member
from controller.ports import Ports
from controller.reporting import statuses
from controller.triggering import retrying
from ledger import groups, repositories, runs
from ledger.runs import RunRow
from schemas.states import FINAL_RUN, RunState
from schemas.values import short

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Held:
    """Ids of the runs that may not begin yet, and how many groups changed."""

    runs: frozenset[str] = frozenset()
    changed: int = 0


def hold(ports: Ports) -> Held:
    """Arrange every group as it stands now. Asking again when nothing happened changes nothing."""
    with ports.ledger.read() as connection:
        rows = groups.members(connection)
    by_group: dict[tuple[str, str], list[tuple[RunRow, bool]]] = defaultdict(list)
    for run, busy in rows:
        by_group[(run.repository_id, run.concurrency_group or "")].append((run, busy))
    held: set[str] = set()

    def keep(members: list[tuple[RunRow, bool]]) -> bool:
        arrangement = core.arrange([_member(run, busy) for run, busy in members])
        changed = _perform(ports, {run.id: run for run, _ in members}, arrangement)
        held.update(arrangement.held, arrangement.replaced)
        return changed

    # A group that cannot be arranged for a bug of ours is not kept: better two at once than none for ever.
    changed = isolate.each(by_group.values(), keep, lambda members, bug: None)
    return Held(frozenset(held), changed)


def _member(run: RunRow, busy: bool) -> Member:
    ended = run.state in FINAL_RUN
    goes_on = busy or run.state is RunState.RUNNING
    return Member(run.id, goes_on, core.replace_of(run.rule), (run.sha, run.occurrence), ended)


def _perform(ports: Ports, members: Mapping[str, RunRow], arrangement: Arrangement) -> bool:
    words = {
        id: (RunState.WAITING, f"waits for {_named(members[for_whom])}, of the same concurrency group")
        for id, for_whom in arrangement.held.items()
    }
    words |= {
        id: (RunState.CANCELLED, f"{runs.REPLACED}{short(members[by].sha)}{_whose(members[id], members[by])}")
        for id, by in arrangement.replaced.items()
    }
    news = {id: word for id, word in words.items() if (members[id].state, members[id].reason) != word}
    if not news:
        return False
    now = ports.clock()
    changed = False
    with ports.ledger.write() as connection:
        for id, (state, reason) in news.items():
            run = members[id]
            if not runs.set_state(connection, run, state, reason, now):
                continue
            changed = True
            if state is RunState.CANCELLED:
                retrying.stop(connection, run, now)
                log.info("run ended", trigger=run.trigger, commit=run.sha[:7], state=state.value, why=reason)
            repository = repositories.by_id(connection, run.repository_id)
            statuses.of_run(connection, ports, repository, runs.by_id(connection, id), now)
    return changed


def _named(run: RunRow) -> str:
    return f"{run.trigger} at {short(run.sha)}"


def _whose(run: RunRow, by: RunRow) -> str:
    """The other trigger's name, or what else tells two runs at one commit apart."""
    if run.trigger != by.trigger:
        return f" ({by.trigger})"
    return f" ({by.event} {by.occurrence})" if by.sha == run.sha else ""
