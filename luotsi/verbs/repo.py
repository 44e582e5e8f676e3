"""`luotsi repo`: which repositories are watched. Entries of luotsi.yaml come, go and change; history stays in the ledger."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from luotsi import in_use, installation, processes, terminal
from luotsi.installation import Installation
from luotsi.options import json_option, settings_option
from schemas import moments

SOON = "The controller takes it up within seconds."
FIRST = "Now `luotsi up`. What is there at its first look is judged and starts nothing: push afterwards."


@click.group("repo")
def command() -> None:
    """The repositories that are watched: add, remove, rename, list, hook.

    luotsi repo add https://github.com/acme/churn
    """


@command.command("add")
@click.argument("address", metavar="URL")
@click.option("--name", default="", help="What it is called here. Default: the last part of the URL.")
@click.option(
    "--forge", default="", help="A forge of the settings, or `bare` for plain git. Default: by the host."
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="For GitHub, where the settings have no forge yet: the file with a token. The forge is written too.",
)
@settings_option
@json_option
def add(
    address: str, name: str, forge: str, token_file: Path | None, settings: Path | None, as_json: bool
) -> None:
    """Watch one more repository: look at it, ask its forge for our rights, write it into the settings, make the hook.

    \b
        luotsi repo add https://github.com/acme/churn
        luotsi repo add /srv/git/wine.git --name cellar

    Nothing is written if it cannot be read. What is missing beside that is said, and does not hold it up.
    """
    from luotsi.repos import adding, naming

    opened = installation.opened(settings)
    done = adding.add(opened.settings.file, adding.Wish(address, name, forge, token_file))
    if as_json:
        _json(asdict(done))
        return
    terminal.say(f"{done.address} is watched as {done.name}.")
    told = f", default branch {done.default_branch}" if done.default_branch else ""
    rows = [("seen", naming.refs(done.refs) + told)]
    if done.slug:
        rows.append(("forge", f"{done.forge}, {done.slug}"))
    rows += [("hook", done.hook)] if done.hook else []
    rows += [("missing", line) for line in done.missing] + [("note", line) for line in done.notes]
    _print(rows)
    terminal.say(SOON if _runs(opened) else FIRST)


@command.command("remove")
@click.argument("name")
@click.option("--keep-hook", is_flag=True, help="Leave our hook there, to be watched again soon.")
@settings_option
@json_option
def remove(name: str, keep_hook: bool, settings: Path | None, as_json: bool) -> None:
    """Watch a repository no longer, and take our hook away. Its history stays, and goes on if it is added again.

    luotsi repo remove churn
    """
    from luotsi.repos import leaving

    done = leaving.remove(installation.opened(settings), name, keep_hook)
    _told(done, as_json)


@command.command("rename")
@click.argument("old")
@click.argument("new")
@settings_option
@json_option
def rename(old: str, new: str, settings: Path | None, as_json: bool) -> None:
    """Give a repository another name here. Its history, runs and data stay with it; addresses of pages change.

    luotsi repo rename churn churn-eu
    """
    from luotsi.repos import leaving

    done = leaving.rename(installation.opened(settings), old, new)
    _told(done, as_json)


@command.command("list")
@settings_option
@json_option
def listing(settings: Path | None, as_json: bool) -> None:
    """Show every repository: its forge and name there, the hook, the last look, and what is in the way.

    luotsi repo list --json
    """
    from luotsi.repos import forge_side
    from luotsi.repos import listing as listed

    opened = in_use.opened(settings)
    forges = opened.settings.get("forges", default={})
    reached_by = [name for name in forges if not forge_side.out_of_reach(opened, name)]
    found = _with_ledger(opened, lambda ledger: listed.lines(ledger, opened.repositories(), reached_by))
    if not opened.notice and (trouble := in_use.trouble(in_use.read(opened))):
        terminal.say(trouble, err=True)
    if as_json:
        _json([asdict(line) for line in found])
        return
    if not found:
        terminal.say("No repository is watched. Add one with `luotsi repo add URL`.")
        return
    terminal.table(
        (
            (
                line.name,
                f"{line.forge} {line.slug}".strip(),
                line.hook or "–",
                _when(line.looked_at),
                line.address,
            )
            for line in found
        ),
        ("name", "forge", "hook", "looked at", "address"),
    )
    for line in found:
        said = (
            line.trouble and f"cannot be looked at: {line.trouble}",
            line.deaf and f"{line.forge}: {line.deaf}",
        )
        for words in (*filter(None, said), *line.notes):
            terminal.say(f"{line.name}: {words}")


@command.command("hook")
@click.argument("name")
@click.option("--chain", is_flag=True, help="Keep a post-receive hook that is there: it is run first.")
@click.option(
    "--print", "printed", is_flag=True, help="Print it, or what to do at its forge, and change nothing."
)
@click.option("--renew", is_flag=True, help="At a forge: send the newest secret, after it was rotated.")
@settings_option
@json_option
def hook(name: str, chain: bool, printed: bool, renew: bool, settings: Path | None, as_json: bool) -> None:
    """Make or repair a repository's hook, so that a push is seen at once.

    \b
        luotsi repo hook churn                      (at its forge, or in a repository of this machine)
        luotsi repo hook wine --print > post-receive

    Of plain git elsewhere the hook is printed, and what to do with it. It never holds up or fails a push.
    """
    from luotsi.repos import hooking

    done = hooking.hook(installation.opened(settings), name, hooking.Wish(chain, printed, renew))
    if as_json:
        _json(asdict(done))
        return
    if done.script:
        terminal.exactly(done.script, nl=False)
    for line in done.words:
        terminal.say(line, err=bool(done.script))


def _with_ledger(opened: Installation, ask: Any) -> Any:
    """Ask the ledger, reading only; None stands for one that was never made."""
    from luotsi import wiring

    if opened.ledger.startswith("sqlite") and not Path(opened.ledger.removeprefix("sqlite:///")).exists():
        return ask(None)
    ledger = wiring.ledger(opened, read_only=True)
    try:
        return ask(ledger)
    finally:
        ledger.close()


def _runs(opened: Installation) -> bool:
    """Whether a tree of this workspace is alive; of a controller that was started alone nobody knows."""
    return processes.read(opened.workspace.folder("pids") / "up.json") is not None


def _told(done: Any, as_json: bool) -> None:
    if as_json:
        _json(asdict(done))
        return
    for line in (*done.words, "What runs takes it up within seconds."):
        terminal.say(line)


def _print(rows: Iterable[tuple[str, str]]) -> None:
    terminal.table((terminal.line("  ", terminal.styled(what, "dim")), words) for what, words in rows)


def _when(moment: Any) -> str:
    return moments.to_text(moment)[:19] + "Z" if moment else "never"


def _json(value: Any) -> None:
    terminal.exactly(
        json.dumps(
            value, default=lambda each: moments.to_text(each) if hasattr(each, "isoformat") else str(each)
        )
    )
