"""What a person may ask about the runs of a commit: to begin again, to end, and why they are as they are.

All answers are lines of plain words, so that a comment shows them as Markdown and an audit as text. Runs are named as
their checks are: `train`, of another folder `models/eu:train`, of a tag `train (tag)`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from controller.core import status, triggers
from controller.core.addresses import Pages
from controller.core.checks import markdown
from controller.core.triggers import Answer, Decision
from controller.ports import Ports
from controller.pulls import approved
from controller.pulls.asker import Asker
from controller.running import gates
from controller.triggering import retrying
from controller.triggering.retrying import Wanted
from controller.watching import configs, watched
from ledger import executions, groups, repositories, rounds, runs, verdicts
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.runs import RunRow
from schemas.states import FINAL_EXECUTION, FINAL_RUN, RunState
from schemas.values import short

MOST = 30
"""Lines of one answer."""
LONGEST = 2000
"""Characters of something that is to be copied: it is worth nothing when it is clipped."""
FAILED = frozenset({RunState.FAILURE, RunState.ERROR, RunState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence about a thing, or about all. `name` is the thing's, `address` its page, `command` something to be copied."""

    words: str
    name: str = ""
    address: str = ""
    command: str = ""

    @property
    def markdown(self) -> str:
        """For a comment: the words of others stay words."""
        name = markdown.code(self.name) if self.name else ""
        if self.address:
            name = markdown.code_link(self.name, self.address)
        command = (
            f"{': ' if self.words else ''}{markdown.code(self.command, LONGEST)}" if self.command else ""
        )
        return " ".join(part for part in (name, markdown.prose(self.words) + command) if part)

    @property
    def plain(self) -> str:
        """For a log."""
        parts = (markdown.line(part) for part in (self.name, self.words, self.command))
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Check:
    """A run that speaks for its check, and the check's name."""

    run: RunRow
    name: str
    address: str

    def line(self, words: str) -> Line:
        """A sentence about it."""
        return Line(words, self.name, self.address)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that changes the ledger, once all that it rests on was read: performed in one transaction."""

    perform: Callable[[Connection, datetime], list[Line]]


def checks(ports: Ports, repository: RepositoryRow, sha: str) -> list[Check]:
    """The runs of a commit that people see as checks, by their names."""
    projects = {project.id: project for project in watched.projects(ports, repository)}
    with ports.ledger.read() as connection:
        found = rounds.of_commit(connection, repository.id, sha)
        found = [run for run in found if run.project_id in projects and groups.owns_check(connection, run)]
    made = [_check(ports, repository, projects[run.project_id], run) for run in found]
    return sorted(made, key=lambda check: check.name)


def _check(ports: Ports, repository: RepositoryRow, project: ProjectRow, run: RunRow) -> Check:
    event = run.event if run.occurrence else ""
    pages = Pages(ports.settings.web_address, repository.name, project.root)
    return Check(run, name(ports, project, run.trigger, event), pages.run(run.id))


def begun(ports: Ports, connection: Connection, repository: RepositoryRow, ids: Iterable[str]) -> list[Line]:
    """What became of the triggers that a comment asked for, by the ids of the runs that were made of it."""
    found = [runs.by_id(connection, id) for id in ids]
    made = [_check(ports, repository, repositories.project(connection, run.project_id), run) for run in found]
    return [
        check.line("begins" if check.run.state is RunState.WAITING else f"did not run: {check.run.reason}")
        for check in made
    ]


def name(ports: Ports, project: ProjectRow, trigger: str, event: str = "") -> str:
    """The name of a check, without the prefix that all of ours have."""
    prefix = ports.settings.prefix
    return status.context(prefix, trigger, project.root, event).removeprefix(f"{prefix}/")


def is_filtered(run: RunRow) -> bool:
    """Whether the run ended without running: filtered out, superseded, or held back."""
    return run.state is RunState.NEUTRAL and not run.reason.startswith(gates.NOT_REQUIRED)


def retest(
    ports: Ports, repository: RepositoryRow, sha: str, wanted: str, who: Asker, number: int | None = None
) -> Act:
    """Begin again: the check of this name whatever it came to, without a name all that have failed.

    `number`: of the pull request that is talked about.
    """
    found = checks(ports, repository, sha)
    wanted = _bare(ports, wanted)
    if wanted:
        chosen = _named(found, wanted)
        missing = [] if chosen else _missing(ports, repository, sha, wanted, found, number)
    else:
        chosen = [check for check in found if _own(check) and _asks_for_it(check.run)]
        missing = [] if chosen else [_nothing_failed(found)]
    return _again(ports, repository, chosen, missing, who)


def rerun(ports: Ports, repository: RepositoryRow, sha: str, context: str, who: Asker) -> Act:
    """The button of one check (by its whole context), or with "" of all that have run."""
    found = checks(ports, repository, sha)
    prefix = f"{ports.settings.prefix}/"
    if not context:
        chosen = [check for check in found if not is_filtered(check.run)]
        held = any(check.run.reason in status.HELD for check in found)
        nothing = _nothing_failed(found) if held else Line("nothing has run at it")
        return _again(ports, repository, chosen, [] if chosen else [nothing], who)
    projects = watched.projects(ports, repository)
    if context in {f"{prefix}{name(ports, project, 'config')}" for project in projects}:
        words = "is the verdict on the file at this commit, which stays; a new commit gets its own"
        return Act(lambda connection, now: [Line(words, context)])
    chosen = [check for check in found if f"{prefix}{check.name}" == context]
    return _again(ports, repository, chosen, [] if chosen else [Line("is no check of it", context)], who)


def _asks_for_it(run: RunRow) -> bool:
    return run.state in FAILED or run.state not in FINAL_RUN or run.reason.startswith(gates.NOT_REQUIRED)


def _own(check: Check) -> bool:
    """Whether it is a check of the commit itself: those of tags and schedules begin again by their name only."""
    return not (check.run.occurrence and check.run.event in status.OWN)


def _again(
    ports: Ports, repository: RepositoryRow, chosen: Sequence[Check], missing: Sequence[Line], who: Asker
) -> Act:
    wanted = [(check, retrying.prepare(ports, check.run)) for check in chosen]

    def perform(connection: Connection, now: datetime) -> list[Line]:
        return [*missing, *(_retry(connection, ports, repository, each, who, now) for each in wanted)]

    return Act(perform)


def _retry(
    connection: Connection,
    ports: Ports,
    repository: RepositoryRow,
    asked: tuple[Check, Wanted],
    who: Asker,
    now: datetime,
) -> Line:
    check, wanted = asked
    came = retrying.retry(connection, ports, repository, wanted, who, now)
    rests = retrying.rests(ports)
    if came.run is not None:
        return check.line(f"begins again: round {came.run.round}" + (f"; it waits: {rests}" if rests else ""))
    if came.why_not in (retrying.HELD, retrying.UNAPPROVED):
        line = f"/approve {check.run.sha}"
        words = f"{came.why_not}. Whoever may write can approve this very commit, after looking at it"
        return Line(words, check.name, check.address, line)
    if came.why_not == retrying.RUNNING and rests and not retrying.is_taken(connection, check.run):
        return check.line(f"waits already, so nothing was begun: {rests}")
    if came.why_not == retrying.RUNNING:
        return check.line(f"{came.why_not}, so nothing was begun: {_as_it_is(check.run)}")
    return check.line(f"cannot begin again: {came.why_not}")


def cancel(
    ports: Ports, repository: RepositoryRow, sha: str, wanted: str, who: Asker, number: int | None = None
) -> Act:
    """End the open runs of a commit, or the one of this name."""
    found = checks(ports, repository, sha)
    wanted = _bare(ports, wanted)
    chosen = (
        _named(found, wanted) if wanted else [check for check in found if check.run.state not in FINAL_RUN]
    )
    missing = [] if chosen else [Line("nothing of it is running")]
    if wanted and not chosen:
        missing = _missing(ports, repository, sha, wanted, found, number)

    def perform(connection: Connection, now: datetime) -> list[Line]:
        lines = list(missing)
        for check in chosen:
            ended = retrying.cancel(connection, ports, repository, check.run, who, now)
            words = "is cancelled" if ended else f"had ended already: {_as_it_is(check.run)}"
            lines.append(check.line(words))
        return lines

    return Act(perform)


def _bare(ports: Ports, wanted: str) -> str:
    """A name as it was written, or as the forge shows it: with our prefix."""
    return wanted.removeprefix(f"{ports.settings.prefix}/")


def _named(found: Iterable[Check], wanted: str) -> list[Check]:
    """By its whole name, else by its trigger's: then the checks of the commit itself, of every folder that has one."""
    found = list(found)
    whole = [check for check in found if check.name == wanted]
    return whole or [check for check in found if check.run.trigger == wanted and _own(check)]


