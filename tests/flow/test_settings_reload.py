"""A controller that runs takes changed settings up: repositories come, go and get other names; nonsense changes nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from controller import loop
from controller.ports import Ports
from ledger import in_use, observations, repositories
from ledger.in_use import InUse
from ledger.repositories import RepositoryRow
from ledger.tables import environments
from luotsi import cli, installation, web_app, wiring
from luotsi import in_use as in_use_words
from luotsi.reloading import ControllerParts, Reloading
from queues import wake
from queues.connection import connect
from schemas import moments
from schemas.errors import ConfigError
from tests.builders.git_repository import GitRepository
from tests.parts.git import Git
from tests.parts.process import until
from tests.parts.redis_server import RedisServer


class Running:
    """A controller in a thread of its own, and its settings file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.opened = installation.opened(file)
        self.ports = wiring.controller_ports(self.opened)
        self.reloading = Reloading(self.opened, every=0.0, settled=0.0)
        self.parts = ControllerParts(self.reloading, self.opened, self.ports)
        self.seen: list[Ports] = []
        self.thread = threading.Thread(target=loop.run, args=(self.ports, self))

    def fresh(self, ports: Ports) -> Ports | None:
        made = self.parts.fresh(ports)
        self.seen += [made] if made else []
        return made

    def taken(self) -> None:
        self.parts.taken()

    def refused(self, reason: str) -> None:
        self.parts.refused(reason)

    def held(self) -> InUse:
        """What the controller says that it holds."""
        with self.ports.ledger.read() as connection:
            return in_use.held(connection) or InUse("nothing yet", "", moments.now())

    def write(self, **values: object) -> None:
        """Replace the settings, and wait for nothing."""
        text = yaml.safe_dump({**yaml.safe_load(self.file.read_text()), **values})
        made = self.file.with_suffix(".new")
        made.write_text(text)
        made.replace(self.file)
        wake.wake(connect(self.opened.redis_url()))

    def watched(self) -> dict[str, RepositoryRow]:
        with self.ports.ledger.read() as connection:
            return {row.name: row for row in repositories.watched(connection)}

    def head(self, name: str) -> str | None:
        row = self.watched().get(name)
        with self.ports.ledger.read() as connection:
            return observations.heads(connection, row.id).get("refs/heads/main") if row else None


@contextmanager
def running(file: Path) -> Iterator[Running]:
    made = Running(file)
    made.thread.start()
    try:
        yield made
    finally:
        made.ports.stopping.set()
        made.thread.join()
        made.ports.ledger.close()


@pytest.fixture
def controller(git: Git, redis_server: RedisServer, tmp_path: Path) -> Iterator[Running]:
    for name in ("wine", "beer"):
        GitRepository(tmp_path / name).commit({"README.md": name})
    file = tmp_path / "luotsi.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "redis": redis_server.address,
                "repositories": [{"name": "wine", "address": "wine"}],
                "poll-interval": 1,
            }
        )
    )
    with running(file) as made:
        until(lambda: made.head("wine"), what="the first look")
        yield made


def test_a_repository_comes_goes_and_gets_another_name(controller: Running, tmp_path: Path) -> None:
    wine, beer = {"name": "wine", "address": "wine"}, {"name": "beer", "address": "beer"}
    controller.write(repositories=[wine, beer])
    until(lambda: controller.head("beer"), what="the new repository is looked at")
    first = controller.watched()["wine"].id
    controller.write(repositories=[wine | {"name": "cellar"}, beer])
    until(lambda: "cellar" in controller.watched(), what="it has its new name")
    assert controller.watched()["cellar"].id == first
    sha = GitRepository(tmp_path / "wine").commit({"a": "1"})
    until(lambda: controller.head("cellar") == sha, what="its file events come under the new name")
    controller.write(repositories=[beer])
    until(lambda: list(controller.watched()) == ["beer"], what="one is watched no longer")


