"""Threats rows 25, 31, 32: whatever others write into names, logs and metrics, a page shows it and nothing more."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from dashboard import safe
from ledger import tables
from tests.builders.dashboard_house import House
from tests.builders.ledger_rows import Rows, log_records
from tests.builders.page_facts import read

CORPUS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "</title></textarea></pre></svg><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "<!--<script>-->",
    "\u202egnp.exe\u2066",
    "\x1b]0;owned\x07\x1b[2J\x9b31m",
    "&lt;b&gt;&#x3c;i&#x3e;",
    "a\x00b\x7fc\x85d",
)
OURS = {"/assets/page.js", "/assets/log.js"}


def scripts(page: str) -> set[str]:
    return {link.partition("?")[0] for link in read(page).links if link.partition("?")[0].endswith(".js")}


def assert_harmless(page: str) -> None:
    facts = read(page)
    assert facts.inline_scripts == []
    assert facts.dangerous_attributes == []
    assert scripts(page) <= OURS
    assert not [
        link for link in facts.links if link.lower().lstrip().startswith(("javascript", "data:", "vbscript"))
    ]
    assert (
        facts.tags.count("img") == page.count('class="pictures"') * facts.tags.count("figure")
        or "img" not in facts.tags
    )
    assert not set(page) & set("\x00\x07\x1b\x7f\x85\x9b\u202e\u2066")


def _hostile_pipelines(rows: Rows, of: Any, sha: str, run: str, text: str) -> None:
    """Pipelines that wait for a person, and deployments that serve and failed."""
    entry = {"name": text, "type": text, "step": text, "state": "created", "waits": True, "reason": text}
    graph = {"nodes": [entry, {"name": "b", "state": text, "reason": text}], "edges": [[text, "b"]]}
    pipeline = rows.pipeline(of, run, {}, name=text, graph=graph)
    rows.put(
        tables.approvals, id=rows.next_id(), pipeline_id=pipeline, node="b", who=text, approved_at=rows.ago(1)
    )
    waiting = rows.run(of, sha, "running", trigger=f"{text} 2", concurrency_group=text, pull_request=7)
    rows.pipeline(of, waiting, {}, name=text, graph=graph)
    endpoint = {
        "address": text,
        "kind": text,
        "digest": text,
        "running_digest": "x" + text,
        "files": {text: {}},
    }
    for state in ("serving", "failed"):
        rows.deployment(
            of, pipeline, sha, state, f"{text}{state}", [text], deployment=text, node=f"{text}{state}", cluster=text,
            endpoints={text: endpoint}, reason=text,
        )  # fmt: skip


def hostile_run(house: House, text: str) -> tuple[Any, str, str]:
    """A repository in trouble, a commit with a bad config and a run that failed, all named by the text."""
    rows = house.rows
    of = rows.repository(
        "wine", address=f"https://user:pw@host/{text}", trouble=text, trouble_since=rows.ago(5)
    )
    problem = {"path": text, "line": 1, "column": 2, "message": text, "hint": text, "severity": text}
    sha = rows.commit(
        of,
        text,
        verdict="failure",
        problems=[problem],
        text=text,
        author=text,
        ref=f"refs/heads/{text}",
        message=text,
    )
    line = {
        "text": text,
        "metric": text,
        "value": 0.5,
        "base": None,
        "target": 0.4,
        "passed": False,
        "note": text,
    }
    gate = {"lines": [line], "base_sha": None, "summary": text}
    rule = {"target": {"kind": text, "name": text}, "expect": [text], "required": True}
    run = rows.run(
        of,
        sha,
        "failure",
        trigger=text,
        reason=text,
        ref=text,
        event=text[:20],
        occurrence=text,
        gate=gate,
        rule=rule,
    )
    _hostile_pipelines(rows, of, sha, run, text)
    return of, sha, run


def hostile_execution(house: House, text: str, of: Any, sha: str, run: str) -> str:
    """An execution that was promoted, all named by the text; its page."""
    rows = house.rows
    agent = rows.agent(text, text, runtime=text, host=text, version=text)
    spec = {
        "commands": [text],
        "parameters": {text: text},
        "environment_variables": {text: text},
        "inputs": [{"name": text, "uris": [text]}],
        "notes": [text],
        "mounts": [{"source": text, "destination": text, "type": text, "readonly": True}],
        "variable_groups": [text],
        "resources": {"devices": {text: text}, "cpu_max": 1},
        "stop_condition": text,
        "upload_store": text,
        "creator_name": text,
    }
    done = rows.execution(
        of, sha, run_id=run, agent=agent, step=text, node=text, reason=text, environment=text, spec=spec,
        status_detail=text, image=text, image_digest=text, runtime=text, metadata={text: text, "n": 1.5},
        built={"kind": text, "reference": text, "digest": text},
    )  # fmt: skip
    assert done.attempt is not None
    rows.metrics(done.attempt, {text: [0.1, 0.2], "epoch": [1, 2]})
    rows.store_log(
        done, log_records([text, ("stderr", text), ("status", text), json.dumps({"x": text})]), house.system
    )
    output = rows.output(done, f"{text}.bin", b"x", house.artifacts)
    rows.dataset(done, text, [output], [text], dataset=text, tags=[text])
    rows.candidate(done, 1, [output], model=text, tags=[text], note=text)
    rows.file_alias(done, text, output)
    version = rows.version(done, sha, output, text, text[:100], tagger=text, tag=text)
    rows.promotion(
        of,
        version,
        stage=text,
        model=text,
        reason=text,
        tag=text,
        tagger=text,
        cluster=text,
        endpoint=text,
        address=text,
    )
    rows.tag(of, text, sha, tagger=text, reason=text)
    return f"/r/wine/executions/{done.number}"


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_text_in_every_name_stays_text(house: House, text: str) -> None:
    of, sha, run = hostile_run(house, text)
    base = hostile_execution(house, text, of, sha, run)
    for place in (
        "/", "/commits", "/runs", "/executions", "/promotions", "/agents", "/repositories", "/r/wine", f"/r/wine/commit/{sha}",
        f"/r/wine/run/{run}", base, f"{base}/log", f"/search?q={quote(text)}", "/r/wine/deployments", "/r/wine/data", "/search?q==2",
        f"/search?q={quote(f'dataset://{text}')}", "/r/wine/executions",
        f"/r/{quote(text)}/commits?root={quote(text)}",
    ):  # fmt: skip
        answer = house.client.get(place)
        assert answer.status_code in (200, 302, 404), place
        assert answer.headers.get("Location", "/r/").startswith("/r/")
        assert_harmless(answer.text)
    svg = house.client.get(f"{base}/metric.svg?key={quote(text)}")
    assert svg.status_code == 200
    assert "<script" not in svg.text
    assert "sandbox" in svg.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("http://127.0.0.1:8081/wine/", True),
        ("https://models.example.org/a?b=c", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example/", False),
        ("https://user:pw@host/", False),
        ("http://", False),
        ("http://[", False),
        ("http://host/\u202e", False),
        ("/relative", False),
    ],
)
def test_only_plain_web_addresses_are_linked(address: str, allowed: bool) -> None:
    assert (safe.link(address) == address) is allowed


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("model.pkl", "attachment; filename=\"model.pkl\"; filename*=UTF-8''model.pkl"),
        ("a/b/malli ä.bin", "attachment; filename=\"malli _.bin\"; filename*=UTF-8''malli%20%C3%A4.bin"),
        (
            'x"\r\nSet-Cookie: a=b',
            "attachment; filename=\"x___Set-Cookie: a=b\"; filename*=UTF-8''x___Set-Cookie%3A%20a%3Db",
        ),
        ("..\\..\\evil.exe", "attachment; filename=\"evil.exe\"; filename*=UTF-8''evil.exe"),
        ("dir/", "attachment; filename=\"output\"; filename*=UTF-8''output"),
    ],
)
def test_a_download_keeps_its_name_and_nothing_else(name: str, wanted: str) -> None:
    from dashboard.views.files import disposition

    assert disposition(name) == wanted


def test_secrets_in_addresses_are_never_shown(house: House) -> None:
    """Threats row 32: an address that carries a password, wherever it stands."""
    secret = "https://robot:hunter2@git.example.org/x.git"
    rows = house.rows
    of = rows.repository("x", address=secret, trouble=f"cannot reach {secret}", trouble_since=rows.ago(1))
    sha = rows.commit(of)
    run = rows.run(of, sha, "error", reason=f"fetch of {secret} failed")
    spec = {
        "inputs": [{"name": "i", "uris": [secret]}],
        "environment_variables": {"REMOTE": secret},
        "parameters": {"url": secret},
    }
    done = rows.execution(of, sha, "error", run_id=run, spec=spec, reason=secret, image=secret)
    for place in (
        "/",
        "/repositories",
        "/r/x",
        "/runs",
        f"/r/x/run/{run}",
        "/executions",
        f"/r/x/executions/{done.number}",
    ):
        twin = "/home.json" if place == "/" else f"{place}.json"
        for text in (house.get(place), house.get(twin)):
            assert "hunter2" not in text, place
