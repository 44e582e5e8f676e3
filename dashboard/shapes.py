"""The nine states as drawings: one shape each, on a 16 x 16 field, in the colour of the text around it.

The same words as `schemas.states.Word`; the terminal has twins of its own.
"""

from enum import StrEnum

from markupsafe import Markup

from schemas.states import (
    AttemptState,
    DeploymentState,
    ExecutionState,
    NodeState,
    PromotionState,
    RunState,
    TaskState,
    Word,
    word,
)

_STROKE = (
    'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
)

_PATHS: dict[Word, str] = {
    Word.CREATED: '<circle cx="8" cy="8" r="5.5"/>',
    Word.QUEUED: '<path d="M4.5 2.5h7M4.5 13.5h7M5.5 2.5c0 3 5 4 5 5.5s-5 2.5-5 5.5M10.5 2.5c0 3-5 4-5 5.5s5 2.5 5 5.5"/>',
    Word.RUNNING: '<path d="M8 2.5a5.5 5.5 0 1 1-5.5 5.5"/>',
    Word.SUCCESS: '<path d="m3 8.5 3.5 3.5L13 4.5"/>',
    Word.FAILURE: '<path d="m4 4 8 8M12 4l-8 8"/>',
    Word.ERROR: '<path d="M8 2.2 14.3 13.5H1.7zM8 6.5v3M8 11.4v.1"/>',
    Word.NEUTRAL: '<path d="M3.5 8h9"/>',
    Word.CANCELLED: '<rect x="3.5" y="3.5" width="9" height="9" rx="1"/>',
    Word.INTERRUPTED: '<path d="M12.8 5.3A5.5 5.5 0 0 0 3 5.9M3.2 10.7a5.5 5.5 0 0 0 9.8-.6M1.5 8h2M12.5 8h2"/>',
}

_KINDS: dict[str, type[StrEnum]] = {
    "execution": ExecutionState,
    "attempt": AttemptState,
    "run": RunState,
    "node": NodeState,
    "task": TaskState,
    "promotion": PromotionState,
    "deployment": DeploymentState,
    "verdict": RunState,
    "word": Word,
}


def word_of(state: str, kind: str) -> Word:
    """The word for a state as the ledger holds it. A pipeline's states are its nodes'. Raises `ValueError` for any other."""
    found = _KINDS[kind](state)
    return found if isinstance(found, Word) else word(found)


def shape(of: Word) -> Markup:
    """A use of the drawing that `sheet` defines once a page. It is decoration: the word stands beside it."""
    return Markup(
        '<svg class="shape" viewBox="0 0 16 16" aria-hidden="true"><use href="#s-{}"/></svg>'
    ).format(of.value)


def drawing(of: Word) -> Markup:
    """The bare drawing, for use inside another SVG."""
    return Markup("<g {}>{}</g>").format(Markup(_STROKE), Markup(_PATHS[of]))  # noqa: S704  # constants of this file


def sheet() -> Markup:
    """All drawings as symbols, for the top of a page."""
    symbols = Markup().join(
        Markup('<symbol id="s-{}" viewBox="0 0 16 16">{}</symbol>').format(of.value, drawing(of))
        for of in Word
    )
    return Markup('<svg width="0" height="0" class="sheet" aria-hidden="true">{}</svg>').format(symbols)
