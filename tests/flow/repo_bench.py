"""What tests of `luotsi repo` share: an installation that knows the stand-in of GitHub as the forge `hub`, and the verb."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from luotsi import cli, valkey
from luotsi.workspace import Workspace
from tests.builders.github_house import House

HEAD = "# Ours.\nweb: { listen: '127.0.0.1:0', address: 'http://127.0.0.1:1023' } # here\n"
Run = Callable[..., Any]


@contextmanager
def knows_hub(folder: Path, github: House) -> Iterator[Path]:
    """The settings of an installation with a token of the organization's owner."""
    file = folder / "here" / "luotsi.yaml"
    file.parent.mkdir()
    (file.parent / "token").write_text(github.ada.token("repo", "admin:repo_hook") + "\n")
    forge = (
        f"{{ kind: github, url: '{github.github.address}', api: '{github.github.api}', token: 'file:token' }}"
    )
    file.write_text(f"{HEAD}forges:\n  hub: {forge}\n")
    yield file
    valkey.end(Workspace(file.parent))  # the doctor starts one


def runner(settings: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`luotsi repo`: what it prints, or with `--json` the value, or what it says on its way out with a `code`."""

    def call(*arguments: str, code: int = 0) -> Any:
        with pytest.raises(SystemExit) as ended:
            cli.main(["repo", *arguments, "--settings", str(settings)])
        said = capsys.readouterr()
        assert ended.value.code == code, said
        if code:
            return said.err
        return json.loads(said.out) if "--json" in arguments else said.out

    return call


def address(github: House) -> str:
    return github.github.clone_url(github.repo)


def written(settings: Path) -> list[dict[str, str]]:
    """The repositories of the settings."""
    return list(yaml.safe_load(settings.read_text()).get("repositories", []))