def test_settings_that_are_not_valid_change_nothing_and_are_told(controller: Running, tmp_path: Path) -> None:
    controller.write(repositories=[{"name": "wine", "adress": "wine"}])
    until(lambda: controller.reloading.trouble, what="the trouble is told")
    assert "there is no setting `adress`" in controller.reloading.trouble
    sha = GitRepository(tmp_path / "wine").commit({"a": "1"})
    until(lambda: controller.head("wine") == sha, what="the repository is looked at as before")
    controller.write(repositories=[{"name": "wine", "address": "wine"}])
    until(lambda: not controller.reloading.trouble, what="they are valid again")


def test_what_the_ledger_refuses_leaves_the_controller_as_it_was(controller: Running, tmp_path: Path) -> None:
    wine, beer = {"name": "wine", "address": "wine"}, {"name": "beer", "address": "beer"}
    controller.write(repositories=[wine, beer])
    until(lambda: controller.head("beer"), what="both are watched")
    controller.write(repositories=[wine | {"address": "beer"}, beer | {"address": "wine"}])
    until(lambda: controller.reloading.trouble, what="names that were exchanged are refused")
    assert "a repository is watched once" in controller.reloading.trouble
    assert {name: Path(row.address).name for name, row in controller.watched().items()} == {
        "wine": "wine",
        "beer": "beer",
    }
    sha = GitRepository(tmp_path / "beer").commit({"a": "1"})
    until(lambda: controller.head("beer") == sha, what="both are looked at as before")


def test_policies_environments_and_forges_are_taken_up(controller: Running) -> None:
    controller.write(
        environments=[{"name": "local"}, {"name": "gpu"}],
        forges={"github": {"kind": "github", "token": "t" * 20}},
        **{"pull-requests": {"trust": "nobody", "environment": "gpu"}, "maintenance": "moving house"},
    )
    until(lambda: controller.seen, what="the settings are taken up")
    now = controller.seen[-1]
    assert now.settings.repositories[0].pulls.trust == "nobody"
    assert now.settings.maintenance == "moving house"
    assert list(now.forges) == ["github"]

    def known() -> list[str]:
        with controller.ports.ledger.read() as connection:
            return list(connection.scalars(select(environments.c.name)))

    until(lambda: "gpu" in known(), what="the environment is in the ledger")
    controller.write(currency="EUR ")
    until(lambda: controller.seen[-1].settings.currency, what="the next change")
    assert controller.seen[-1].forges["github"] is now.forges["github"], "a forge that is the same stays"
    controller.write(forges={"github": {"kind": "github", "token": "u" * 20}})
    until(lambda: controller.seen[-1].forges["github"] is not now.forges["github"], what="another token")


