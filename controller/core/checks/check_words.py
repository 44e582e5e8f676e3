"""What a run's check says, as Markdown: the answer, what changed, the evidence, and folded how to do it again. Pure.

Nothing in it depends on the clock: the same facts are the same words, and a forge is told nothing twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.core.addresses import Pages
from controller.core.checks import check_metrics, markdown
from controller.core.checks.check_metrics import Base, Measure
from controller.core.pipelines.pipeline_words import BUT
from schemas.states import ExecutionState, RunState, TaskState, Word, word
from schemas.words import duration, plural, sentence, size

LONGEST_TITLE = 250
LONGEST_ERROR = 160
REPRODUCED = 3
MARKS = {
    Word.CREATED: "○",
    Word.QUEUED: "⧖",
    Word.RUNNING: "◔",
    Word.SUCCESS: "✓",
    Word.FAILURE: "✗",
    Word.ERROR: "△",
    Word.NEUTRAL: "–",
    Word.CANCELLED: "□",
    Word.INTERRUPTED: "◌",
}
"""A shape beside each word: the drawings of the pages, as text has them."""

_GLUE = "\u00a0"


@dataclass(frozen=True, slots=True)
class Part:
    """An execution. `took` and `cost` are its machine's seconds and their price; `reuse`: whose result it took, or why none."""

    number: int
    name: str
    state: ExecutionState
    detail: str = ""
    took: float | None = None
    cost: float | None = None
    reuse: str = ""
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """A task, with its own sentence."""

    number: int
    name: str
    state: TaskState
    reason: str


@dataclass(frozen=True, slots=True)
class File:
    """An output of execution `number`; `size` in bytes."""

    number: int
    id: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Log:
    """What the log of a failed execution says: its last lines by number, the first error among those that were read.

    `trouble`: why there are no lines, as a sentence.
    """

    number: int
    name: str
    lines: tuple[tuple[int, str], ...] = ()
    first: tuple[int, str] | None = None
    last: tuple[int, str] | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """Machine time in seconds, and what it cost; None where no price is known. `took`: from the first claim to the last end."""

    seconds: float = 0.0
    took: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its check shows it. `asked`: what asked for it. `retest`: what to write below a pull request, "" for none.

    `waiting`: sentences (Markdown) on why it waits. `approval` (Markdown) makes it one that a person must let begin.
    `once_more` (Markdown): what lets a run begin again whose approval has ended. `rests`: why nothing that waits begins now.
    `usual`: the median of earlier runs. `begun`: an agent has taken something of it. `hidden`: executions that are no task's and not among `parts`.
    """

    pages: Pages
    id: str
    sha: str
    state: RunState
    reason: str
    asked: str
    currency: str = ""
    retest: str = ""
    measures: tuple[Measure, ...] = ()
    base: Base | None = None
    parts: tuple[Part, ...] = ()
    hidden: int = 0
    sweeps: tuple[Sweep, ...] = ()
    files: tuple[File, ...] = ()
    more_files: bool = False
    log: Log | None = None
    spent: Spent = Spent()
    usual: Spent | None = None
    waiting: tuple[str, ...] = ()
    begun: bool = False
    approval: str = ""
    once_more: str = ""
    rests: str = ""
    approved_by: str = ""
    ignored: tuple[str, ...] = ()
    """What the file asks for and did not get: sentences of planning."""
    kept: tuple[str, ...] = ()
    """What the base of its pull request says, and the commit's own file does not: sentences."""
    changes: tuple[str, ...] = ()
    """What it makes run in place of what the base's file runs: sentences."""

    @property
    def goes_on(self) -> bool:
        """Whether it waits or runs."""
        return self.state in (RunState.WAITING, RunState.RUNNING)

    @property
    def only_waits(self) -> bool:
        """Whether it goes on, and nothing of it has begun."""
        return self.goes_on and not self.begun


def money(currency: str, amount: float | None) -> str:
    """`$0.42`; empty where no amount is known."""
    if amount is None:
        return ""
    return f"under {currency}0.01" if 0 < amount < 0.005 else f"{currency}{amount:,.2f}"


MOST_IGNORED = 4
_ENDED = ("stopped", "cancelled", "replaced")
"""How reasons begin that say by themselves that the run did not come to its end."""


