"""`luotsi agent`: the hand, alone."""

import os
import signal
from pathlib import Path

import click

from luotsi import installation, logs, supervise
from luotsi.installation import AgentEntry, EnvironmentEntry, Installation
from luotsi.options import settings_option
from schemas.errors import ConfigError
from schemas.values import Secret


@click.command("agent")
@settings_option
@click.option(
    "--environment",
    default="local",
    show_default=True,
    help="The environment of the settings that it serves.",
)
@click.option("--name", default=None, help="Which agent of the environment it is. Default: the first.")
def command(settings: Path | None, environment: str, name: str | None) -> None:
    """Take the work of one environment and run it.

    It only connects outwards: to the web side, to Redis, and to the stores.

        luotsi agent --environment gpu --name gpu-1
    """
    logs.configure("agent")
    from agent import main
    from agent.settings import DEFAULT_CONTROLS, AgentSettings

    opened = installation.opened(settings)
    entry = opened.environment(environment)
    agent = _agent(entry, name)
    kind, runtime = _runtime(entry)
    supervise.follow_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    main.run(
        AgentSettings(
            environment_id=entry.id,
            environment_name=entry.name,
            name=agent.name,
            token=Secret(agent.token),
            api=opened.address,
            redis_url=opened.redis_url(),
            folder=opened.workspace.folder("agent", f"{entry.name}-{agent.name}"),
            public_keys=_keys(opened),
            slots=agent.slots,
            runtime=kind,
            runtime_settings=runtime,
            shares_folder=opened.store("system")["kind"] == "folder",
            input_folders=tuple(opened.settings.get("inputs", "folders", default=())),
            input_buckets=tuple(opened.settings.get("inputs", "s3", default=())),
            data_cache=int(opened.settings.get("inputs", "cache", default=20) * 1000**3),
            controls=DEFAULT_CONTROLS if entry.controls is None else entry.controls,
        )
    )


def _agent(entry: EnvironmentEntry, name: str | None) -> AgentEntry:
    found = next((agent for agent in entry.agents if name in (None, agent.name)), None)
    if found is None:
        raise ConfigError(f"the environment {entry.name} has no agent {name or 'at all'} in the settings")
    return found


def _runtime(entry: EnvironmentEntry) -> tuple[str, dict[str, object]]:
    """`auto` is Docker where an engine answers; it never falls back to running without isolation by itself."""
    from luotsi import engines

    given = {key: value for key, value in entry.runtime.items() if key != "kind"}
    kind = str(entry.runtime["kind"])
    if kind == "process":
        return kind, given
    if kind in ("auto", "docker"):
        rest = {key: value for key, value in given.items() if key != "engine"}
        return "docker", {**rest, "address": engines.required(entry.name, given.get("engine"))}
    return kind, given


def _keys(opened: Installation) -> tuple[str, ...]:
    return (opened.workspace.signing_key().public(),)
