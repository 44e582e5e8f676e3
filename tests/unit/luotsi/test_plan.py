"""`luotsi plan`: what a commit would start, what not and why, from a person's own repository and nothing else."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luotsi import cli
from luotsi.planning import graphs, words
from luotsi.planning.question import Options, ask
from tests.builders.git_repository import GitRepository
from tests.unit.controller.core.test_core_foresee import PIPELINE, STEPS, trigger

CONFIG = (
    STEPS
    + PIPELINE
    + trigger("train", "push: {branches: [main]}", "step: train", ", paths: ['*.py']")
    + trigger("all", "pull-request: {targets: [main]}", "pipeline: p")
    + trigger(
        "sweep",
        "tag: {names: ['v*']}",
        "task: sweep",
        ", expect: ['accuracy >= 0.9'], concurrency: {group: '{trigger}'}",
    )
    + trigger("talk", "comment: /train", "step: train")
    + trigger("nightly", "schedule: {cron: '0 3 * * *'}", "step: train")
)

Plan = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """The upstream has the first commit; here are two more, which change only a text."""
    upstream = GitRepository(tmp_path / "upstream")
    upstream.commit({"valohai.yaml": CONFIG, "train.py": "1", "README": "x"})
    made = GitRepository(tmp_path / "repository")
    made.git("pull", "--quiet", str(upstream.path), "main")
    made.git("remote", "add", "origin", str(upstream.path))
    made.git("fetch", "--quiet", "origin")
    made.commit({"README": "y"})
    made.commit({"NOTES": "z"})
    monkeypatch.chdir(made.path)
    return made


@pytest.fixture
def plan(repository: GitRepository, capsys: pytest.CaptureFixture[str]) -> Plan:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main(["plan", *arguments])
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return call


def answers(out: str) -> dict[str, str]:
    return {one["trigger"]: one["answer"] for one in json.loads(out)["triggers"]}


def test_a_push_is_compared_with_what_the_upstream_has(plan: Plan, repository: GitRepository) -> None:
    code, out, _ = plan()
    first = repository.head("origin/main")[:7]
    assert code == 0
    assert out.startswith(
        f"push of {repository.head()[:7]} to main, compared with {first}: 2 paths changed\n"
    )
    assert "– train    neutral: not affected: nothing under *.py changed\n" in out
    assert "· nightly  not declared for pushes to main\n" in out
    (repository.path / "train.py").write_text("2")
    assert answers(plan("--json")[1])["train"] == "skipped", "what is not committed is not pushed"
    code, out, _ = plan("--working-tree")
    assert "push of the working tree to main" in out
    assert "▶ train    starts step train\n" in out
    assert "       command      python train.py --lr=0.1 --seed=1\n" in out
    assert answers(plan("HEAD~2", "--base", "HEAD~2", "--json")[1])["train"] == "skipped"


def test_the_file_of_the_working_tree_counts_before_it_is_committed(
    plan: Plan, repository: GitRepository
) -> None:
    (repository.path / "valohai.yaml").write_text(CONFIG.replace("name: talk", "name: chat"))
    assert "talk" in answers(plan("--json")[1])
    assert "chat" in answers(plan("--json", "--working-tree")[1])
    assert plan("HEAD~1", "--working-tree")[0] == 2


def test_options_say_which_event_is_meant(plan: Plan, repository: GitRepository) -> None:
    repository.git("tag", "v1", "HEAD~1")
    first = repository.git("rev-parse", "--short=7", "HEAD~1")
    meant: list[tuple[list[str], str, str]] = [
        (["--tag", "v1"], "sweep", f"tag v1 at {first}"),
        (["v1", "--event", "tag"], "sweep", f"tag v1 at {first}"),
        (["--tag", "v9"], "sweep", "tag v9 at"),
        (["--comment", "/train fast"], "talk", "comment `/train fast`"),
        (["--event", "schedule"], "nightly", "schedule of main"),
        (["--event", "pull-request"], "all", "pull request of"),
        (["--target", "main"], "all", "to main"),
    ]
    for arguments, started, title in meant:
        code, out, err = plan(*arguments, "--json")
        assert code == 0, err
        assert [name for name, answer in answers(out).items() if answer == "fires"] == [started], arguments
        assert title in json.loads(out)["event"]
    assert answers(plan("--branch", "other", "--json")[1])["train"] == "silent"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "there is no commit called nowhere"),
        (("--event", "tag"), "which tag?"),
        (("--event", "comment"), "which comment?"),
        (("--target", "nowhere"), "there is no branch nowhere"),
        (("--base", "nowhere"), "there is no commit called nowhere"),
        (("--event", "party"), "party"),
    ],
)
def test_what_is_not_clear_is_asked(plan: Plan, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = plan(*arguments)
    assert (code, words in err) == (2, True), err


def test_a_pipeline_is_told_node_by_node(plan: Plan) -> None:
    code, out, _ = plan("--event", "pull-request")
    assert code == 0
    assert "▶ all      starts pipeline p: 4 nodes, 3 executions\n" in out
    assert re.search(r"^  1  a \(step train\)$", out, re.MULTILINE)
    assert re.search(r"^  2  b \(task train\) after a$", out, re.MULTILINE)
    assert "approval     waits until somebody approves it" in out
    assert "input        model ← a.output.*.pkl" in out
    assert "4  d (deployment dep) after a" in out


def test_a_task_is_told_with_its_first_children(plan: Plan) -> None:
    _, out, _ = plan("--tag", "v1")
    assert "starts task sweep: 4 executions" in out
    assert "       expect       accuracy >= 0.9\n       group        {trigger}, replaces queued\n" in out
    assert "grid_search: 4 executions" in out
    assert "lr 0.3\n                    … and 1 more\n" in out


def test_graphs(plan: Plan) -> None:
    assert plan("--event", "pull-request", "--graph")[1] == (
        "all: pipeline p\n"
        "└─ a\n"
        "   ├─ best → seed, lr ─▶ b (task of 1, approval)\n"
        "   │  └─▶ test  also after a\n"
        "   └─ model-[ab].bin → predict.model ─▶ d (deployment)\n"
    )
    mermaid = plan("--event", "pull-request", "--format", "mermaid")[1]
    assert mermaid.startswith(
        'flowchart LR\n  subgraph t0["all: p"]\n    t0n0["a"]\n    t0n1[["b (task of 1, approval)"]]\n'
    )
    assert '    t0n0 -->|"best → seed, lr"| t0n1\n' in mermaid
    assert "    t0n1 --> t0n2\n" in mermaid
    assert plan("--branch", "other", "--graph")[1] == "Nothing starts.\n"


def test_names_cannot_break_out_of_a_graph(repository: GitRepository) -> None:
    evil = 'a"]; x["<b>\\'
    text = f"""\