def title(run: Run) -> str:
    """A line that suffices: `accuracy 0.962 (+0.011 against main at 3f2a91c), 14 min, $0.42`, or what failed."""
    words = [run.reason]
    if run.state is RunState.CANCELLED and not run.reason.startswith(_ENDED):
        words = [f"cancelled: {run.reason}"]
    error = _error(run)
    if error:
        words = [f"{markdown.clip(error, LONGEST_ERROR)}; {run.reason}"]
    if run.only_waits and run.rests:
        words = [f"waits: {run.rests}"]
    if run.state is RunState.SUCCESS:
        found = "" if run.sweeps else check_metrics.headline(run.measures, run.base)
        took = [_coarse(run.spent.took)] if run.spent.took is not None else []
        words = [
            found or run.reason.partition("; ")[0],
            *_despite(run),
            *took,
            money(run.currency, run.spent.cost),
        ]
        if run.parts and all(part.reused for part in run.parts):
            words.append(run.parts[-1].reuse.partition(":")[0])
    return markdown.clip(markdown.line(", ".join(each for each in words if each)), LONGEST_TITLE)


def _error(run: Run) -> str:
    """The error that the log ends with, where it is what failed: a gate that fails says more than what was printed beside it."""
    broken = run.state in (RunState.FAILURE, RunState.ERROR)
    if not broken or run.log is None or run.log.last is None:
        return ""
    return "" if any(each.passed is False for each in run.measures) else run.log.last[1].strip()


def _despite(run: Run) -> list[str]:
    """What ended badly in a run that is a success."""
    found = run.reason.split("; ") if run.state is RunState.SUCCESS else []
    return [each for each in found if each.startswith(BUT)]


def _coarse(seconds: float) -> str:
    """`14 min`: nobody has a use for the seconds of it."""
    return f"{round(seconds / 60)} min" if 600 <= seconds < 3570 else duration(seconds)


def summary(run: Run) -> str:
    """One screen: answer, what changed, evidence."""
    return markdown.joined(
        [
            run.approval or _answer(run),
            run.once_more,
            check_metrics.kept(run.kept, run.state, run.changes),
            _ignored(run),
            check_metrics.table(_worth_it(run), run.base, run.pages),
            _log(run),
            _parts(run),
            _files(run),
            _facts(run),
        ]
    )


def _ignored(run: Run) -> str:
    judged = any(each.passed is not None for each in run.measures)  # else the answer has the whole reason
    marred = [each.removeprefix(BUT) for each in _despite(run) if judged]
    found = [*marred, *run.ignored[:MOST_IGNORED]]
    shown = [f"⚠ {markdown.prose(one[:1].upper() + one[1:])}." for one in found]
    more = len(run.ignored) - MOST_IGNORED
    return "  \n".join([*shown, *([f"And {more} more like that."] if more > 0 else [])])


def _worth_it(run: Run) -> Sequence[Measure]:
    """Where something broke, what other executions printed beside it is no answer to anything."""
    return [each for each in run.measures if run.log is None or each.passed is not None]


def _answer(run: Run) -> str:
    if run.goes_on:
        return " ".join([*run.waiting, *_usually(run)]) or f"{_strong(run)}: {markdown.prose(run.reason)}"
    judged = [each for each in run.measures if each.passed is not None]
    if run.log is not None and run.log.lines:
        return f"{_strong(run)}: {_failing(run, run.log)}"
    if judged and run.state in (RunState.SUCCESS, RunState.FAILURE, RunState.NEUTRAL):
        return f"{_strong(run)}: {check_metrics.verdict(judged)}"
    return f"{_strong(run)}: {sentence(markdown.prose(run.reason))}"


def _strong(run: Run) -> str:
    found = word(run.state)
    return f"**{found.value.capitalize()}**"


def _failing(run: Run, log: Log) -> str:
    """The last error at the end of the log; where nothing there looks like one, its last line."""
    number, message = log.last or log.lines[-1]
    where = markdown.link(f"line {number} of the log", run.pages.log(log.number, number))
    said = markdown.code(message, 160)
    if log.last is None:
        return f"the log of {markdown.code(log.name)} ends with {where}: {said}."
    sentence = f"{where} of {markdown.code(log.name)} says {said}"
    if log.first is not None and log.first[0] < min(number, log.lines[0][0]):
        earlier = markdown.link(f"line {log.first[0]}", run.pages.log(log.number, log.first[0]))
        sentence += f"; an earlier error is on {earlier}"
    return f"{sentence}."


def _usually(run: Run) -> Iterable[str]:
    if run.usual is None or run.usual.took is None:
        return
    cost = money(run.currency, run.usual.cost)
    costs = f" and costs {markdown.text(cost)}" if cost else ""
    yield f"It usually takes {_coarse(run.usual.took)}{costs}: the median of its last runs."


def _log(run: Run) -> str:
    log = run.log
    if log is None:
        return ""
    if not log.lines:
        where = markdown.link("the log", run.pages.log(log.number))
        return f"{markdown.text(log.trouble)} See {where}."
    width = len(str(log.lines[-1][0]))
    return markdown.block(f"{number:>{width}}  {message}" for number, message in log.lines)


