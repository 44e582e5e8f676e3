"""The demonstration's installation: settings with free ports and the runtime that was chosen, written once a workspace."""

from pathlib import Path

import yaml

from luotsi import installation
from luotsi.demo.images import Choice
from luotsi.installation import Installation
from luotsi.valkey import free_port

REPOSITORY = "wine"
ENVIRONMENT = "local"


def settings_of(root: Path, choice: Choice) -> Installation:
    """Write the workspace's settings for a choice of runtime, and open them."""
    root.mkdir(parents=True, exist_ok=True)
    if choice.runtime == "docker":
        runtime: dict[str, object] = {"kind": "docker", "engine": choice.engine}
    else:
        # Said in the terminal as well: the demonstration's own sample is the only code that runs here.
        runtime = {"kind": "process", "unsafe": True}
    cluster: dict[str, object] = {"kind": "local", "listen": f"127.0.0.1:{free_port()}"}
    settings = {
        "name": "Luotsi demo",
        "web": {"listen": f"127.0.0.1:{free_port()}"},
        "repositories": [{"name": REPOSITORY, "address": f"repositories/{REPOSITORY}.git", "branch": "main"}],
        "environments": [
            {"name": ENVIRONMENT, "runtime": runtime, "agents": [{"name": "agent-1", "slots": 2}]}
        ],
        "clusters": {"local": cluster},
        "lease": 15,
    }
    file = root / "luotsi.yaml"
    text = "# Written by `luotsi demo`.\n" + yaml.safe_dump(settings, sort_keys=False)
    draft = file.with_suffix(".tmp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
    return installation.opened(file)


def existing(root: Path) -> Installation | None:
    """The installation of an earlier demonstration in this workspace."""
    file = root / "luotsi.yaml"
    return installation.opened(file) if file.exists() else None
