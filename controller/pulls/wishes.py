"""What people wish in other processes and threads, done in a turn: verbs of the controller's host, and buttons of checks.

The answer is kept with the row of the inbox, where a verb waits for it. Only a turn changes runs: in any other thread what
ends a run could meet a turn that is just creating its executions.
"""

import json
import uuid
from dataclasses import dataclass

from controller.ports import Ports
from controller.pulls import commands
from controller.pulls.asker import Asker
from controller.serving import promoting
from controller.serving.promoting import Wish
from controller.triggering import retrying
from ledger import inbox, repositories, runs
from ledger.repositories import RepositoryRow
from ledger.rows import AnyRow
from schemas import codec, moments
from schemas.values import short

PRESS = "press"
KINDS = ("retry", "promote", PRESS)


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a check's button: to begin again, or to end. `context` empty: of all checks of the commit `head`.

    `may_write`: what the forge said of the account `who_id` then.
    """

    again: bool
    head: str
    context: str
    who_id: str
    who: str
    may_write: bool


def press(ports: Ports, repository: RepositoryRow, pressed: Press) -> str:
    """Keep a press for the next turn; in words for a log."""
    body = codec.write(pressed)
    with ports.ledger.write() as connection:
        inbox.receive(connection, PRESS, repository.id, str(uuid.uuid4()), body, ports.clock())
    return f"the button of {pressed.context or 'all checks'} at {short(pressed.head)}"


def act(ports: Ports, row: AnyRow) -> None:
    """Do what a row asks for, and mark it with what came of it. Raises `ConfigError` for what cannot be."""
    if row.kind == PRESS:
        return _done(ports, row, _pressed(ports, row.source, codec.read(Press, row.body)))
    said = json.loads(row.body)
    who = Asker(said["who"], said["who"], f"line {row.id} of the inbox")
    if row.kind == "promote":
        return _done(ports, row, _promote(ports, said, who))
    return _retry(ports, row, said["run"], who)


def _done(ports: Ports, row: AnyRow, words: str) -> None:
    with ports.ledger.write() as connection:
        inbox.handled(connection, [row.id], ports.clock(), words)


def _pressed(ports: Ports, repository_id: str, said: Press) -> str:
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, repository_id)
    press = commands.rerun if said.again else commands.stop
    return press(ports, repository, said.head, said.context, said.who_id, said.who, said.may_write)


def _retry(ports: Ports, row: AnyRow, run_id: str, who: Asker) -> None:
    with ports.ledger.read() as connection:
        run = runs.by_id(connection, run_id)
        repository = repositories.by_id(connection, run.repository_id)
    wanted = retrying.prepare(ports, run)
    with ports.ledger.write() as connection:
        came = retrying.retry(connection, ports, repository, wanted, who, ports.clock())
        named = f"{run.trigger} at {short(run.sha)}"
        rests = f"; it waits: {why}" if (why := retrying.rests(ports)) else ""
        begun = f"{named} begins again: round {came.run.round}{rests}" if came.run else ""
        words = begun or f"{inbox.REFUSED}{named} {came.why_not}"
        inbox.handled(connection, [row.id], ports.clock(), words)


def _promote(ports: Ports, said: dict[str, str], who: Asker) -> str:
    """The tag itself is the proof that it was pushed: a controller that dies before it says so makes no other."""
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, said["repository"])
    sha = promoting.commit_of(ports, repository, said["model"], said["version"])
    wish = Wish(said["model"], said["stage"], sha, moments.from_text(said["at"]))
    came = promoting.promote(ports, repository, wish, who)
    if came.tag:
        return f"the tag {came.tag} is pushed; it {came.words}"
    return f"{inbox.REFUSED}{came.words}" + (f":\n  {came.command}" if came.command else "")
