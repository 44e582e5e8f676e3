"""What is said of luotsi.yaml where people look: what the controller holds of it, which may be less than what it says.

The controller keeps the text that it took up last, with the lines it took from other files, in the workspace: who only
looks or stops something can go on with it where the file is not valid.
"""

import json
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ledger import in_use
from ledger.in_use import InUse
from luotsi import installation, terminal
from luotsi import settings as settings_file
from luotsi.installation import Installation
from luotsi.workspace import Workspace, write_private
from schemas import moments
from schemas.errors import ConfigError, LuotsiError

log = structlog.get_logger()

KEPT = "settings-in-use.json"
"""In `keys/`, since there may be secrets in it."""


def keep(opened: Installation, now: datetime) -> None:
    """The controller goes on with these settings. Where that cannot be written, it is said, and nothing else is different."""
    settings = opened.settings
    try:
        path = opened.workspace.folder("keys") / KEPT
        if settings.text is None:
            path.unlink(missing_ok=True)
            return
        kept = {"at": moments.to_text(now), "text": settings.text, "files": dict(settings.files)}
        write_private(path, json.dumps(kept).encode())
    except (LuotsiError, OSError) as error:
        log.warning("the settings in use cannot be kept", reason=str(error))


def opened(file: Path | None) -> Installation:
    """The installation of a settings file; where that is not valid, as the controller took it up last, and it is said.

    Only for verbs that look or stop something. Raises the `ConfigError` of the file where nothing was kept.
    """
    path = installation.file_of(file)
    try:
        if not path.exists() and _file(path).exists():
            raise ConfigError(f"{path.name} is gone", hint="Put it back.")
        return installation.opened(path)
    except (ConfigError, OSError) as error:
        found = _taken(path, _reason(error, path.name))
        if found is None:
            raise
        terminal.say(found.notice, err=True)
        return found


def _taken(path: Path, why: str) -> Installation | None:
    """What was kept of a settings file; None where nothing was, or it cannot be used here."""
    try:
        kept = json.loads(_file(path).read_text(encoding="utf-8"))
        at, files = moments.from_text(kept["at"]), dict(kept["files"])
        settings = settings_file.checked(path, kept["text"], lambda name: str(files[name]))
    except (LuotsiError, OSError, ValueError, KeyError, TypeError):
        return None
    form = "%H:%M UTC" if at.date() == moments.now().date() else "%Y-%m-%d %H:%M UTC"
    notice = f"{why}; going on with what the controller took at {at.strftime(form)}."
    return Installation(Workspace(settings.workspace), settings, notice)


def _file(path: Path) -> Path:
    return path.parent / "keys" / KEPT


def _reason(error: ConfigError | OSError, name: str) -> str:
    """Why a settings file cannot be used, in a line: the first mistake, and how many others there are."""
    problems = getattr(error, "problems", ())
    if not problems:
        return str(getattr(error, "message", error))
    first = problems[0]
    more = f"; {len(problems) - 1} more, see luotsi doctor" if len(problems) > 1 else ""
    place = f"line {first.line}: " if first.line else ""
    return f"{name} is not valid ({place}{first.message}{more})"


def read(opened: Installation) -> InUse | None:
    """What the controller holds; None where none ever ran, or the ledger cannot be asked."""
    from luotsi import wiring

    if opened.ledger.startswith("sqlite") and not Path(opened.ledger.removeprefix("sqlite:///")).exists():
        return None
    try:
        ledger = wiring.ledger(opened, read_only=True)
    except LuotsiError:
        return None
    try:
        with ledger.read() as connection:
            return in_use.held(connection)
    except SQLAlchemyError:
        return None
    finally:
        ledger.close()


def trouble(held: InUse | None) -> str:
    """Why the controller does not use the file, as a sentence; empty where it does."""
    if held is None or not held.trouble:
        return ""
    return f"The controller does not use luotsi.yaml as it stands, and no change of it: {held.trouble}"


def deaf(held: InUse | None) -> str:
    """Why no file events are heard of some repositories, as a sentence; empty where they are."""
    return held.deaf if held is not None else ""


def maintenance(opened: Installation, held: InUse | None) -> str:
    """Why nothing new starts. The file alone is asked where no controller ever ran."""
    return held.maintenance if held is not None else str(opened.settings.get("maintenance", default=""))


def difference(opened: Installation, held: InUse | None) -> str:
    """A sentence where the file says something else of maintenance than the controller does: for seconds, or for good."""
    written = str(opened.settings.get("maintenance", default=""))
    if held is None or held.maintenance == written:
        return ""
    why = "it does not run, does not take the file, or takes it up within seconds"
    if not written:
        return f"luotsi.yaml has no `maintenance` any more, and the controller still holds it: {why}."
    return f"luotsi.yaml says `maintenance` ({written}), and the controller does not hold it: {why}."
