"""What is said of luotsi.yaml where people look: what the controller holds of it, which may be less than what it says."""

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ledger import in_use
from ledger.in_use import InUse
from luotsi.installation import Installation
from schemas.errors import LuotsiError


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
