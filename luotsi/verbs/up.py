"""`luotsi up`: all parts in one process tree, for the user's own repositories."""

import signal
import threading
from pathlib import Path

import click
import yaml

from luotsi import answering, endpoints, engines, installation, logs, terminal, tree, valkey
from luotsi.installation import Installation
from luotsi.options import settings_option
from luotsi.repos import naming
from luotsi.verbs.web import check_free
from schemas.errors import ConfigError, LuotsiError


@click.command("up")
@settings_option
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    help="A git URL or path to watch; written into the settings.",
)
def command(settings: Path | None, repositories: tuple[str, ...]) -> None:
    """Run everything on this machine: web side, controller, agents, gateway, an embedded Valkey, a SQLite ledger.

    \b
        luotsi up --repository git@example.org:team/churn.git
        luotsi up                       (the repositories of ./luotsi.yaml)

    Ctrl-C ends it; commands and endpoints that run go on and are taken over by the next `luotsi up`. `luotsi down` ends
    the endpoints.
    """
    logs.configure("up")
    opened = installation.opened(settings)
    written = _write(opened, repositories)
    try:
        if written:
            opened = installation.opened(opened.settings.file)
        _check(opened)
    except LuotsiError:
        if written:
            opened.settings.file.unlink()  # so that the next try is again the first one
        raise
    stopping = threading.Event()
    for wish in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wish, lambda *_: stopping.set())
    processes = tree.tree_of(opened)
    processes.start()
    try:
        answering.until_it_answers(opened, processes, stopping)
        if not stopping.is_set():
            terminal.say(f"Luotsi runs. Settings: {opened.settings.file}. Ctrl-C ends it.")
            terminal.say()
            terminal.say(f"  {opened.address}")
            terminal.say()
        stopping.wait()
    finally:
        processes.stop()
        last_words(opened)
        if opened.embedded_redis:
            valkey.end(opened.workspace)


def last_words(opened: Installation) -> None:
    """What goes on by itself, and how to end it."""
    left = endpoints.running(opened)
    terminal.say("Ended. Commands that run go on, and the next `luotsi up` takes them over.")
    if left is None:
        terminal.say("So do endpoints; which, the cluster did not say. `luotsi down` ends them.")
    elif left:
        count = f"{len(left)} endpoint{' goes' if len(left) == 1 else 's go'} on running"
        which = "it" if len(left) == 1 else "them"
        file = (
            ""
            if opened.settings.file == Path("luotsi.yaml").absolute()
            else f" --settings {opened.settings.file}"
        )
        terminal.say(f"{count}, without the gateway: {', '.join(left)}. `luotsi down{file}` ends {which}.")


def _check(opened: Installation) -> None:
    """Say before anything starts what would only be seen in a log later."""
    if not opened.settings.get("repositories"):
        raise ConfigError("there is no repository to watch", hint="Try `luotsi up --repository PATH_OR_URL`.")
    tree.refuse_a_second(opened)
    for environment in opened.environments():
        if environment.runtime["kind"] in ("auto", "docker"):
            engines.required(environment.name, environment.runtime.get("engine"))
    check_free(*opened.listen)
    if (gateway := opened.gateway()) is not None:
        check_free(*gateway, "clusters.<name>.listen")


def _write(opened: Installation, addresses: tuple[str, ...]) -> bool:
    """Make the settings file with these repositories, and say whether it was made.

    Comments of one that exists would be lost, so it is only read: `ConfigError` where it does not have them all.
    """
    known = list(opened.settings.get("repositories", default=[]))
    fresh = [a for a in addresses if a not in [entry["address"] for entry in known]]
    if not fresh:
        return False
    entries = known + [
        {"name": naming.name(address), "address": naming.absolute(address)} for address in fresh
    ]
    file, text = opened.settings.file, yaml.safe_dump({"repositories": entries}, sort_keys=False)
    if file.exists():
        raise ConfigError(f"{file} exists and is yours: add the repository to it", hint=f"Like this:\n{text}")
    file.write_text(text, encoding="utf-8")
    return True