def _parts(run: Run) -> str:
    """Several as a table; one that says nothing but its name stands in the last line."""
    rows = [*(_sweep(run, each) for each in run.sweeps), *(_part(run, each) for each in run.parts)]
    if not rows or _alone(run) is not None:
        return ""
    page = markdown.link("the page of the run", run.pages.run(run.id))
    more = f"{plural(run.hidden, 'more execution')} on {page}." if run.hidden > 0 else ""
    return markdown.joined(
        [markdown.table(["Execution", "State", "Took", "Cost", "See"], rows, numbers=(2, 3)), more]
    )


def _alone(run: Run) -> Part | None:
    """The one execution that a run is made of, if there is nothing to say of it beside its time and its cost."""
    if run.sweeps or run.hidden or len(run.parts) != 1:
        return None
    [part] = run.parts
    return part if not (part.reuse or part.detail) else None


def _part(run: Run, part: Part) -> Sequence[str]:
    state = _state(word(part.state))
    if part.reused:
        state = f"✓ {markdown.prose(part.reuse)}"
    elif part.detail or part.reuse:
        state += f": {markdown.text(markdown.clip(part.detail or part.reuse, 100))}"
    return [
        markdown.link(f"#{part.number} {part.name}", run.pages.execution(part.number)),
        state,
        _unbroken(duration(part.took)) if part.took is not None else "",
        markdown.text(money(run.currency, part.cost)),
        _see(run, part),
    ]


def _unbroken(words: str) -> str:
    return words.replace(" ", _GLUE)


def _see(run: Run, part: Part) -> str:
    if part.took is None:
        runs = part.state is ExecutionState.STARTED and not part.reused
        return markdown.link("live log", run.pages.log(part.number)) if runs else ""
    log = markdown.link("log", run.pages.log(part.number))
    return f"{log}{_GLUE}·{_GLUE}{markdown.link('plots', run.pages.execution(part.number, 'metrics'))}"


def _sweep(run: Run, sweep: Sweep) -> Sequence[str]:
    state = f"{_state(word(sweep.state))}: {markdown.text(markdown.clip(sweep.reason, 120))}"
    return [markdown.link(f"!{sweep.number} {sweep.name}", run.pages.task(sweep.number)), state, "", "", ""]


def _state(found: Word) -> str:
    return f"{MARKS[found]} {found.value}"


def _files(run: Run) -> str:
    if not run.files:
        return ""
    shown = [
        f"{markdown.code_link(file.name, run.pages.output(file.number, file.id))} {size(file.size)}"
        for file in run.files
    ]
    last = run.files[-1].number
    more = [markdown.link("and more", run.pages.execution(last, "outputs"))] if run.more_files else []
    return f"Outputs: {', '.join([*shown, *more])}."


def _facts(run: Run) -> str:
    """The pages, what asked for it, and what its machines took: of several executions that is more than the time."""
    part = _alone(run)
    said = [f"{markdown.link('Run', run.pages.run(run.id))} for {markdown.text(run.asked)}"]
    if run.approved_by:
        said.append(f"approved by {markdown.text(run.approved_by)}")
    if part is not None:
        execution = markdown.link(f"#{part.number} {part.name}", run.pages.execution(part.number))
        said += [each for each in (execution, _see(run, part)) if each]
    if run.spent.seconds:
        cost = money(run.currency, run.spent.cost)
        costs = f", {markdown.text(cost)}" if cost else ""
        said.append(f"machine time {duration(run.spent.seconds)}{costs}{' so far' if run.goes_on else ''}")
    return " · ".join(said)


def details(run: Run) -> str:
    """Folded: how to do it again, or to stop it."""
    ways = []
    if run.retest and not run.approval:
        write, does = ("/cancel", "stops it") if run.goes_on else ("/retest", "runs it again at this commit")
        ways.append(
            f"- {markdown.code(f'{write} {run.retest}', 160)}, written below the pull request, {does}."
        )
    ran = [part for part in run.parts if part.took is not None or part.reused]
    if ran and not run.goes_on:
        retry = markdown.code(f"luotsi retry {ran[0].number}")
        ways.append(f"- {retry}, on the controller's host, lets all of it begin again.")
    if not run.goes_on:
        ways += [
            f"- {markdown.code(f'luotsi reproduce {part.number}')}, where this installation's stores are, runs "
            f"{markdown.code(part.name)} again from its stored archive, data and image, and compares."
            for part in ran[:REPRODUCED]
        ]
    heading = "How to stop it" if run.goes_on else "How to run it again, or reproduce it"
    return markdown.folded(heading, "\n".join(ways)) if ways else ""


def as_sentence(words: str) -> str:
    """Words of others as a sentence."""
    line = markdown.line(words)
    return sentence(markdown.prose(line[:1].upper() + line[1:]))
