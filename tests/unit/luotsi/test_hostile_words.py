"""What a repository says comes to no terminal as it is: each verb that shows it, with a name that would be obeyed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import migrations
from ledger.database import open_ledger
from luotsi import cli, logs
from tests.builders.git_repository import GitRepository
from tests.builders.ledger_rows import Rows

EVIL = "x\x1b]0;PWN\x07\x1b[31m\x9b2J\u202e\n[/red] [bold] [skip ci]"
DRAWN = "x\u241b]0;PWN\u2407\u241b[31m\u27e8U+009B\u27e92J\u27e8U+202E\u27e9\u240a[/red] [bold] [skip ci]"
ADDRESS = "http://127.0.0.1:18471/wine/" + "a-long-name/" * 6 + "prod/predict"
LOOKS = re.compile(r"\x1b\[[0-9;]*m")
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")

Verb = Callable[..., str]


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verb:
    """A verb on a terminal that shows colours: all that it says, without our own looks."""
    monkeypatch.setenv("FORCE_COLOR", "1")

    def call(*arguments: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit):
            cli.main(list(arguments))
        out, err = capsys.readouterr()
        said = LOOKS.sub("", out + err)
        assert not OBEYED.search(said), ascii(said)
        assert "Traceback" not in said
        return said

    return call


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    name = json.dumps(EVIL)
    made = GitRepository(tmp_path / "repository")
    text = f"""\
- step: {{name: {name}, image: {name}, command: {name}, parameters: [{{name: {name}, type: string, default: {name}}}]}}
- trigger: {{name: right, when: {{push: {{}}}}, run: {{step: {name}}}}}
- trigger: {{name: wrong, when: {{push: {{}}}}, run: {{step: {json.dumps("y" + EVIL)}}}}}
- trigger: {{name: {name}, when: {{push: {{}}}}, run: {{step: {name}}}}}
"""
    made.commit({"valohai.yaml": text})
    monkeypatch.chdir(made.path)
    return made


@pytest.mark.parametrize(
    "arguments",
    [
        ("lint",),
        ("plan",),
        ("plan", "--graph"),
        ("plan", "--format", "mermaid"),
        ("plan", "--format", "dot"),
        ("run", "zzz"),
        ("plan", EVIL),
    ],
)
def test_a_file_that_would_be_obeyed_is_drawn(
    arguments: tuple[str, ...], repository: GitRepository, verb: Verb
) -> None:
    assert "\u241b" in verb(*arguments) or "mermaid" in arguments


def test_every_line_of_a_plan_is_ours(repository: GitRepository, verb: Verb) -> None:
    lines = verb("plan").splitlines()
    assert f"right: step {DRAWN}" in lines
    assert not [line for line in lines if line.startswith("[/red]")]


def test_json_has_the_words_as_they_are(repository: GitRepository, verb: Verb) -> None:
    [found] = [one for one in json.loads(verb("plan", "--json"))["triggers"] if one["trigger"] == "right"]
    assert found["target"]["name"] == EVIL


@pytest.fixture
def settings(tmp_path: Path) -> str:
    """An installation whose ledger has such words wherever somebody else writes them."""
    file = tmp_path / "luotsi.yaml"
    file.write_text(
        f"ledger: sqlite:///{tmp_path}/ledger.sqlite\nredis: redis://127.0.0.1:1/0\n"
        f"repositories: [{{name: wine, address: /srv/git/wine.git}}]\n"
    )
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    migrations.upgrade(ledger)
    rows = Rows(ledger)
    of = rows.repository("wine", trouble=EVIL)
    sha = rows.commit(of, EVIL)
    run = rows.run(of, sha, "running", trigger=EVIL, reason=EVIL)
    node = {"name": EVIL, "step": EVIL, "state": "created", "waits": True}
    rows.pipeline(of, run, {}, name=EVIL, graph={"nodes": [node], "edges": []})
    rows.execution(of, sha, "started", run_id=run, step=EVIL, reason=EVIL)
    made = rows.execution(of, sha, "complete", run_id=run)
    version = rows.version(made, sha, rows.output(made, "model.json", b"{}"))
    rows.promotion(of, version, state="serving", stage="prod", reason=EVIL, address=ADDRESS)
    ledger.close()
    return str(file)


@pytest.mark.parametrize("arguments", [("status",), ("approve",), ("approve", "=1/none"), ("repo", "list")])
def test_a_ledger_that_would_be_obeyed_is_drawn(
    arguments: tuple[str, ...], settings: str, verb: Verb
) -> None:
    said = re.sub(r"\s", "", verb(*arguments, "--settings", settings))
    assert re.sub(r"\s", "", DRAWN)[:12] in said
    assert "[bold]" in said


def test_the_address_that_serves_has_a_line_that_no_table_cuts(settings: str, verb: Verb) -> None:
    lines = [line for line in verb("status", "--settings", settings).splitlines() if ADDRESS[:30] in line]
    assert lines == [f"wine prod: {ADDRESS}"]


def test_a_line_of_a_processs_own_log_is_one_line_of_ours() -> None:
    said = logs.drawn(None, "warning", {"event": EVIL, "ref": EVIL, "count": 3, "exception": f"a\n{EVIL}"})
    assert (said["event"], said["ref"], said["count"]) == (DRAWN, DRAWN, 3)
    assert said["exception"] == "a\n" + DRAWN.replace("\u240a", "\n"), "a traceback keeps its lines"
