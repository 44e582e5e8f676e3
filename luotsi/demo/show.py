"""Shows the demonstration: a line an event for machines, or one line a thing for people, updated in place on a terminal."""

import json
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from luotsi import terminal
from luotsi.demo.follow import Event
from luotsi.terminal import styled
from schemas.words import figure

_SHAPES = {
    "created": ("○", "dim"),
    "queued": ("◔", "dim"),
    "running": ("◐", "cyan"),
    "success": ("✓", "green"),
    "failure": ("✗", "red"),
    "error": ("▲", "yellow"),
    "neutral": ("–", "dim"),
    "cancelled": ("■", "dim"),
}
_ASCII = {"○": "o", "◔": "~", "◐": "*", "✓": "+", "✗": "x", "▲": "!", "–": "-", "■": "#"}
_STATES = {
    "queued": "queued", "waiting": "queued", "started": "running", "running": "running", "building": "running",
    "deploying": "running", "complete": "success", "success": "success", "serving": "success", "failure": "failure",
    "failed": "failure", "error": "failure", "crashed": "error", "stopped": "cancelled", "neutral": "neutral",
}  # fmt: skip


class Machine:
    """One JSON object a line on stdout."""

    def show(self, event: Event) -> None:
        """Print it."""
        terminal.exactly(json.dumps(event, default=str))

    def close(self) -> None:
        """Nothing is open."""


class Terminal:
    """Lines for people. What changes often (metrics) stands on one line that is updated in place."""

    def __init__(self, console: Console, timings: bool = True) -> None:
        self._console = console
        self._timings = timings
        self._began = time.monotonic()
        self._live: Live | None = None
        self._latest: str | None = None
        self._ascii = not (console.encoding or "").lower().startswith("utf")

    def show(self, event: Event) -> None:
        """Show one event."""
        draw = getattr(self, f"_on_{event['event']}", None)
        if draw is not None:
            draw(event)

    def close(self) -> None:
        """End the line that is updated in place."""
        self._settle()

    def _line(self, state: str, label: str, words: str, style: str = "") -> None:
        self._settle()
        terminal.say(self._row(state, label, words, style), on=self._console)

    def _row(self, state: str, label: str, words: str, style: str = "") -> Table:
        shape, colour = _SHAPES.get(state, (" ", ""))
        mark = styled(_ASCII.get(shape, shape) if self._ascii else shape, colour)
        elapsed = styled(f"{time.monotonic() - self._began:.1f} s" if self._timings else "", "dim")
        at_right = self._console.is_terminal
        return terminal.event(mark, styled(label, "bold"), styled(words, style), elapsed, at_right)

    def _settle(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        elif self._latest is not None:
            terminal.say(self._row("running", "metrics", self._latest), on=self._console)
        self._latest = None

    def _on_note(self, event: Event) -> None:
        self._line("neutral", "", event["text"], "dim")

    def _on_runtime(self, event: Event) -> None:
        what = (
            f"containers of {event['image']}"
            if event["kind"] == "docker"
            else "plain processes, which isolate nothing"
        )
        self._line("success", "runtime", f"{what} ({event['why']})")

    def _on_started(self, event: Event) -> None:
        self._line("success", "workspace", event["workspace"])
        self._line("running", "dashboard", event["dashboard"])

    def _on_pushed(self, event: Event) -> None:
        self._line("success", "git push", f"{event['commit'][:7]} to main{_before(event)}")

    def _on_seen(self, event: Event) -> None:
        self._line("success", "seen", f"{event['commit'][:7]} {event['subject']}")

    def _on_snapshot(self, event: Event) -> None:
        size = f"{event['size'] / 1024:.0f} KiB"
        self._line("success", "snapshot", f"{event['digest'][:19]}  {event['files']} files, {size}")

    def _on_verdict(self, event: Event) -> None:
        self._line(event["state"], "verdict", f"{event['context']}: {event['description']}")

    def _on_run(self, event: Event) -> None:
        self._line(
            _STATES.get(event["state"], "neutral"), "run", f"luotsi/{event['trigger']}: {event['reason']}"
        )

    def _on_execution(self, event: Event) -> None:
        name, state, reason = (
            event["node"] or event["step"],
            event["state"],
            event["reason"] or event["runtime"],
        )
        words = f"{name} {reason}" if reason.startswith(state) else f"{name} {state}: {reason}".rstrip(": ")
        self._line(_STATES.get(state, "neutral"), f"{event['kind']} #{event['number']}", words)

    def _on_log(self, event: Event) -> None:
        style = {"stderr": "yellow", "status": "dim italic"}.get(event["stream"], "dim")
        self._line("", f"log #{event['execution']}", event["message"][:400], style)

    def _on_metrics(self, event: Event) -> None:
        words = "  ".join(f"{key} {figure(value)}" for key, value in event["values"].items())
        self._latest = words
        if not self._console.is_terminal:
            return
        row = self._row("running", "metrics", words)
        if self._live is None:
            self._live = Live(row, console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(row, refresh=True)

    def _on_output(self, event: Event) -> None:
        words = f"{event['name']}  {event['size']:,} bytes  {event['sha256'][:19]}"
        self._line("success", f"output #{event['execution']}", words)

    def _on_status(self, event: Event) -> None:
        self._line(event["state"], "status", f"{event['context']}: {event['description']}")

    def _on_notes(self, event: Event) -> None:
        self._line("success", "notes", "git log --notes=luotsi -1")
        for line in event["text"].splitlines():
            words = styled(line, "dim")
            words.truncate(self._console.width, overflow="ellipsis")
            terminal.say(words, on=self._console)

    def _on_tagged(self, event: Event) -> None:
        self._line("success", "git tag", f"{event['tag']}{_before(event)}")

    def _on_version(self, event: Event) -> None:
        self._line("success", "registered", f"{event['model']} {event['version']}  {event['digest'][:19]}")

    def _on_promotion(self, event: Event) -> None:
        words = f"{event['model']} to {event['stage']} {event['state']}: {event['reason']}"
        self._line(_STATES.get(event["state"], "neutral"), "promotion", words)

    def _on_prediction(self, event: Event) -> None:
        found = event["answer"].get("predictions") or [event["answer"]]
        self._line("success", "prediction", ", ".join(_prediction(one) for one in found))

    def _on_summary(self, event: Event) -> None:
        passed = "commit to endpoint" if not event["before"] else "what was left of it"
        words = f"{passed} in {event['seconds']} s" if event["ok"] else "not everything came true"
        self._line("success" if event["ok"] else "failure", "done" if event["ok"] else "failed", words)
        if not event["stays"]:
            return  # what ends with the last line has no address to go to
        if event["promotion"] and event["promotion"]["address"]:
            self._say(
                "", "  Ask it yourself:", f"  curl -d @person/sample.json {event['promotion']['address']}"
            )
        self._say("", styled(f"  {event['dashboard']}", "bold"), "")

    def _say(self, *lines: terminal.Words) -> None:
        for line in lines:
            terminal.say(line, on=self._console)


def _before(event: Event) -> str:
    """What a demonstration that goes on found done."""
    return " (done before)" if event["before"] else ""


def _prediction(one: Any) -> str:
    if not isinstance(one, dict) or "class" not in one:
        return str(one)
    certain = one.get("probabilities", {}).get(one["class"])
    return f"{one['class']} ({certain:.0%})" if isinstance(certain, float) else str(one["class"])
