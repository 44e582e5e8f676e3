"""`luotsi approve`: lets a node of a pipeline begin that waits for a person, or lists what waits. It is in the audit."""

import getpass
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from controller.core.pipelines import pipeline_words
from ledger import approvals, inbox
from ledger.approvals import Waiting
from luotsi import in_use, terminal
from luotsi.options import json_option, settings_option
from queues import wake
from queues.connection import connect
from schemas import moments
from schemas.errors import ConfigError
from schemas.values import short

_NODE = re.compile(r"=?([0-9]+)/(.+)", re.DOTALL)


@click.command("approve")
@click.argument("node", required=False)
@click.option("--repository", default=None, help="Needed only when several repositories have that pipeline.")
@settings_option
@json_option
def command(node: str | None, repository: str | None, settings: Path | None, as_json: bool) -> None:
    """Let a pipeline's node begin whose action says `require-approval`. Without a node: list what waits.

    luotsi approve "=3/deploy"
    """
    from luotsi import wiring

    opened = in_use.opened(settings)
    ledger = wiring.ledger(opened, read_only=True) if node is None else wiring.ledger_in_use(opened)
    with ledger.read() as connection:
        waiting = [row for row in approvals.waiting(connection) if repository in (None, row.repository)]
    if node is None:
        _list(waiting, as_json)
        return
    found = chosen(waiting, node)
    who = getpass.getuser()
    body = json.dumps({"pipeline": found.pipeline_id, "node": found.node, "who": who}).encode()
    with ledger.write() as connection:
        inbox.receive(connection, "approve", who, str(uuid.uuid4()), body, moments.now())
    wake.wake(connect(opened.redis_url()))
    if as_json:
        terminal.exactly(json.dumps({"approved": asdict(found), "who": who}))
    else:
        terminal.say(
            f"={found.number}/{found.node} of {found.repository} is approved by {who}; it begins now."
        )


def chosen(waiting: Sequence[Waiting], node: str) -> Waiting:
    """The waiting node that `=3/name` means. Raises `ConfigError` when there is none, or more than one."""
    match = _NODE.fullmatch(node)
    if match is None:
        raise ConfigError(
            f"{node} does not name a node of a pipeline",
            hint=f"Like this: {pipeline_words.command(3, 'deploy')}",
        )
    number, name = int(match[1]), match[2]
    found = [row for row in waiting if (row.number, row.node) == (number, name)]
    if not found:
        others = ", ".join(f"={row.number}/{row.node}" for row in waiting[:10])
        raise ConfigError(
            f"no node {name} of a pipeline ={number} waits for approval",
            hint=f"These wait: {others}." if others else "Nothing waits for approval.",
        )
    if len(found) > 1:
        names = ", ".join(dict.fromkeys(row.repository for row in found))
        raise ConfigError(
            f"={number}/{name} waits in several places", hint=f"Add --repository, one of: {names}."
        )
    return found[0]


def _list(waiting: Sequence[Waiting], as_json: bool) -> None:
    if as_json:
        terminal.exactly(json.dumps([asdict(row) for row in waiting]))
        return
    if not waiting:
        terminal.say("Nothing waits for approval.")
        return
    terminal.table(
        (
            (f"={row.number}/{row.node}", row.pipeline, row.repository, row.trigger, short(row.sha))
            for row in waiting
        ),
        ("node", "pipeline", "repository", "trigger", "commit"),
    )
    first = waiting[0]
    terminal.say(f"To let one begin: {pipeline_words.command(first.number, first.node)}")
