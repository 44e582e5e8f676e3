"""Who asked for something to be done: a person with a comment or a button at the forge, or on the controller's host."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from controller.core.checks import markdown
from ledger import audit

LONGEST = 60


@dataclass(frozen=True, slots=True)
class Asker:
    """`account` is what the audit keeps: at a forge its name and the account's id. `name`: how people call it; theirs, not ours.

    `key` says by what it was asked, once for ever: a comment, a press, a line of the inbox.
    """

    account: str
    name: str
    key: str

    @property
    def shown(self) -> str:
        """The name in a sentence of plain text: nobody is notified by it."""
        return markdown.clip(markdown.line(self.name).replace("@", ""), LONGEST) or "somebody"


def at_forge(forge: str, id: str, name: str, key: str) -> Asker:
    """An account of a forge."""
    return Asker(f"{forge}:{id}", name, key)


def note(
    connection: Connection, asker: Asker, what: str, subject: str, detail: dict[str, Any], now: datetime
) -> None:
    """Put what was done into the audit, with the account that asked for it."""
    known = {"name": markdown.clip(asker.name, 200), "by": asker.key}
    audit.note(connection, asker.account[:200], what, subject[:300], {**known, **detail}, now)
