"""What is served is what was tagged: a second version takes over, a failing one does not, `!` falls back, a moved tag alarms."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ledger.tables import promotions, tag_observations
from tests.builders.house import House, house
from tests.e2e.test_installation import PROCESS, contexts, until

CONFIG = """
- step:
    name: make
    image: none
    command: cp model.txt $VH_OUTPUTS_DIR/model.txt
- endpoint:
    name: say
    image: none
    port: 8000
    server-command: python3 serve.py
    files: [{name: model, path: served.txt}]
- trigger:
    name: make
    when: {push: {branches: [main]}}
    run: {step: make}
- model:
    name: words
    from: {step: make, output: model.txt}
    endpoint: say
    file: model
    stages:
      prod: {cluster: local, smoke: {post: ask.json, expect: 200}}
"""
SERVE = """
import http.server, os, sys
text = open("served.txt").read()
class Say(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if "broken" in text else 200)
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["VALOHAI_PORT"])), Say).serve_forever()
"""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, PROCESS) as running:
        yield running


def commit(made: House, text: str) -> str:
    files = {"valohai.yaml": CONFIG, "serve.py": SERVE, "ask.json": "{}", "model.txt": text}
    sha = made.person.commit(files, f"Say {text}")
    made.person.push()
    until(lambda: contexts(made, sha).get("luotsi/make") == "success", "the model is made")
    return sha


def rows(made: House) -> list[Any]:
    with made.ports.ledger.read() as connection:
        return list(connection.execute(select(promotions).order_by(promotions.c.accepted_at)))


def states(made: House) -> list[str]:
    return [row.state for row in rows(made)]


def ask(made: House) -> str:
    address = next(row.address for row in reversed(rows(made)) if row.address)
    with urllib.request.urlopen(address, data=b"{}", timeout=60) as answer:
        return str(answer.read().decode())


def test_versions_take_over_fail_and_fall_back(made: House) -> None:
    first = commit(made, "one")
    made.person.tag("words@v1.0.0", first)
    made.person.tag("words#prod#1", first)
    until(lambda: states(made) == ["serving"], "v1.0.0 serves")
    assert ask(made) == "one"

    second = commit(made, "two")
    made.person.tag("words@v1.1.0", second)
    made.person.tag("words#prod#2", second)
    until(lambda: states(made) == ["superseded", "serving"], "v1.1.0 takes over")
    assert ask(made) == "two"

    third = commit(made, "broken")
    made.person.tag("words@v1.2.0", third)
    made.person.tag("words#prod#3", third)
    until(lambda: states(made)[2:] == ["failed"], "v1.2.0 fails its smoke request")
    assert states(made)[1] == "serving"
    assert ask(made) == "two"

    made.person.tag("words#prod!#4", third)
    made.person.tag("words#prod!#5", second)
    until(
        lambda: sorted(states(made)) == ["failed", "serving", "superseded"] and ask(made) == "one",
        "it falls back",
    )
    chain = next(row for row in rows(made) if row.state == "serving")
    assert chain.digest == chain.running_digest


def test_a_stage_tag_without_its_version_leaves_what_serves(made: House) -> None:
    first = commit(made, "one")
    made.person.tag("words@v1.0.0", first)
    made.person.tag("words#prod#1", first)
    until(lambda: states(made) == ["serving"], "v1.0.0 serves")
    second = commit(made, "two")
    made.person.tag("words#prod#2", second)

    def waits() -> bool:
        with made.ports.ledger.read() as connection:
            found = connection.execute(
                select(tag_observations.c.reason).where(tag_observations.c.name == "words#prod#2")
            ).scalar()
        return "waits until a version is registered" in (found or "")

    until(waits, "the tag says what it waits for")
    assert (ask(made), states(made)) == ("one", ["serving"])
    made.person.tag("words@v1.1.0", second)
    until(lambda: states(made) == ["superseded", "serving"], "the version takes over once it is there")
    assert ask(made) == "two"


def test_a_moved_tag_changes_nothing_and_alarms_on_both_commits(made: House) -> None:
    first = commit(made, "one")
    made.person.tag("words@v1.0.0", first)
    made.person.tag("words#prod#1", first)
    until(lambda: states(made) == ["serving"], "v1.0.0 serves")
    second = commit(made, "two")
    made.person.git("tag", "-f", "-a", "words@v1.0.0", "-m", "moved", second)
    made.person.git("push", "--quiet", "--force", "origin", "refs/tags/words@v1.0.0")
    until(
        lambda: contexts(made, second).get("luotsi/words@v1.0.0") == "error",
        "the alarm is on the second commit",
    )
    until(lambda: contexts(made, first).get("luotsi/words@v1.0.0") == "error", "and on the first")
    assert ask(made) == "one"
    assert states(made) == ["serving"]


def test_a_lightweight_tag_and_one_off_the_main_branch_are_told_why(made: House) -> None:
    first = commit(made, "one")
    made.person.git("tag", "words@v3.0.0", first)
    made.person.git("push", "--quiet", "origin", "refs/tags/words@v3.0.0")
    side = made.person.commit({"model.txt": "side"}, "Aside")
    made.person.push("HEAD:refs/heads/side")
    made.person.tag("words@v4.0.0", side)

    def told() -> dict[str, tuple[str, str]]:
        with made.ports.ledger.read() as connection:
            found = connection.execute(
                select(tag_observations.c.name, tag_observations.c.decision, tag_observations.c.reason)
            )
            return {row.name: (row.decision, row.reason) for row in found}

    until(lambda: len(told()) == 2 and all(decision for decision, _ in told().values()), "both are judged")
    assert told()["words@v3.0.0"][0] == "refused"
    assert "git tag -a" in told()["words@v3.0.0"][1]
    assert told()["words@v4.0.0"][0] == "waiting"
    assert states(made) == []
