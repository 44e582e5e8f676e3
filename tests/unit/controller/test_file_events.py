"""Where the kernel refuses file events, the clock says when to look, and one sentence says so where people look."""

import json
from itertools import takewhile
from pathlib import Path

from click.testing import CliRunner
from structlog.testing import capture_logs

from controller import loop
from controller.git.watch import RefWatch
from ledger import in_use
from luotsi.verbs import doctor, status
from tests.builders.mind import Mind
from tests.fakes.scarce_inotify import ScarceInotify


def test_refused_file_events_are_said_once_and_taken_back(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    kernel = ScarceInotify()
    files = loop.FileEvents(RefWatch(lambda name: None, events=lambda: kernel, again=0.0))
    with mind.ports.ledger.write() as connection:
        in_use.hold(connection, "", "", mind.now)
    with capture_logs() as logs:
        for _ in range(3):
            files.follow(mind.ports)
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("file events are refused", files.watcher.trouble)
    ]
    assert told(tmp_path) == files.watcher.trouble != ""
    said = CliRunner().invoke(status.command, ["--settings", str(tmp_path / "luotsi.yaml"), "--json"])
    assert json.loads(said.stdout)["file_events"] == files.watcher.trouble
    mind.person.commit({"a": "1"}, "Change")
    mind.person.push()
    assert mind.turn()  # the poll, that needs no event
    kernel.left = 100
    files.follow(mind.ports)
    assert told(tmp_path) == ""
    files.watcher.stop()


def told(folder: Path) -> str:
    """What `luotsi doctor` says of file events, before it tries anything; empty: nothing."""
    settings = folder / "luotsi.yaml"
    settings.write_text(f"ledger: sqlite:///{folder}/ledger.sqlite\n")
    findings = takewhile(lambda finding: not finding.what.startswith("runtime"), doctor.examine(settings))
    return next((finding.words for finding in findings if finding.what == "file events"), "")


def test_of_many_hints_the_first_asks_for_a_turn() -> None:
    hints = loop.Hints()
    assert [hints.add(name) for name in ("a", "b", "a")] == [True, False, False]
    assert hints.take() == {"a", "b"}
    assert hints.add("a")
