"""The rules of the house that no tool checks: words on every file, sizes that read in one go, one way of testing."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "luotsi",
    "controller",
    "agent",
    "webhooks",
    "dashboard",
    "forges",
    "stores",
    "queues",
    "ledger",
    "schemas",
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
LONGEST_DOCSTRING = 20
POLLING = "tests/parts/process.py"
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
ADDRESS = re.compile(r"(--index-url|--extra-index-url|--find-links|https?://|^-[if] )", re.MULTILINE)
PATCH = re.compile(r"\bmock\.patch|from unittest import mock|monkeypatch\.setattr")


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_migration(path: Path) -> bool:
    """A migration is written once and never edited: it is as long as the change is."""
    return path.parent.name == "versions"


def sleeps(code: str) -> bool:
    """Whether the code itself sleeps; what it gives to a container or a child as text may."""
    calls = [node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return any(ast.unparse(call).split(".")[-1] == "sleep" for call in calls)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_every_file_says_what_it_is() -> None:
    said = {
        name(path): ast.get_docstring(ast.parse(path.read_text())) or "" for path in sources(*ROOMS, "tests")
    }
    assert not [file for file, words in said.items() if not words]
    assert not [file for file, words in said.items() if len(words.splitlines()) > LONGEST_DOCSTRING]


def test_no_file_or_function_makes_one_scroll() -> None:
    code = [path for path in sources(*ROOMS, "tests") if not is_migration(path)]
    files = {name(path): len(path.read_text().splitlines()) for path in code}
    spans = {
        f"{name(path)}:{f.name}": (f.end_lineno or 0) - f.lineno + 1 for path in code for f in functions(path)
    }
    assert not {file: lines for file, lines in files.items() if lines > LONGEST_FILE}
    assert not {function: lines for function, lines in spans.items() if lines > LONGEST_FUNCTION}


def test_modules_are_named_after_what_they_hold() -> None:
    assert not [name(path) for path in sources(*ROOMS) if path.stem in VAGUE]


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in sources(*ROOMS) if not is_migration(path)}
    assert not [name(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_tests_wait_for_a_fact_and_patch_nothing() -> None:
    code = {name(path): path.read_text() for path in sources("tests") if path != Path(__file__)}
    sleeping = [file for file, text in code.items() if sleeps(text) and file != POLLING]
    assert not sleeping, "poll with tests.parts.process.until"
    assert not [file for file, text in code.items() if PATCH.search(text)], "give the code a port instead"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_are_pinned_by_hash_and_name_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not ADDRESS.search(text)
    pins = re.findall(r"^[a-z0-9].*==", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[a-z0-9].*\\\n    --hash=sha256:", text, re.MULTILINE)) > 0


def test_the_tests_run_with_the_versions_that_users_get() -> None:
    tested = pins("requirements-dev.lock")
    assert pins("requirements.lock").items() <= tested.items()


def test_every_direct_requirement_is_locked() -> None:
    for wanted, lock in (
        ("requirements.in", "requirements.lock"),
        ("requirements-dev.in", "requirements-dev.lock"),
    ):
        lines = (ROOT / wanted).read_text().splitlines()
        names = {
            re.split(r"[\[<>=~ ;]", line)[0].lower().replace("_", "-") for line in lines if line[:1].isalpha()
        }
        assert names <= set(pins(lock)), wanted


def test_every_ignored_rule_says_why() -> None:
    inside = False
    for line in (
        (ROOT / "pyproject.toml")
        .read_text()
        .split("[tool.ruff.lint]")[1]
        .split("[tool.mypy]")[0]
        .splitlines()
    ):
        inside = line.startswith(("ignore = [", '"tests/**"', '"examples/**"')) or (inside and line != "]")
        if inside and line.startswith('  "'):
            assert "# " in line, line


def test_the_project_file_reads_its_dependencies_from_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.in"]}
    assert {word.rstrip("*") for word in project["tool"]["setuptools"]["packages"]["find"]["include"]} == set(
        ROOMS
    )


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text()
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s\\;]+)", text, re.MULTILINE))
