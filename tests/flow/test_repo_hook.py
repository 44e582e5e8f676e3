"""`luotsi repo hook` for plain git: a real push to a real bare repository, and the real web side that it tells."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.serving import make_server

from forges.port import Delivery
from ledger.database import Ledger, open_ledger
from ledger.tables import inbox
from luotsi import cli, installation, web_app
from luotsi.repos import hook_script
from schemas import codec
from schemas.values import Secret
from tests.builders.git_repository import GitRepository
from tests.parts.git import Git
from tests.parts.process import PATIENCE, free_port, until

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def work(git: Git, tmp_path: Path) -> GitRepository:
    """A clone with one commit, whose `origin` is a bare repository that Luotsi watches as `wine`."""
    bare = GitRepository(tmp_path / "wine.git", bare=True)
    made = GitRepository(tmp_path / "work")
    made.commit({"a": "1"})
    made.git("remote", "add", "origin", str(bare.path))
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "here" / "luotsi.yaml"
    file.parent.mkdir()
    file.write_text(
        f"redis: {NOWHERE}\nweb: {{ listen: '127.0.0.1:{free_port()}' }}\n"
        f"repositories:\n  - {{ name: wine, address: '{tmp_path / 'wine.git'}' }}\n"
        "  - { name: far, address: git@git.example.org:team/far.git }\n"
    )
    return file


@contextmanager
def web(settings: Path) -> Iterator[Ledger]:
    """The web side of the installation, listening; its ledger."""
    opened = installation.opened(settings)
    server = make_server(*opened.listen, web_app.build(opened), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    ledger = open_ledger(opened.ledger, read_only=True)
    try:
        yield ledger
    finally:
        server.shutdown()
        thread.join()
        ledger.close()


def deliveries(ledger: Ledger) -> list[tuple[str, Delivery]]:
    with ledger.read() as connection:
        rows = connection.execute(select(inbox.c.source, inbox.c.body).order_by(inbox.c.id)).all()
    return [(row.source, codec.read(Delivery, row.body)) for row in rows]


def repo(
    capsys: pytest.CaptureFixture[str], settings: Path, *arguments: str, code: int = 0
) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["repo", "hook", *arguments, "--settings", str(settings)])
    said = capsys.readouterr()
    assert ended.value.code == code, said
    return said.out, said.err


def test_a_push_tells_the_web_side(
    work: GitRepository, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = repo(capsys, settings, "wine", "--json")
    done: dict[str, Any] = json.loads(out)
    hook = Path(done["place"])
    assert (done["did"], hook.name, hook.stat().st_mode & 0o777) == ("created", "post-receive", 0o750)
    secret = (settings.parent / "keys" / "hook-wine.secret").read_text()
    assert secret not in hook.read_text()
    with web(settings) as ledger:
        work.git("push", "--quiet", "origin", "main")
        until(lambda: deliveries(ledger), what="the push is told")
        [(source, said)] = deliveries(ledger)
        assert (source, said.event, said.after) == ("wine", "push", work.head())
        work.git("push", "--quiet", "origin", "HEAD:refs/notes/luotsi")
        work.git("tag", "v1")
        work.git("push", "--quiet", "origin", "v1", "main:side")
        until(lambda: len(deliveries(ledger)) == 2, what="two refs of one push are told once, notes never")
        work.git("push", "--quiet", "origin", ":side")
        until(lambda: len(deliveries(ledger)) == 3, what="a deletion is told")
        assert deliveries(ledger)[-1][1].after == "0" * 40
    out, _ = repo(capsys, settings, "wine", "--json")
    assert json.loads(out)["did"] == "kept"


def test_a_hook_that_is_there_is_refused_or_kept(
    work: GitRepository, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "wine.git" / "hooks" / "post-receive"
    theirs.write_text(f"#!/bin/sh\necho theirs here\ncat > {tmp_path}/seen\nexit 3\n")
    theirs.chmod(0o755)
    _, err = repo(capsys, settings, "wine", code=2)
    assert "is there already, and not ours" in err
    assert "--chain" in err
    repo(capsys, settings, "wine", "--chain")
    with web(settings) as ledger:
        pushed = subprocess.run(
            ["git", "push", "origin", "main"], cwd=work.path, capture_output=True, text=True, check=True
        )
        assert "remote: theirs here" in pushed.stderr
        assert (tmp_path / "seen").read_text() == f"{'0' * 40} {work.head()} refs/heads/main\n"
        until(lambda: deliveries(ledger), what="the push is told too")
    _, err = repo(capsys, settings, "wine", "--chain")
    assert (theirs.parent / hook_script.BEFORE).exists()
    leave(capsys, settings, "remove", "wine")
    assert "theirs here" in theirs.read_text()
    assert not (theirs.parent / hook_script.BEFORE).exists()


def leave(capsys: pytest.CaptureFixture[str], settings: Path, *arguments: str) -> dict[str, Any]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["repo", *arguments, "--json", "--settings", str(settings)])
    said = capsys.readouterr()
    assert ended.value.code == 0, said
    done: dict[str, Any] = json.loads(said.out)
    return done


def test_a_new_name_is_called_and_the_hook_leaves_with_the_repository(
    work: GitRepository, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo(capsys, settings, "wine")
    hook = tmp_path / "wine.git" / "hooks" / "post-receive"
    assert (
        "Its post-receive hook calls the new address."
        in leave(capsys, settings, "rename", "wine", "cellar")["words"]
    )
    assert hook_script.called(tmp_path / "wine.git").endswith("/hooks/cellar")
    with web(settings) as ledger:
        work.git("push", "--quiet", "origin", "main")
        until(lambda: deliveries(ledger), what="the push is told under the new name")
        assert deliveries(ledger)[0][0] == "cellar"
    done = leave(capsys, settings, "remove", "cellar")
    assert (done["hook"], hook.exists()) == ("deleted", False)
    done = leave(capsys, settings, "remove", "far")
    assert "hooks/post-receive on git.example.org" in done["words"][-1]


@pytest.mark.parametrize(
    "whose", ["another installation's", "theirs", "nobody's", "ours, and kept", "locked"]
)
def test_a_hook_that_is_not_taken_away(
    whose: str, work: GitRepository, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "wine.git" / "hooks" / "post-receive"
    if whose == "another installation's":
        text = hook_script.script("http://luotsi.example.org/hooks/wine", Secret("s"))
        hook_script.install(tmp_path / "wine.git", text, chain=False)
    elif whose == "theirs":
        place.write_text("#!/bin/sh\n")
    elif whose == "nobody's":
        shutil.rmtree(tmp_path / "wine.git")
    else:
        repo(capsys, settings, "wine")
    if whose == "locked":
        place.unlink()
        place.mkdir()
    before = place.exists() and (place.is_dir() or place.read_text())
    keep = ["--keep-hook"] if whose == "ours, and kept" else []
    done = leave(capsys, settings, "remove", "wine", *keep)
    assert (place.exists() and (place.is_dir() or place.read_text())) == before
    word, sentence = {
        "another installation's": ("other", "it calls another address, http://luotsi.example.org/hooks/wine"),
        "theirs": ("absent", "goes on serving"),
        "nobody's": ("absent", "goes on serving"),
        "ours, and kept": ("kept", "Its hook, if there is one, stays."),
        "locked": ("failed", "Look at it as the owner of the repository"),
    }[whose]
    assert done["hook"] == word
    assert sentence in done["words"][-1]


def push(work: GitRepository) -> str:
    """Push as a person does; what git prints."""
    done = subprocess.run(["git", "push", "origin", "main"], cwd=work.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_push_does_not_wait_for_the_answer(work: GitRepository, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/hooks/wine"
        hook_script.install(tmp_path / "wine.git", hook_script.script(url, Secret("s" * 70)), chain=False)
        assert "remote:" not in push(work)
        listener.settimeout(PATIENCE)
        told, _ = listener.accept()
        with told:
            told.settimeout(PATIENCE)
            asked = told.recv(65536)
            told.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
            # Whoever had given up waiting would answer with a reset: so the push ended before the hook did.
            assert told.recv(65536) == b""
    assert asked.startswith(b"POST /hooks/wine HTTP/1.1\r\n")
    assert b"s" * 70 not in asked


@pytest.mark.parametrize("lacks", ["a listener", "curl"])
def test_a_push_succeeds_whatever_the_hook_lacks(
    lacks: str, work: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port()}/hooks/wine"
    hook_script.install(tmp_path / "wine.git", hook_script.script(url, Secret("short")), chain=False)
    if lacks == "curl":
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("git", "sh", "cat", "git-receive-pack", "git-upload-pack"):
            (folder / name).symlink_to(shutil.which(name) or name)
        monkeypatch.setenv("PATH", str(folder))
    assert "remote:" not in push(work)


def test_of_a_repository_elsewhere_the_hook_is_printed_with_what_to_do(
    settings: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, err = repo(capsys, settings, "far")
    assert out.startswith("#!/bin/sh\n")
    assert "hooks/post-receive" in err
    assert "git.example.org" in err
    assert subprocess.run(["sh", "-n"], input=out, text=True).returncode == 0
    printed, _ = repo(capsys, settings, "wine", "--print")
    assert printed.startswith("#!/bin/sh\n")
    assert not (tmp_path / "wine.git").exists()
    _, err = repo(capsys, settings, "nobody", code=2)
    assert "These are: wine, far." in err


def test_a_moved_folder_of_hooks_is_found(
    work: GitRepository, settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    GitRepository(tmp_path / "wine.git").git("config", "core.hooksPath", "elsewhere")
    out, _ = repo(capsys, settings, "wine", "--json")
    assert json.loads(out)["place"] == str(tmp_path / "wine.git" / "elsewhere" / "post-receive")
