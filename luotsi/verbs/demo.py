"""`luotsi demo`: everything at once, on a sample repository."""

import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

import click

from luotsi import logs, terminal
from luotsi.demo.show import Machine, Terminal
from luotsi.demo.story import Story
from luotsi.options import json_option
from schemas.errors import LuotsiError


@click.command("demo")
@click.option("--once", is_flag=True, help="End by itself when the model has answered.")
@json_option
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Where it keeps everything; one that was killed goes on there. Default: a temporary folder, removed at the end.",
)
def command(once: bool, as_json: bool, workspace: Path | None) -> int:
    """Take a sample project from `git push` to a served model, on this machine.

    Containers where a Docker engine answers, plain processes elsewhere. Ends what it started with Ctrl-C.

    \b
        luotsi demo
        luotsi demo --once --json
    """
    logs.configure("demo")
    _quiet()
    root = workspace.absolute() if workspace else Path(tempfile.mkdtemp(prefix="luotsi-demo-"))
    screen = Machine() if as_json else Terminal(terminal.console())
    story = Story(root, screen)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    ok, all_is_said = False, as_json
    try:
        summary = story.tell()
        ok = bool(summary["ok"])
        screen.show({**summary, "stays": not once})
        if not once:
            _stay(stopping, as_json)
    except KeyboardInterrupt:
        terminal.say("Stopping.", err=True)
    except LuotsiError as error:
        screen.close()
        screen.show({"event": "summary", "ok": False, "error": str(error)} if as_json else {"event": "none"})
        terminal.say_lines(f"luotsi: {error}", err=True)
        terminal.say(f"  The logs are in {root / 'logs'}", err=True)
        workspace = workspace or root  # kept: what went wrong can be read there
        all_is_said = True
    finally:
        for wish in (signal.SIGINT, signal.SIGTERM):
            signal.signal(wish, signal.SIG_IGN)  # an impatient second one must not leave half of it running
        screen.close()
        story.stop()
        if workspace is None:
            shutil.rmtree(root, ignore_errors=True)
    if not all_is_said:
        terminal.say(_last_words(workspace))
    return 0 if ok else 1


def _last_words(kept: Path | None) -> str:
    """What is left: no address that was shown answers any more."""
    if kept is None:
        return "Ended: nothing of it runs any more, and its folder is removed."
    return (
        f"Ended: nothing of it runs any more. {kept} stays; `luotsi demo --workspace {kept}` goes on there."
    )


def _stay(stopping: threading.Event, as_json: bool) -> None:
    if not as_json:
        terminal.say("Ctrl-C ends it.")
    stopping.wait()


def _interrupt() -> None:
    raise KeyboardInterrupt


def _quiet() -> None:
    """The tree's own log lines go to a file beside the others: the screen belongs to the story."""
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(Path(os.devnull).open("w")))  # noqa: SIM115  # lives as long as the process
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream
