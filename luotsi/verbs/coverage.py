"""`luotsi coverage`: proves from the ledger and the mirrors that every commit is accounted for."""

import json
import math
from pathlib import Path

import click

from controller.git.mirror import Mirror
from controller.watching import coverage
from controller.watching.coverage import Coverage, Missing
from ledger import repositories
from ledger.repositories import RepositoryRow
from luotsi import in_use, terminal
from luotsi.installation import Installation
from luotsi.options import json_option, settings_option
from schemas import moments
from schemas.errors import ConfigError
from schemas.values import short

MOST = 20
"""Missing commits that are listed of a repository; JSON has all."""


@click.command("coverage")
@click.argument("repository", required=False)
@settings_option
@json_option
def command(repository: str | None, settings: Path | None, as_json: bool) -> int:
    """Prove that every commit of the watched repositories (or of one) has its verdict; name those that wait.

    luotsi coverage shop --json

    Asks the ledger and the local mirrors only, as of the last look. Exit code 1 if a commit has no verdict.
    """
    found = examine(in_use.opened(settings), repository)
    if as_json:
        terminal.exactly(json.dumps(_json(found)))
    else:
        for line in _lines(found):
            terminal.say(line)
    return 1 if any(one.missing for one in found) else 0


def examine(opened: Installation, name: str | None) -> list[Coverage]:
    """The coverage of every watched repository, or of one. Raises `ConfigError` for one that is not watched."""
    from luotsi import wiring

    roots = {
        entry["name"]: tuple(entry.get("roots", ("",)))
        for entry in opened.settings.get("repositories", default=[])
    }
    mirrors = opened.workspace.root / "mirrors"
    ledger = wiring.ledger(opened, read_only=True)
    try:
        with ledger.read() as connection:
            chosen = _chosen(repositories.watched(connection), name)
            return [
                coverage.of_repository(connection, row, _mirror(mirrors, row), roots.get(row.name))
                for row in chosen
            ]
    finally:
        ledger.close()


def _chosen(watched: list[RepositoryRow], name: str | None) -> list[RepositoryRow]:
    found = [row for row in watched if name in (None, row.name)]
    if name is not None and not found:
        names = ", ".join(row.name for row in watched)
        raise ConfigError(
            f"no repository {name} is watched",
            hint=f"These are: {names}." if names else "None is watched: name it in luotsi.yaml.",
        )
    return found


def _mirror(folder: Path, row: RepositoryRow) -> Mirror | None:
    """The mirror, only where it is there: opening a missing one would make it."""
    path = folder / f"{row.id}.git"
    return Mirror(path, row.address) if (path / "HEAD").exists() else None


def _lines(found: list[Coverage]) -> list[str]:
    if not found:
        return ["No repository is watched yet."]
    width = max(len("total"), *(len(one.repository) for one in found))
    lines = []
    for one in found:
        lines.append(_line(one.repository.ljust(width), [one]))
        if not one.looked_at:
            lines.append("  has not been looked at yet")
        elif not one.walked:
            lines.append("  there is no mirror of it here: only commits that the ledger knows are counted")
        lines += [f"  {_waits(missing)}" for missing in one.missing[:MOST]]
        if len(one.missing) > MOST:
            lines.append(f"  and {len(one.missing) - MOST} more (--json lists all)")
    return [*lines, _line("total".ljust(width), found)]


def _line(name: str, found: list[Coverage]) -> str:
    judged, owed = sum(one.judged for one in found), sum(one.commits for one in found)
    # Rounded down, since 1.000 has to mean that nothing is missing.
    metric = math.floor(coverage.ratio(found) * 1000) / 1000
    return f"{name} {metric:.3f}  {judged} of {owed} commits have a verdict"


def _waits(missing: Missing) -> str:
    named = [root for root in missing.roots if root]
    of = f" (of {', '.join(root or 'the top' for root in missing.roots)})" if named else ""
    return f"{short(missing.sha)} {missing.ref} waits since {moments.to_text(missing.since)[:19]}Z{of}"


def _json(found: list[Coverage]) -> dict[str, object]:
    return {
        "coverage": coverage.ratio(found),
        "commits": sum(one.commits for one in found),
        "judged": sum(one.judged for one in found),
        "repositories": [
            {
                "name": one.repository,
                "coverage": coverage.ratio([one]),
                "commits": one.commits,
                "judged": one.judged,
                "looked_at": one.looked_at,
                "mirror": one.walked,
                "missing": [
                    {
                        "sha": missing.sha,
                        "ref": missing.ref,
                        "since": moments.to_text(missing.since),
                        "roots": list(missing.roots),
                    }
                    for missing in one.missing
                ],
            }
            for one in found
        ],
    }