def _missing(
    ports: Ports,
    repository: RepositoryRow,
    sha: str,
    wanted: str,
    found: Sequence[Check],
    number: int | None,
) -> list[Line]:
    """Why there is no check of this name: its trigger was not asked for, or there is no such trigger."""
    silent = [
        line for decision, line in _silent(ports, repository, sha, found, number)
        if wanted in (line.name, decision.trigger.name)
    ]  # fmt: skip
    if silent:
        return silent
    names = ", ".join(markdown.clip(check.name, 60) for check in found[:10])
    return [
        Line(f"is no check of it. There are: {names}" if names else "is no check of it; it has none", wanted)
    ]


def _nothing_failed(found: Sequence[Check]) -> Line:
    if not found:
        return Line("no check of it has run")
    held = next((check for check in found if check.run.reason in status.HELD), None)
    if held is not None:
        return Line("nothing of it has run: it waits for approval", command=f"/approve {held.run.sha}")
    first = next((check.name for check in found if not is_filtered(check.run)), found[0].name)
    return Line(
        "nothing of it has failed. To run one again all the same, name it", command=f"/retest {first}"
    )


def _as_it_is(run: RunRow) -> str:
    if run.state is RunState.NEUTRAL and run.reason in status.HELD:
        return run.reason
    reason = run.reason or ("waiting for an agent" if run.state not in FINAL_RUN else "")
    return f"{run.state.value}, {reason}" if reason else run.state.value


