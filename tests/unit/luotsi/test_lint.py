"""`luotsi lint`: every problem at once, at its place, for people, for scripts and for code hosts."""

import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from luotsi import cli
from luotsi.linting import report, sarif
from luotsi.linting.sources import Source
from schemas.checks.rules import RULES
from tests.builders.git_repository import GitRepository

ROOT = Path(__file__).parents[3]
GOOD = "- step:\n    name: train\n    image: python:3.12\n    command: python train.py\n"
BAD = GOOD.replace("command:", "comand:")
WARNED = GOOD + GOOD

Lint = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lint(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lint:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main(["lint", *arguments])
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return run


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_problem_is_shown_at_its_line_with_a_caret_and_a_hint(lint: Lint, tmp_path: Path) -> None:
    write(tmp_path / "valohai.yaml", BAD)
    code, out, _ = lint()
    assert code == 1
    assert (
        "valohai.yaml:4:5: error: unknown key `comand` [schema]\n"
        "    4 |     comand: python train.py\n"
        "      |     ^~~~~~\n"
        "  hint: Did you mean `command`?\n"
    ) in out
    assert "`step` has no `command`" in out, "all problems at once"
    assert out.endswith("\nvalohai.yaml: 2 errors\n")
    assert "\033" not in out, "no colour where there is no terminal"


def test_colours_follow_the_wish(lint: Lint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "valohai.yaml", BAD)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\033[1;31m" in lint()[1]
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in lint()[1]


def test_a_clean_file_says_what_it_holds(lint: Lint) -> None:
    code, out, _ = lint(str(ROOT / "examples" / "wine"))
    assert code == 0
    assert out.endswith("no problems (2 steps, 1 pipeline, 1 endpoint, 1 trigger, 1 model)\n")


def test_warnings_fail_only_when_strict(lint: Lint, tmp_path: Path) -> None:
    write(tmp_path / "valohai.yaml", WARNED)
    code, out, _ = lint()
    assert code == 0
    assert "warning: a second step is called `train`" in out
    assert lint("--strict")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "there is no valohai.yaml in this folder"),
        (("--all",), "there is no valohai.yaml in this folder"),
        (("away.yaml",), "away.yaml cannot be read: no such file or directory"),
        (("--json", "--sarif"), "choose one"),
        (("--fast",), "--fast"),
    ],
)
def test_nothing_to_check_is_wrong_usage(lint: Lint, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = lint(*arguments)
    assert code == 2
    assert words in err


def test_the_file_of_the_folder_or_the_nearest_above_in_the_repository(
    lint: Lint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "valohai.yaml", GOOD)
    deep = tmp_path / "repository" / "src" / "train"
    GitRepository(tmp_path / "repository").commit({"src/train/x.py": ""})
    monkeypatch.chdir(deep)
    assert lint()[0] == 2, "a file outside of the repository is not its config"
    write(tmp_path / "repository" / "src" / "valohai.yaml", BAD)
    code, out, _ = lint()
    assert code == 1
    assert out.startswith("../valohai.yaml:1:3: error")


def test_all_looks_below_but_not_into_what_is_not_ours(lint: Lint, tmp_path: Path) -> None:
    write(tmp_path / "a" / "valohai.yaml", GOOD)
    write(tmp_path / "b" / "c" / "valohai.yaml", BAD)
    write(tmp_path / ".venv" / "valohai.yaml", BAD)
    write(tmp_path / "node_modules" / "x" / "valohai.yaml", BAD)
    code, out, _ = lint("--all", "--json")
    assert code == 1
    assert [file["path"] for file in json.loads(out)["files"]] == ["a/valohai.yaml", "b/c/valohai.yaml"]


def test_a_pipe_is_read(lint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.TextIOWrapper(io.BytesIO(BAD.encode()))
    monkeypatch.setitem(vars(__import__("sys")), "stdin", pipe)
    code, out, _ = lint("-")
    assert code == 1
    assert "stdin:4:5: error" in out


def test_on_a_narrow_terminal_lines_end_between_words_and_the_caret_stays_below_its_word() -> None:
    text = "- trigger: {name: t, when: {push: }, run: {step: nowhere-to-be-found, environment: some-large-machine}}\n"
    checked = [report.check(Source("models/churn/europe/valohai.yaml", text.encode()))]
    place, continued, excerpt, caret, *_ = "\n".join(map(str, report.in_words(checked, 60))).splitlines()
    assert place == "models/churn/europe/valohai.yaml:1:50: error: no step is"
    assert continued == "    called `nowhere-to-be-found` [trigger]"
    assert len(excerpt) <= 60
    word = excerpt[caret.index("^") : caret.rindex("~") + 1]
    assert word == "nowhere-to-be-found"
    whole = "\n".join(map(str, report.in_words(checked)))
    assert "error: no step is called `nowhere-to-be-found` [trigger]\n" in whole
    assert text.strip() in whole


def test_the_sum_tells_what_is_shown_from_what_is_not(lint: Lint, tmp_path: Path) -> None:
    write(
        tmp_path / "valohai.yaml",
        "".join(f"- step: {{name: s{n}, image: i, comand: x}}\n" for n in range(150)),
    )
    _, out, _ = lint()
    assert out.splitlines()[-1] == "valohai.yaml: 200 errors, and 100 more problems"
    assert out.count("more problems") == 1


def test_a_file_that_is_too_large_is_not_said_to_have_another_size(lint: Lint, tmp_path: Path) -> None:
    write(tmp_path / "valohai.yaml", "# nothing\n" * 200_000)
    code, out, _ = lint()
    assert code == 1
    assert out.splitlines()[0].endswith(
        "error: the file has more than 1,048,576 bytes, and no more are read [yaml]"
    )


def test_json_says_the_same(lint: Lint, tmp_path: Path) -> None:
    write(tmp_path / "valohai.yaml", BAD)
    said = json.loads(lint("--json")[1])
    assert (said["ok"], said["errors"], said["warnings"]) == (False, 2, 0)
    [file] = said["files"]
    assert file["problems"][1] == {
        "path": "valohai.yaml",
        "line": 4,
        "column": 5,
        "message": "unknown key `comand`",
        "hint": "Did you mean `command`?",
        "severity": "error",
        "rule": "schema",
    }


NAMED = """\
- step: {name: a, image: x, command: y, environment: gpu-larg, upload-store: cold, environment-variable-groups: [wandb, hf]}
- pipeline:
    name: p
    nodes: [{name: n, type: execution, step: a, override: {environment: cpu}}]
    edges: []
- trigger: {name: t, when: {push: }, run: {step: a, environment: abcdef012345}}
- model:
    name: m
    from: {step: a, output: o}
    stages: {prod: {cluster: big}}
"""


def test_names_of_the_installation_are_checked_when_its_settings_are_given(
    lint: Lint, tmp_path: Path
) -> None:
    write(tmp_path / "valohai.yaml", NAMED)
    installation = write(
        tmp_path / "luotsi.yaml",
        "environments: [{name: gpu-large, id: abcdef012345}, {name: small}]\n"
        "variable-groups: {hf: {variables: {A: b}}}\nstores: {archive: {kind: folder}}\n",
    )
    assert "installation" not in lint("--json")[1]
    before = sorted(tmp_path.iterdir())
    code, out, _ = lint("--json", "--settings", str(installation))
    found = [p for p in json.loads(out)["files"][0]["problems"] if p["rule"] == "installation"]
    assert code == 1
    assert [(p["line"], p["column"], p["message"], p["hint"]) for p in found] == [
        (1, 54, "this installation has no environment called `gpu-larg`", "Did you mean `gpu-large`?"),
        (1, 78, "this installation has no store called `cold`", "It has: artifacts, archive."),
        (1, 114, "this installation has no variable group called `wandb`", "It has: hf."),
        (
            4,
            73,
            "this installation has no environment called `cpu`",
            "It has: gpu-large, abcdef012345, small.",
        ),
        (10, 30, "this installation has no cluster called `big`", "It has: local."),
    ]
    assert sorted(tmp_path.iterdir()) == before, "a look makes nothing"


def test_every_rule_is_described_and_every_problem_has_one() -> None:
    wrong = f"{BAD}\n{NAMED}\n- nothing: 1\n- trigger: {{name: u, when: {{comment: /x}}, run: {{step: zz}}}}"
    problems = report.check(Source("valohai.yaml", wrong.encode())).problems
    assert {problem.rule for problem in problems} >= {"schema", "item", "trigger"}
    for text in (b"", b"a: [", b"\xff", b"- step: 5", wrong.encode()):
        assert {p.rule for p in report.check(Source("x", text)).problems} <= set(RULES)


OBJECT = {"type": "object", "additionalProperties": False}
TEXT = {**OBJECT, "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LOCATION = {
    **OBJECT,
    "required": ["uri"],
    "properties": {"uri": {"type": "string", "format": "uri-reference"}, "uriBaseId": {"const": "%SRCROOT%"}},
}
REGION = {
    **OBJECT,
    "properties": {
        "startLine": {"type": "integer", "minimum": 1},
        "startColumn": {"type": "integer", "minimum": 1},
    },
}
PLACE = {
    **OBJECT,
    "properties": {
        "physicalLocation": {**OBJECT, "properties": {"artifactLocation": LOCATION, "region": REGION}}
    },
}
RESULT = {
    **OBJECT,
    "required": ["message"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {"type": "array", "items": PLACE},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
RULE = {
    **OBJECT,
    "required": ["id"],
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "shortDescription": TEXT},
}
DRIVER = {
    **OBJECT,
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "rules": {"type": "array", "uniqueItems": True, "items": RULE},
    },
}
RUN = {
    **OBJECT,
    "required": ["tool"],
    "properties": {
        "tool": {**OBJECT, "required": ["driver"], "properties": {"driver": DRIVER}},
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "artifacts": {"type": "array", "items": {**OBJECT, "properties": {"location": LOCATION}}},
        "results": {"type": "array", "items": RESULT},
    },
}
SARIF = {
    **OBJECT,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": RUN},
    },
}
"""The part of the standard that we use, written after its sections 3.13 to 3.52."""


def test_sarif_has_the_standards_shape_and_stable_rules(lint: Lint, tmp_path: Path) -> None:
    write(tmp_path / "with space" / "valohai.yaml", BAD)
    code, out, _ = lint("--sarif", "with space", str(write(tmp_path / "b.yaml", WARNED)))
    assert code == 1
    said = json.loads(out)
    Draft202012Validator(SARIF).validate(said)
    [run] = said["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[r["ruleIndex"]]["id"] for r in run["results"]] == [r["ruleId"] for r in run["results"]]
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [
        ("valohai-yaml/schema", "error"),
        ("valohai-yaml/schema", "error"),
        ("valohai-yaml/item", "warning"),
    ]
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "with%20space/valohai.yaml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 4, "startColumn": 5}
    assert run["artifacts"][1]["location"]["uri"].startswith("file:///")


def test_a_fingerprint_outlives_lines_that_come_before() -> None:
    def mark(text: str) -> Any:
        [run] = sarif.log([report.check(Source("valohai.yaml", text.encode()))])["runs"]
        return [result["partialFingerprints"] for result in run["results"]]

    assert mark(BAD) == mark(f"# a comment\n\n{BAD}") != mark(BAD.replace("comand", "kommand"))


@settings(deadline=None)
@given(st.text(max_size=300), st.sampled_from(["", GOOD, "- step:\n    name: "]))
def test_any_text_gets_a_report_in_every_form(text: str, before: str) -> None:
    checked = [report.check(Source("valohai.yaml", (before + text).encode("utf-8", "replace")))]
    lines = [str(line) for line in report.in_words(checked)]
    assert lines[-1].startswith("valohai.yaml: ")
    assert not any(re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line) for line in lines), (
        "no control reaches the terminal"
    )
    Draft202012Validator(SARIF).validate(sarif.log(checked))
    json.dumps(report.as_json(checked))


@pytest.mark.parametrize(
    ("line", "column", "marked"),
    [
        ('    name: "two words"', 11, '"two words"'),
        ("    comand: x", 5, "comand"),
        ("    edges: [[a.b.c, d.e.f]]", 13, "[a.b.c, d.e.f]"),
        ("    nimi: 日本語 x", 11, "日本語"),
        ("  " + "x" * 500 + " here", 504, "here"),
    ],
)
def test_the_caret_stands_under_the_word(line: str, column: int, marked: str) -> None:
    from rich.cells import cell_len

    from schemas.values import Problem

    shown, caret = (str(text) for text in report._excerpt(Problem("f", 1, column, "m"), line))
    at = caret.index("^")
    width = len(caret.strip().removeprefix("|").strip())
    before = next(n for n in range(len(shown) + 1) if cell_len(shown[:n]) == at)
    after = next(n for n in range(len(shown) + 1) if cell_len(shown[:n]) == at + width)
    assert shown[before:after] == marked


def test_pre_commit_runs_the_hook_on_the_file(lint: Lint, tmp_path: Path) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (hook["id"], hook["language"]) == ("luotsi-lint", "python")
    program, verb, *options = shlex.split(hook["entry"])
    assert (program, verb) == ("luotsi", "lint")
    names = ["valohai.yaml", "models/eu/valohai.yaml", "valohai.yaml.md", "my-valohai.yaml", "luotsi.yaml"]
    chosen = [name for name in names if re.search(hook["files"], name)]
    assert chosen == names[:2]
    for name in chosen:
        write(tmp_path / name, GOOD)
    assert lint(*options, *hook.get("args", []), *chosen)[0] == 0
    write(tmp_path / chosen[1], BAD)
    assert lint(*options, *hook.get("args", []), *chosen)[0] == 1
