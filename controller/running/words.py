"""Sentences about work that goes on, for checks and pages."""

from collections.abc import Iterable, Sequence

from ledger.executions import ExecutionRow
from schemas.states import FINAL_EXECUTION, ExecutionState

MOST = 4
"""Titles in a sentence: a forge cuts it at some 140 characters, and what follows them must be seen."""


SILENT = "waiting: no agent of "
"""How the reason of an execution begins that no agent at all can take."""


RESTING = "waiting: maintenance: "
"""The same of one that nobody takes because nothing new starts."""


def resting(maintenance: str) -> str:
    """Why something waits while the settings say `maintenance`."""
    return RESTING + maintenance


def progress(rows: Sequence[ExecutionRow]) -> str:
    """`train is running, evaluate waits`: what people read while a run goes on."""
    live = [row for row in rows if row.state not in FINAL_EXECUTION]
    if not live:
        return "the next step is being queued"
    return ", ".join(f"{title(row)} {_doing(row)}" for row in live)


def _doing(row: ExecutionRow) -> str:
    """Two reasons for waiting are told: the others change with every machine that comes free, and forges hear of each change."""
    if row.state in (ExecutionState.STARTED, ExecutionState.STOPPING):
        return "is running"
    told = row.reason.startswith((SILENT, RESTING))
    return f"waits: {row.reason.removeprefix('waiting: ')}" if told else "waits for an agent"


def title(row: ExecutionRow) -> str:
    """`#12 train`: an execution as people speak of it."""
    return f"#{row.number} {row.node or row.step}"


def complete(rows: Iterable[ExecutionRow], sweeps: Sequence[str] = ()) -> str:
    """`#12 train, #13 test, !2 search complete`, and what an execution that is complete has to say beside that."""
    rows = list(rows)
    titles = [*map(title, rows), *sweeps]
    shown = titles if len(titles) <= MOST else titles[: MOST - 1]
    more = f" and {len(titles) - len(shown)} more" if len(titles) > MOST else ""
    sentence = f"{', '.join(shown)}{more} complete"
    said = [(row, note) for row in rows if (note := _note(row))]
    if len(rows) == 1 and not sweeps:
        return ": ".join([sentence, *(note for _, note in said)])
    return "; ".join([sentence, *(f"{title(row)}: {note}" for row, note in said)])


def _note(row: ExecutionRow) -> str:
    """What follows in `complete after 4 s: the stop condition loss < 1 held`."""
    head, _, note = row.reason.partition(": ")
    return note if head.startswith("complete after ") else ""


def with_reuse(reason: str, rows: Iterable[ExecutionRow], most: int = 3) -> str:
    """A run's sentence, and which of its executions took an old result, or why they did not where that was asked for."""
    said = [(row, sentence) for row in rows if (sentence := reuse(row))]
    words = [sentence if len(said) == 1 else f"{row.node or row.step} {sentence}" for row, sentence in said]
    more = [f"and {len(words) - most} more like that"] if len(words) > most else []
    return "; ".join([reason, *words[:most], *more])


def reuse(row: ExecutionRow) -> str:
    """`reused #12: same archive, ...` or `not reused: parameters differ from #12`; empty when it was not asked for."""
    return row.reason if row.reused_id is not None else not_reused(row.spec.get("notes") or ())


def not_reused(notes: Iterable[object]) -> str:
    """Why no old result served, from the notes in an execution's spec; empty when that was not asked for."""
    return next((str(note) for note in notes if str(note).startswith("not reused: ")), "")