def explain(ports: Ports, repository: RepositoryRow, sha: str, number: int | None) -> list[Line]:
    """Why every trigger of a commit ran, waits or did not run."""
    found = checks(ports, repository, sha)
    lines = [line for check in found for line in _explained(ports, check)]
    lines += [line for _, line in _silent(ports, repository, sha, found, number)]
    for project in watched.projects(ports, repository):
        with ports.ledger.read() as connection:
            verdict = verdicts.of_project(connection, project.id, sha)
        if verdict is None:
            lines.append(Line("is not there yet", name(ports, project, "config")))
        elif verdict.state != "success":
            lines.append(Line(f"{verdict.state}: {verdict.summary}", name(ports, project, "config")))
    if len(lines) > MOST:
        lines = [*lines[: MOST - 1], Line(f"and {len(lines) - MOST + 1} more")]
    return lines or [Line("no trigger is declared at it")]


def _explained(ports: Ports, check: Check) -> Iterable[Line]:
    run = check.run
    round_ = f" in round {run.round}" if run.round > 1 else ""
    with ports.ledger.read() as connection:
        rests = retrying.rests(ports) if run.state not in FINAL_RUN else ""
        waits = bool(rests) and not retrying.is_taken(connection, run)
        rows = executions.of_run(connection, run.id, run.round)
    yield check.line(f"{_event(run)}{round_}: {f'waits: {rests}' if waits else _as_it_is(run)}")
    if run.state in FINAL_RUN or waits:
        return
    if rests:
        yield check.line(f"what of it has not begun waits: {rests}")
    for row in rows[:MOST]:
        if row.state not in FINAL_EXECUTION and row.reason:
            yield check.line(f"#{row.number} {row.node or row.step} is {row.state.value}: {row.reason}")


def _event(run: RunRow) -> str:
    what = {
        "push": f"asked for by a push to {run.ref.removeprefix('refs/heads/')}",
        "pull-request": f"asked for by pull request {run.pull_request}",
        "comment": "asked for by a comment",
        "tag": f"asked for by the tag {run.occurrence}",
        "schedule": "asked for by its schedule",
    }
    return what.get(run.event, f"asked for by {run.event}")


def _silent(
    ports: Ports, repository: RepositoryRow, sha: str, found: Sequence[Check], number: int | None
) -> list[tuple[Decision, Line]]:
    """Triggers of the commit's files that have no run there, and why."""
    with ports.ledger.read() as connection:
        pull = approved.newest(connection, repository.id, number) if number is not None else None
    silent = []
    for project in watched.projects(ports, repository):
        config = configs.of(ports, project.id, sha)
        known = {check.run.trigger for check in found if check.run.project_id == project.id}
        if config is None:
            continue
        rest = [trigger for trigger in config.triggers if trigger.name not in known]
        if pull is not None and pull.head == sha:
            decisions = triggers.on_pull_request(rest, pull, "", None)
        else:
            decisions = [
                Decision(trigger, Answer.SILENT, "nothing has asked for it at this commit")
                for trigger in rest
            ]
        for decision in decisions:
            words = decision.reason if decision.answer is Answer.SILENT else "is not decided yet"
            silent.append(
                (decision, Line(f"did not run: {words}", name(ports, project, decision.trigger.name)))
            )
    return silent


def at(sha: str) -> str:
    """How a commit is called in an answer."""
    return markdown.text(short(sha))
