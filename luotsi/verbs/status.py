"""`luotsi status`: what runs, waits, failed and serves, from the ledger; what a person should mend comes first."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from sqlalchemy import select

from dashboard.tags import STANDS, advice, why
from ledger import owed
from ledger.in_use import held as held_by_controller
from ledger.pages import git as pages_git
from ledger.pages import tags as pages_tags
from ledger.pages.git import RefusedConfig
from ledger.pages.tags import OpenTag
from ledger.tables import executions, promotions, repositories, runs, versions
from luotsi import in_use, terminal
from luotsi.options import json_option, settings_option
from luotsi.terminal import line, styled
from schemas import moments
from schemas.values import short
from schemas.words import branch, sentence

RECENT = 15


@click.command("status")
@settings_option
@json_option
def command(settings: Path | None, as_json: bool) -> None:
    """Show what has to be mended and where, the newest runs, what waits and why, and what serves.

    luotsi status --json
    """
    from luotsi import wiring

    opened = in_use.opened(settings)
    ledger = wiring.ledger(opened, read_only=True)
    with ledger.read() as connection:
        held = held_by_controller(connection)
        found = {
            name: [dict(row._mapping) for row in connection.execute(query)]
            for name, query in _queries().items()
        }
        configs = pages_git.refused_configs(connection, RECENT)
        tags = pages_tags.open_tags(connection, RECENT)
        at_forges = owed.unheard(connection)
    resting, trouble = in_use.maintenance(opened, held), in_use.trouble(held)
    if as_json:
        facts = {"refused_configs": list(map(asdict, configs)), "open_tags": list(map(asdict, tags))}
        words = {
            "maintenance": resting,
            "trouble": trouble,
            "file_events": in_use.deaf(held),
            "at_forges": at_forges,
        }
        terminal.exactly(json.dumps({**found, **facts, **words}, default=_text))
        return
    for said in filter(
        None, ("" if opened.notice else trouble, in_use.difference(opened, held), in_use.deaf(held))
    ):
        terminal.say(styled(said, "bold"))
    if resting:
        rest = f": {resting}. What comes in is kept, and nothing new starts."
        terminal.say(line(styled("Maintenance", "bold"), rest))
    _say_what_to_mend(opened.address, at_forges, configs, tags)
    for title, rows in found.items():
        if rows:
            _section(title, rows)
    if not any(found.values()):
        terminal.say("Nothing has happened yet. Push a commit with a valohai.yaml that has a trigger.")


def _say_what_to_mend(
    address: str, at_forges: Sequence[str], configs: Sequence[RefusedConfig], tags: Sequence[OpenTag]
) -> None:
    """One line for each: what forges do not let us do, and with their commit's page configs that do not hold, tags without effect."""
    if at_forges or configs or tags:
        _head("to mend")
    for words in at_forges:
        terminal.say(words)
    for each in configs:
        place = f"{each.repository}/{each.root}" if each.root else each.repository
        words = f"{place} at {short(each.sha)} on {branch(each.ref)}: {sentence(each.summary)}"
        terminal.say(f"{words} See {_page(address, each.repository, each.sha)}")
    for tag in tags:
        words = f"{tag.repository}: {tag.name} {STANDS[tag.state]}: {' '.join(filter(None, (why(tag), advice(tag))))}"
        terminal.say(f"{words} See {_page(address, tag.repository, tag.sha)}")


def _page(address: str, repository: str, sha: str) -> str:
    return f"{address}/r/{quote(repository)}/commit/{sha}"


def _queries() -> dict[str, Any]:
    return {
        "repositories": select(repositories.c.name, repositories.c.address, repositories.c.trouble).where(
            repositories.c.removed_at.is_(None)
        ),
        "runs": select(runs.c.state, runs.c.trigger, runs.c.sha, runs.c.reason, runs.c.created_at)
        .order_by(runs.c.created_at.desc())
        .limit(RECENT),
        "executions": select(executions.c.state, executions.c.number, executions.c.step, executions.c.reason)
        .where(executions.c.finished_at.is_(None))
        .order_by(executions.c.created_at)
        .limit(RECENT),
        "serving": select(
            promotions.c.state,
            promotions.c.model,
            promotions.c.stage,
            versions.c.version,
            promotions.c.reason,
            promotions.c.address,
        )
        .join(versions, versions.c.id == promotions.c.version_id)
        .where(promotions.c.finished_at.is_(None)),
    }


def _head(title: str) -> None:
    terminal.say()
    terminal.say(styled(title, "bold"))


def _section(title: str, rows: list[dict[str, Any]]) -> None:
    """A table; what people copy out of it, the address of what serves, stands below it on a line of its own."""
    _head(title)
    heads = [name for name in rows[0] if (title, name) != ("serving", "address")]
    terminal.table(([_cell(name, row[name]) for name in heads] for row in rows), heads)
    for row in rows:
        if title == "serving" and row["address"]:
            terminal.say(f"{row['model']} {row['stage']}: {row['address']}")


def _cell(name: str, value: Any) -> terminal.Words:
    if value is None:
        return "–"
    words = str(value)[:7] if name == "sha" else _text(value)
    return styled(words, "dim") if name.endswith("_at") else words


def _text(value: Any) -> str:
    return moments.to_text(value)[:19] + "Z" if hasattr(value, "isoformat") else str(value)