def test_what_is_refused_is_told_wherever_people_look(
    controller: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file alone would say maintenance, while everything goes on."""

    def said(*verb: str) -> str:
        with pytest.raises(SystemExit):
            cli.main([*verb, "--settings", str(controller.file)])
        both = capsys.readouterr()
        return " ".join((both.out + both.err).split())

    wine, beer = {"name": "wine", "address": "wine"}, {"name": "beer", "address": "beer"}
    until(lambda: controller.held().trouble == "", what="the settings are in use")
    controller.write(repositories=[wine, beer])
    until(lambda: controller.head("beer"), what="both are watched")
    controller.write(
        repositories=[wine | {"address": "beer"}, beer | {"address": "wine"}], maintenance="the disk moves"
    )
    until(lambda: controller.held().trouble, what="the trouble is told")
    assert controller.held().maintenance == ""
    refused = (
        "The controller does not use luotsi.yaml as it stands, and no change of it: the address of wine is"
    )
    difference = "luotsi.yaml says `maintenance` (the disk moves), and the controller does not hold it"
    page = web_app.build(installation.opened(controller.file)).test_client().get("/home.json").get_json()
    assert [one["text"].partition(": it does")[0][: len(refused)] for one in page["notices"]] == [
        difference,
        refused,
    ]
    for verb in (["status"], ["doctor"], ["repo", "list"]):
        assert refused in said(*verb), verb
    for verb in (["status"], ["doctor"]):
        assert difference in said(*verb)
        assert "nothing new starts" not in said(*verb)
    controller.write(repositories=[wine, beer])
    until(lambda: controller.held().maintenance == "the disk moves", what="the maintenance is held")
    assert controller.held().trouble == ""
    assert "Maintenance: the disk moves" in said("status")
    assert "does not use" not in said("doctor")


def test_with_settings_that_are_not_valid_people_look_and_stop_all_the_same(
    controller: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*verb: str) -> str:
        with pytest.raises(SystemExit):
            cli.main([*verb, "--settings", str(controller.file)])
        both = capsys.readouterr()
        return " ".join((both.out + both.err).split())

    (tmp_path / "words").write_text("the disk moves\n")
    controller.write(maintenance="file:words")
    until(lambda: controller.held().maintenance == "the disk moves", what="the settings are in use")
    until(lambda: "file:words" in (tmp_path / "keys" / in_use_words.KEPT).read_text(), what="they are kept")
    controller.write(**{"pull-requests": {"cap": "lots"}})
    until(lambda: controller.held().trouble, what="the trouble is told")
    line = 1 + controller.file.read_text().splitlines().index("  cap: lots")
    wrong = f"luotsi.yaml is not valid (line {line}: `cap` must be a number, not text); going on with what the controller took at "
    assert f"luotsi.yaml:{line}: `cap` must be a number, not text." in controller.held().trouble
    looks = {
        ("status",): "Maintenance: the disk moves",
        ("coverage",): "1 of 1 commits have a verdict",
        ("repo", "list"): str(tmp_path / "wine"),
        ("approve",): "Nothing waits for approval.",
        ("cancel", "7"): "there is no execution #7",
        ("retry", "train"): "there is no run of train",
    }
    for verb, answer in looks.items():
        words = said(*verb)
        assert wrong in words, (verb, words)
        assert answer in words, (verb, words)
        assert "does not use" not in words, "it is said once"
    (tmp_path / "words").unlink()
    controller.write(maintenance="file:words")
    assert "words, which cannot be read: No such file or directory; going on with what" in said("status")
    assert "going on" not in said("doctor"), "who asks what is wrong gets that, and no more"
    kept = tmp_path / "keys" / in_use_words.KEPT
    assert kept.stat().st_mode & 0o777 == 0o600
    controller.file.unlink()
    assert "luotsi.yaml is gone; going on with what" in said("status")


def test_a_start_with_settings_that_are_refused_is_told(redis_server: RedisServer, tmp_path: Path) -> None:
    file = tmp_path / "luotsi.yaml"
    entries = [{"name": "wine", "address": "wine"}, {"name": "beer", "address": "./beer"}]
    file.write_text(yaml.safe_dump({"redis": redis_server.address, "repositories": entries}))
    (tmp_path / "wine").mkdir()
    (tmp_path / "beer").symlink_to(tmp_path / "wine")
    made = Running(file)
    with pytest.raises(ConfigError, match="a repository is watched once"):
        loop.run(made.ports, made)
    assert "a repository is watched once" in made.held().trouble
    made.ports.ledger.close()


def test_a_repository_takes_the_address_of_one_that_was_removed(controller: Running) -> None:
    wine, beer = {"name": "wine", "address": "wine"}, {"name": "beer", "address": "beer"}
    controller.write(repositories=[wine, beer])
    until(lambda: controller.head("beer"), what="both are watched")
    first = controller.watched()["wine"].id
    controller.write(repositories=[wine])
    until(lambda: "beer" not in controller.watched(), what="one is watched no more")
    controller.write(repositories=[wine | {"address": "beer"}])
    until(lambda: Path(controller.watched()["wine"].address).name == "beer", what="it lies there now")
    assert controller.watched()["wine"].id == first
    assert controller.reloading.trouble == ""
