"""`luotsi plan` of registry tags, from a clone with real tags in it: what each would do, or why nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luotsi import cli
from tests.builders.git_repository import GitRepository

CONFIG = """\
- step: {name: train, image: i, command: c}
- endpoint: {name: predict, image: i, server-command: s, files: [{name: file, path: m}]}
- trigger: {name: fit, when: {push: }, run: {step: train}}
- model:
    name: churn
    from: {step: train, output: model.json}
    endpoint: predict
    stages:
      dev:
      prod: {cluster: big, replicas: 2, require: ['stage:dev'], smoke: {post: x.json, expect: 201}}
      sealed: {require: [signed-tag]}
- model: {name: bare, from: {step: train, output: x}}
- model: {name: broken, from: {step: trian, output: x}}
"""

Plan = Callable[..., dict[str, Any]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    made = GitRepository(tmp_path / "repository")
    made.commit(
        {"valohai.yaml": CONFIG.replace("- model: {name: broken, from: {step: trian, output: x}}\n", "")}
    )
    made.commit({"valohai.yaml": CONFIG})
    monkeypatch.chdir(made.path)
    return made


@pytest.fixture
def plan(repository: GitRepository, capsys: pytest.CaptureFixture[str]) -> Plan:
    def call(*arguments: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as caught:
            cli.main(["plan", *arguments, "--json"])
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        return {tag["tag"]: tag for tag in said["tags"]} | {"code": int(caught.value.code or 0)}

    return call


def annotate(repository: GitRepository, name: str, commit: str, second: int) -> None:
    """A tag whose tagger's date is that many seconds into 2020."""
    date = f"2020-01-01T00:00:{second:02}Z"
    repository.git("tag", "-a", "-m", "x", name, commit, when=date)


def facts(tag: dict[str, Any]) -> dict[str, str]:
    return {fact["label"]: fact["text"] for fact in tag["facts"]}


def test_a_version_names_what_it_is_made_of(plan: Plan, repository: GitRepository) -> None:
    tag = plan("HEAD~1", "--tag", "churn@v1.0.0")["churn@v1.0.0"]
    at = repository.git("rev-parse", "--short=7", "HEAD~1")
    assert (tag["answer"], tag["reason"]) == ("accepted", f"registers v1.0.0 of churn at {at}")
    assert facts(tag)["from"] == "output model.json of step train"
    assert facts(tag)["run"].endswith("without one, trigger fit is started")
    assert (tag["model"], tag["line"]) == ("churn", 4)


def test_a_stage_says_where_it_serves_what_is_demanded_and_what_it_replaces(
    plan: Plan, repository: GitRepository
) -> None:
    annotate(repository, "churn@v1.0.0", "HEAD~1", 1)
    annotate(repository, "churn#prod#1", "HEAD~1", 2)
    annotate(repository, "churn@v2.0.0", "HEAD", 3)
    tag = plan("--tag", "churn#prod#2")["churn#prod#2"]
    assert (tag["answer"], tag["reason"]) == ("accepted", "promotes v2.0.0 of churn to prod")
    assert facts(tag) == {
        "serves": "endpoint predict with the model as file, on cluster big, 2 replicas",
        "requires": "this version has served dev; no tag of this clone has it there now",
        "smoke": "a POST of x.json is answered with 201 before it takes over",
        "stage": "prod: v1.0.0 → v2.0.0",
    }
    annotate(repository, "churn#dev#2", "HEAD", 4)
    assert facts(plan("--tag", "churn#prod#2")["churn#prod#2"])["requires"] == "this version has served dev"
    assert "the promotion fails" in facts(plan("--tag", "churn#sealed#2")["churn#sealed#2"])["requires"]
    annotate(repository, "churn#prod#5", "HEAD", 1)
    assert plan("--tag", "churn#prod#5")["churn#prod#5"]["reason"].startswith(
        "changes nothing: prod is at v1.0.0"
    )


def test_what_is_undone_says_what_serves_then(plan: Plan, repository: GitRepository) -> None:
    annotate(repository, "churn@v1.0.0", "HEAD~1", 1)
    annotate(repository, "churn#prod#1", "HEAD~1", 2)
    annotate(repository, "churn@v2.0.0", "HEAD", 3)
    annotate(repository, "churn#prod#2", "HEAD", 4)
    for name in ("churn#prod!#3", "churn@v2.0.0!"):
        assert facts(plan("--tag", name)[name]) == {"stage": "prod: v2.0.0 → v1.0.0"}
    assert plan("--tag", "churn@deprecated")["churn@deprecated"]["answer"] == "accepted"