- step: {{name: s, image: i, command: c}}
- pipeline:
    name: {json.dumps(evil)}
    nodes: [{{name: {json.dumps(evil)}, type: execution, step: s}}]
    edges: []
"""
    text += trigger("t", "push: ", f"pipeline: {json.dumps(evil)}")
    repository.commit({"valohai.yaml": text})
    question = ask(repository.path, Options(), None)
    from controller.core.foresee import foresee

    found = foresee(question.config, question.event, question.world)
    assert [one.ok for one in found] == [True]
    for line in graphs.draw(found, "mermaid"):
        assert line.count('"') in (0, 2), line
        assert "<" not in line
    for line in graphs.draw(found, "dot"):
        assert re.sub(r'"(?:[^"\\]|\\.)*"', "", line).count('"') == 0, line
    assert any(evil in str(line) for line in words.in_words(question, found))


def test_json_is_the_same_every_time_and_whole(plan: Plan) -> None:
    said = [json.loads(plan("--event", "pull-request", "--json")[1]) for _ in range(2)]
    assert said[0] == said[1]
    [fired] = [one for one in said[0]["triggers"] if one["answer"] == "fires"]
    test: dict[str, Any] = next(work for work in fired["starts"] if work["name"] == "test")
    assert test["after"] == ["a", "b"]
    assert test["inputs"] == {"model": [{"edge": "a.output.*.pkl"}], "more": [{"edge": "a.input.data"}]}
    assert test["edges"][0] == {"source": "a.output.*.pkl", "target": "test.input.model"}


def test_a_broken_file_says_so_and_sound_triggers_are_planned(plan: Plan, repository: GitRepository) -> None:
    repository.commit({"valohai.yaml": CONFIG + "- step: {name: odd, image: x}\n"})
    code, out, _ = plan("--tag", "v1")
    assert code == 1
    assert "▲ valohai.yaml:" in out
    assert "`step` has no `command`" in out
    assert "starts task sweep" in out


def test_a_trigger_that_an_error_keeps_from_counting_does_not_start_and_says_why(
    plan: Plan, repository: GitRepository
) -> None:
    text = "- step: {name: odd, image: x, command: c, imag: y}\n"
    text += "- pipeline: {name: deep, nodes: [{name: a, type: execution, step: odd}], edges: []}\n"
    text += trigger("by-step", "push: ", "step: odd") + trigger("by-pipeline", "push: ", "pipeline: deep")
    text += trigger("gone", "tag: ", "task: nowhere") + trigger("0", "push: ", "step: odd").replace(
        "0", "'\\e[2J'"
    )
    repository.commit({"valohai.yaml": STEPS + text + trigger("fine", "push: ", "step: train")})
    begin = STEPS.count("\n")
    because = f"step `odd` cannot be used: unknown key `imag` (line {begin + 1})"
    code, out, _ = plan()
    assert code == 1
    assert f"▲ by-step      does not start: {because}\n" in out
    assert f"▲ by-pipeline  does not start: {because}\n" in out
    assert f"▲ gone         does not start: no task is called `nowhere` (line {begin + 5})\n" in out
    assert "\x1b[2J" not in out
    assert "▶ fine         starts step train\n" in out
    said = json.loads(plan("--json")[1])["triggers"]
    assert [one["trigger"] for one in said[:3]] == ["by-step", "by-pipeline", "gone"]
    assert said[1] | {"answer": "error", "line": begin + 4, "problem": because, "starts": []} == said[1]
    assert said[1]["target"] == {"kind": "pipeline", "name": "deep"}
    repository.commit(
        {"valohai.yaml": "- step: {name: odd, image: x}\n" + trigger("t", "push: ", "step: odd")}
    )
    assert "▲ t  does not start: step `odd` cannot be used" in plan()[1]
    assert plan("--graph")[1] == "Nothing starts.\n"


def test_what_the_checkout_has_not_got_is_said_before_the_run_stumbles(
    plan: Plan, repository: GitRepository
) -> None:
    nodes = ", ".join(
        f"{{name: n{at}, type: execution, step: s1, commit: {commit}}}"
        for at, commit in enumerate(["main", "HEAD~1", "nobranch"])
    )
    text = (
        "- step: {name: s1, image: i, command: c}\n"
        f"- pipeline: {{name: p, nodes: [{nodes}], edges: []}}\n"
        + trigger("t", "push: ", "pipeline: p")
        + trigger("r", "push: ", "step: s1", ', reads: "zzz/**"')
        + trigger("q", "push: ", "step: s1", ", reads: README")
    )
    repository.commit({"valohai.yaml": text})
    code, out, _ = plan()
    assert code == 1
    assert "there is no commit nobranch in this repository" in out
    assert "there is no commit HEAD~1 in this repository" in out, "a run knows no such words"
    assert "no commit main" not in out
    assert "`reads` names no file of it: zzz/**" in out
    assert answers(plan("--json")[1]) == {"t": "error", "r": "error", "q": "fires"}


def test_on_a_terminal_lines_end_between_words(repository: GitRepository) -> None:
    from controller.core.foresee import foresee

    broken = "".join(f"- step: {{name: s{number}, image: i}}\n" for number in range(9))
    repository.commit({"valohai.yaml": STEPS + broken + trigger("t", "push: ", "step: s1")})
    question = ask(repository.path, Options(), None)
    found = foresee(question.config, question.event, question.world)
    lines = "\n".join(map(str, words.in_words(question, found, width=50))).splitlines()
    assert max(map(len, lines)) <= 50
    assert "  … and 4 more" in lines
    place = next(number for number, line in enumerate(lines) if line.startswith("▲ t  does not start: "))
    assert lines[place + 1].startswith("     ")
    repository.commit({"valohai.yaml": STEPS})
    question = ask(repository.path, Options(), None)
    assert str(list(words.in_words(question, (), width=50))[-1]) == "    run: { step: train }"


NEEDY = "- step: {name: needy, image: i, command: c, inputs: [{name: data}]}\n"


@pytest.mark.parametrize(
    ("text", "target", "name"),
    [
        (STEPS + PIPELINE, "pipeline: p", "p"),
        (STEPS, "step: train", "train"),
        (
            NEEDY + "- step: {name: 'Größe: 2', image: i, command: c}\n",
            'step: "Gr\\u00f6\\u00dfe: 2"',
            "gr-e-2",
        ),
        (NEEDY, "step: needy", "needy"),
        ("- step: {name: config, image: i, command: c}\n", "step: config", "train"),
        ("- step: {name: 'yes', image: i, command: c}\n", 'step: "yes"', '"yes"'),
    ],
)
def test_without_a_trigger_it_prints_one_that_works(
    plan: Plan, repository: GitRepository, text: str, target: str, name: str
) -> None:
    repository.git("checkout", "--quiet", "-b", "master")
    repository.commit({"valohai.yaml": text})
    code, out, _ = plan()
    assert code == 0
    assert "This file has no trigger" in out
    _, _, example = out.partition("For example:\n\n")
    assert example == (
        f"- trigger:\n    name: {name}\n    when: {{ push: {{ branches: [master] }} }}\n    run: {{ {target} }}\n"
    )
    if text != NEEDY:
        repository.commit({"valohai.yaml": text + example})
        assert "▶" in plan()[1], "what was copied starts what it names"


def test_a_file_with_nothing_to_run_is_told_so(plan: Plan, repository: GitRepository) -> None:
    repository.commit({"valohai.yaml": "- endpoint: {name: serve, image: i, wsgi: app}\n"})
    code, out, _ = plan()
    assert code == 0
    assert "It has nothing for a trigger to run" in out
    assert "- trigger" not in out


def test_settings_show_what_the_installation_lacks(
    plan: Plan, tmp_path: Path, repository: GitRepository
) -> None:
    (tmp_path / "luotsi.yaml").write_text("environments: [{name: cpu}]\nvariable-groups: {hub: {}}\n")
    (repository.path / "train.py").write_text("2")
    code, out, _ = plan("--working-tree", "--settings", str(tmp_path / "luotsi.yaml"))
    assert code == 1
    assert "▲ train    starts step train, but train cannot be planned" in out
    assert "there is no environment gpu. This installation has: cpu." in out


@pytest.mark.parametrize(
    ("arguments", "gets"),
    [
        (("--branch", "main", "--base", "HEAD~2"), True),
        (("--event", "pull-request", "--base", "HEAD~2", "--branch", "feature"), False),
        (("--event", "pull-request", "--base", "HEAD~2", "--branch", "main"), True),
        (("--comment", "/train"), True),
        (("--comment", "/train", "--branch", "feature"), False),
        (("--event", "schedule"), True),
        (("--tag", "v1"), False),
        (("--tag", "v0"), True),
    ],
)
def test_settings_show_which_groups_a_run_would_not_get(
    plan: Plan, tmp_path: Path, repository: GitRepository, arguments: tuple[str, ...], gets: bool
) -> None:
    group = "variable-groups: {hub: {branches: [main]}}"
    (tmp_path / "luotsi.yaml").write_text(f"environments: [{{name: gpu}}]\n{group}\n")
    (repository.path / "train.py").write_text("2")
    repository.git("commit", "--quiet", "--all", "-m", "Change")
    repository.git("tag", "v1")
    repository.git("tag", "v0", "origin/main")
    said = json.loads(plan(*arguments, "--settings", str(tmp_path / "luotsi.yaml"), "--json")[1])
    [started] = [one for one in said["triggers"] if one["answer"] == "fires"]
    words = "the variable group hub is ignored: it is for the branch main only"
    assert (words not in json.dumps(started)) is gets


def test_a_project_in_a_folder_has_its_own_file(
    plan: Plan, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(
        {"models/eu/valohai.yaml": STEPS + trigger("eu", "push: ", "step: train"), "models/eu/src/x": ""}
    )
    monkeypatch.chdir(repository.path / "models" / "eu" / "src")
    said = json.loads(plan("--json")[1])
    assert (said["config"], [one["trigger"] for one in said["triggers"]]) == (
        "models/eu/valohai.yaml",
        ["eu"],
    )
    assert "train" in answers(plan("HEAD~1", "--json")[1]), "that commit has only the top's file"


def test_a_new_branch_is_compared_with_where_it_left_the_main_one(
    plan: Plan, repository: GitRepository
) -> None:
    repository.git("switch", "--quiet", "--create", "topic")
    repository.commit({"train.py": "2"})
    repository.commit({"README": "again"})
    said = json.loads(plan("--json")[1])
    assert said["event"].endswith("to topic")
    assert said["compared"] == f"compared with {repository.head('origin/main')[:7]}: 3 paths changed"
