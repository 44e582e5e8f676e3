"""How processes write their own logs: one line an event, readable by people; as JSON when LUOTSI_LOG=json."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

from luotsi.terminal import line
from schemas.plain_text import visible


class _Stderr:
    """Whatever stderr is when a line is written: it may be replaced after a logger was made."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def drawn(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Names and messages of repositories as `luotsi.terminal` prints them: nothing of them is obeyed."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = visible(value) if key == "exception" else str(line(value))
    return event


def configure(name: str) -> None:
    """Set the process's logging up; `name` stands on every line."""
    machine = os.environ.get("LUOTSI_LOG") == "json"
    renderers = (
        [structlog.processors.JSONRenderer()]
        if machine
        else [drawn, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *renderers,
        ],
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=name)
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("luotsi").setLevel(logging.INFO)