@pytest.mark.parametrize(
    ("name", "answer", "reason"),
    [
        ("churn#prod#1", "waits", "waits until a version is registered at"),
        ("churn#nope", "nothing", "the model churn has no stage nope"),
        ("other@v1.0.0", "nothing", "has no model item named other"),
        ("eu=churn@v1.0.0", "nothing", "has no model item named churn in eu"),
        ("broken@v1.0.0", "nothing", "the model broken cannot be used: no step is called `trian` (line 13)"),
        ("churn@created", "ignored", "GTO itself cannot read"),
    ],
)
def test_what_a_tag_cannot_do_is_said_with_the_reason(
    plan: Plan, name: str, answer: str, reason: str
) -> None:
    said = plan("--tag", name)
    assert said[name]["answer"] == answer
    assert reason in said[name]["reason"]


def test_a_model_that_nothing_serves_is_not_promoted(plan: Plan, repository: GitRepository) -> None:
    repository.commit({"valohai.yaml": CONFIG.replace("name: bare, ", "name: bare, stages: {prod: }, ")})
    tag = plan("--tag", "bare#prod#1")["bare#prod#1"]
    assert (tag["answer"], "nothing can serve it" in tag["reason"]) == ("nothing", True)


def test_tags_are_judged_as_the_controller_does(plan: Plan, repository: GitRepository) -> None:
    repository.git("tag", "churn@v0.1.0")
    assert "lightweight" in plan("--tag", "churn@v0.1.0")["churn@v0.1.0"]["reason"]
    annotate(repository, "churn@v1.0.0", "HEAD~1", 1)
    assert "belongs to" in plan("--tag", "churn@v1.0.0#2")["churn@v1.0.0#2"]["reason"]
    repository.git("switch", "--quiet", "--create", "topic")
    repository.commit({"x": "1"})
    waits = plan("--tag", "churn@v3.0.0")["churn@v3.0.0"]
    assert (waits["answer"], "not reachable from a protected branch" in waits["reason"]) == ("waits", True)


def test_a_push_tells_of_the_tags_at_its_commit_and_of_no_others(
    plan: Plan, repository: GitRepository
) -> None:
    annotate(repository, "churn@v1.0.0", "HEAD~1", 1)
    annotate(repository, "churn@v2.0.0", "HEAD", 2)
    repository.git("tag", "v1")
    assert list(plan()) == ["churn@v2.0.0", "code"]
    assert list(plan("--working-tree")) == ["code"]
    assert list(plan("--tag", "v1")) == ["code"]


def test_the_default_branch_decides_a_stage_s_rule(plan: Plan, repository: GitRepository) -> None:
    annotate(repository, "churn@v1.0.0", "HEAD~1", 1)
    repository.commit({"valohai.yaml": CONFIG.replace("cluster: big", "cluster: bigger")})
    tag = plan("HEAD~2", "--tag", "churn#prod#1")["churn#prod#1"]
    assert "on cluster bigger" in facts(tag)["serves"]


def test_settings_know_the_clusters(plan: Plan, repository: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "luotsi.yaml").write_text("clusters: {local: {kind: local}}\n")
    annotate(repository, "churn@v1.0.0", "HEAD~1", 1)
    said = plan("HEAD~1", "--tag", "churn#prod#1", "--settings", str(tmp_path / "luotsi.yaml"))
    assert said["code"] == 1
    assert said["churn#prod#1"]["reason"] == "there is no cluster big. This installation has: local."


def test_words_and_graph(repository: GitRepository, capsys: pytest.CaptureFixture[str]) -> None:
    annotate(repository, "churn@v1.0.0", "HEAD~1", 1)
    annotate(repository, "churn#dev#2", "HEAD~1", 2)

    def said(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            cli.main(["plan", "HEAD~1", *arguments])
        assert caught.value.code in (0, None)
        return capsys.readouterr().out

    out = said("--event", "push")
    assert "▶ churn#dev#2   promotes v1.0.0 of churn to dev\n" in out
    assert "only the installation knows" in out
    assert said("--graph", "--event", "push").startswith(
        "churn@v1.0.0: model churn\n└─ train\n   └─ model.json ─▶ v1.0.0\n\n"
        "churn#dev#2: model churn\n└─ v1.0.0\n   └─ file ─▶ dev (deployment)\n"
    )
