"""Luotsi runs when its web side answers, and not before; one that cannot start is said with the end of its log."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from luotsi import answering, installation
from luotsi.supervise import Part, Tree
from schemas.errors import Stalled
from tests.parts.process import free_port


class Always(Tree):
    """Its one part is a Python program."""

    program = ""

    def command_of(self, part: Part) -> list[str]:
        return [sys.executable, "-c", self.program]


def tree(tmp_path: Path, port: int, program: str) -> tuple[installation.Installation, Always]:
    file = tmp_path / "luotsi.yaml"
    file.write_text(f"web: {{ listen: '127.0.0.1:{port}' }}\n", encoding="utf-8")
    opened = installation.opened(file)
    made = Always(opened.workspace, (Part("web", ()),), {})
    made.program = program
    return opened, made


def test_a_web_side_that_cannot_start_is_said_with_its_log(tmp_path: Path) -> None:
    opened, made = tree(tmp_path, free_port(), "raise SystemExit('there is no module luotsi.moon')")
    made.start()
    try:
        with pytest.raises(Stalled, match="does not answer") as stalled:
            answering.until_it_answers(opened, made, threading.Event())
    finally:
        made.stop()
    assert "no module luotsi.moon" in stalled.value.hint


def test_one_that_answers_is_waited_for_no_longer(tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        opened, made = tree(tmp_path, server.server_port, "")
        answering.until_it_answers(opened, made, threading.Event())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_who_is_asked_to_stop_waits_no_longer(tmp_path: Path) -> None:
    opened, made = tree(tmp_path, free_port(), "")
    stopping = threading.Event()
    stopping.set()
    answering.until_it_answers(opened, made, stopping)
