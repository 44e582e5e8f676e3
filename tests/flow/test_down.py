"""What goes on when an installation has ended, and how it is ended: a real endpoint, as a plain process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.inference.port import Cluster
from luotsi import cli, endpoints, installation, processes, wiring
from luotsi.demo.show import Machine
from luotsi.demo.story import Story
from luotsi.installation import Installation
from luotsi.verbs import up
from schemas.errors import Stalled
from tests.builders import endpoints as builder
from tests.drivers.cluster_contract import settle

NAME = "shop/churn/prod"
SETTINGS = """
environments: [{name: local, runtime: {kind: process, unsafe: true}, agents: [{name: agent-1}]}]
clusters: {local: {kind: local}}
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Installation]:
    """An installation that does not run, and whose endpoint does."""
    (tmp_path / "luotsi.yaml").write_text(SETTINGS)
    opened = installation.opened(tmp_path / "luotsi.yaml")
    shelf, job = builder.Shelf(), builder.job()
    builder.write_code(tmp_path / "build")
    built = shelf.build(tmp_path / "build", job)
    (tmp_path / "bundle").write_bytes(shelf.stored[built.reference])
    wiring.open_stores(opened)["artifacts"].put(built.reference, tmp_path / "bundle")
    controllers = cluster(opened)
    settle(controllers, builder.serving(job, built))
    yield opened
    endpoints.end(opened)
    controllers.observe()  # it is its parent


def cluster(opened: Installation) -> Cluster:
    return wiring.open_clusters(opened)["local"]


def down(opened: Installation, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["down", "--settings", str(opened.settings.file)])
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out + said.err


def test_what_goes_on_is_named_and_can_be_ended(
    opened: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    up.last_words(opened)
    assert (
        f"1 endpoint goes on running, without the gateway: {NAME}. "
        f"`luotsi down --settings {opened.settings.file}` ends it."
    ) in capsys.readouterr().out
    assert down(opened, capsys) == (0, f"Ended: {NAME}.\n")
    assert cluster(opened).observe() == ()
    assert down(opened, capsys) == (0, "No endpoint runs.\n")


def test_an_installation_that_runs_keeps_its_endpoints(
    opened: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.write(opened.workspace.folder("pids") / "up.json", os.getppid(), ["luotsi", "up"])
    code, said = down(opened, capsys)
    assert code == 3
    assert f"in use by process {os.getppid()}, another `luotsi up`" in said
    assert endpoints.running(opened) == (NAME,)


def test_a_second_demonstration_in_a_workspace_ends_nothing_of_the_first(opened: Installation) -> None:
    root = opened.workspace.root
    processes.write(opened.workspace.folder("pids") / "up.json", os.getppid(), ["luotsi", "demo"])
    story = Story(root, Machine())
    with pytest.raises(Stalled, match="another `luotsi demo`"):
        story.tell()
    story.stop()
    assert endpoints.running(opened) == (NAME,)
