"""The documentation names everything that there is, and nothing that there is not."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask

import agent.runtimes
import agent.sources
import forges
import stores
from controller.inference import clusters
from forges.github import credentials, hooks
from ledger.database import open_ledger
from ledger.tables import metadata
from luotsi import settings
from luotsi.cli import VERBS
from schemas import published
from schemas.parse_config import parse_config
from schemas.values import Secret
from webhooks.app import WebParts, blueprint

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
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
PICTURES = ROOT / "docs" / "pictures"
LONGEST = 250
"""Lines of one page."""

VARIABLE = re.compile(r"\bLUOTSI_[A-Z]+(?:_[A-Z]+)*\b")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
CODE_PATH = re.compile(rf"`((?:{'|'.join((*ROOMS, 'tests', 'docs', 'examples'))})/[\w./-]*(?:/|\.\w+))`")


def doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def everything() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one of its depth."""
    found = re.search(rf"^(#+) {re.escape(title)}$\n(.*?)(?=^#{{1,2}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title}"
    return found[2]


def first_cells(text: str) -> list[str]:
    """The names in backticks in the first column of every table."""
    return [
        name
        for line in text.splitlines()
        if line.startswith("|")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    ]


def missing(names: Iterator[str] | list[str] | set[str], text: str) -> list[str]:
    return [name for name in names if f"`{name}`" not in text]


def schema_names(part: Mapping[str, Any], whole: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """Every setting, through references and names that the user chooses."""
    if "$ref" in part:
        part = whole["$defs"][part["$ref"].rsplit("/", 1)[-1]]
    children = dict(part.get("properties", {}))
    if isinstance(part.get("additionalProperties"), dict):
        children["<name>"] = part["additionalProperties"]
    for key, child in children.items():
        name = f"{at}.{key}" if at else key
        if key != "<name>":
            yield name
        yield from schema_names(child, whole, name)
    if "items" in part:
        yield from schema_names(part["items"], whole, at)


def test_every_setting_is_documented_and_no_other() -> None:
    known = list(schema_names(settings.schema(), settings.schema()))
    told = first_cells(section(doc("settings.md"), "Every setting"))
    assert {name for name, _ in settings.documented()} <= set(known)
    assert sorted(told) == sorted(known)


def verbs(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for inner, child in command.commands.items():
            yield from verbs(child, f"{name} {inner}")
    else:
        yield name, command


def test_every_verb_and_its_options_are_documented() -> None:
    text = section(readme(), "The command")
    for verb in VERBS:
        for name, command in verbs(import_module(f"luotsi.verbs.{verb}").command, f"luotsi {verb}"):
            assert f"`{name}`" in text, name
            options = [
                option
                for param in command.params
                for option in param.opts
                if param.param_type_name == "option"
            ]
            assert not [option for option in options if option not in text], name
    told = set(re.findall(r"`luotsi ([a-z]+)", everything()))
    assert told <= set(VERBS)


def test_every_table_is_documented_and_no_other() -> None:
    told = first_cells(section(doc("architecture.md"), "Tables"))
    assert sorted(told) == sorted(metadata.tables)


def test_every_message_is_documented_with_its_schema() -> None:
    text = doc("messages.md")
    names = [message.__name__ for message in published.messages()]
    assert not [
        name for name in names if f"[{name}](../schemas/json/messages/{name}.schema.json)" not in text
    ]


def test_every_call_is_documented(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    app = Flask("docs", static_folder=None)
    app.register_blueprint(
        blueprint(
            WebParts(ledger, {}, lambda _: None, lambda: None, lambda _: {}, Secret("none"), clock=ledger.now)
        )
    )
    ledger.close()
    rules = {re.sub(r"<path:", "<", rule.rule): rule.methods or set() for rule in app.url_map.iter_rules()}
    rules.pop("/agent/<rest>")
    told = re.findall(
        r"`(GET|POST|PUT) (/(?:agent|hooks|forges|objects)/[^`]+|/metrics)`", doc("messages.md")
    )
    assert {path for _, path in told} == set(rules)
    assert not [(method, path) for method, path in told if path in rules and _forbids(app, method, path)]


def _forbids(app: Flask, method: str, path: str) -> bool:
    rules = [rule for rule in app.url_map.iter_rules() if re.sub(r"<path:", "<", rule.rule) == path]
    return not any(method in (rule.methods or ()) for rule in rules)


@pytest.mark.parametrize(
    ("title", "kinds"),
    [
        ("Forges", forges.KINDS),
        ("Stores", stores.KINDS),
        ("Sources", agent.sources.KINDS),
        ("Runtimes", agent.runtimes.KINDS),
        ("Clusters", list(clusters.KINDS)),
    ],
)
def test_every_driver_says_what_it_was_tried_against(title: str, kinds: list[str]) -> None:
    rows = [line for line in section(doc("drivers.md"), title).splitlines() if line.startswith("| `")]
    by_kind = {line.split("`")[1]: line for line in rows}
    assert not [kind for kind in kinds if kind not in by_kind]
    assert not [
        kind for kind in kinds if not re.search(r"\b(real|emulator|stand-in|untested)\b", by_kind[kind])
    ]


def test_the_schema_of_the_settings_knows_every_driver() -> None:
    parts = settings.schema()
    runtime = parts["properties"]["environments"]["items"]["properties"]["runtime"]["properties"]["kind"][
        "enum"
    ]
    cluster = parts["properties"]["clusters"]["additionalProperties"]["properties"]["kind"]["enum"]
    assert set(runtime) == {"auto", *agent.runtimes.KINDS}
    assert set(cluster) == set(clusters.KINDS)
    assert set(parts["$defs"]["store"]["properties"]["kind"]["enum"]) == set(stores.KINDS)


def test_every_variable_is_documented_and_no_other() -> None:
    code = [path for room in (*ROOMS, "tests/parts") for path in (ROOT / room).rglob("*.py")]
    read = {name for path in code for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert read
    assert not missing(read, section(doc("settings.md"), "Environment variables"))
    assert set(VARIABLE.findall(everything())) <= read


def slugs(text: str) -> set[str]:
    """Anchors as forges make them of headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in (a or b for a, b in LINK.findall(page.read_text(encoding="utf-8"))):
        assert not target.startswith(("http://", "https://")), "a page here names no address of the net"
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if PICTURES in file.parents and not PICTURES.exists():
            continue  # `make screenshots` has not been run in this clone yet
        assert file.exists(), target
        assert not anchor or anchor in slugs(file.read_text(encoding="utf-8")), target


def test_pictures_are_those_of_the_readme() -> None:
    named = {
        target for pair in LINK.findall(readme()) for target in pair if target.startswith("docs/pictures/")
    }
    assert named == {
        "docs/pictures/run-light.png",
        "docs/pictures/run-dark.png",
        "docs/pictures/check-success-light.png",
        "docs/pictures/check-success-dark.png",
        "docs/pictures/demo-terminal.svg",
    }


def test_named_targets_and_files_exist() -> None:
    targets = set(re.findall(r"^([a-z.-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = set(re.findall(r"`make ([a-z-]+)", everything())) | set(
        re.findall(r"^make ([a-z-]+)", readme(), re.MULTILINE)
    )
    assert {"demo", "test"} <= told <= targets
    assert not [path for path in CODE_PATH.findall(everything()) if not (ROOT / path).exists()]


def test_tests_that_are_named_as_proof_exist() -> None:
    where: Path | None = None
    for path, name in re.findall(r"`(tests/[\w/]+\.py)`|`(test_\w+)`", everything()):
        if path:
            where = ROOT / path
            continue
        assert where is not None, name
        assert re.search(rf"def {name}\b", where.read_text(encoding="utf-8")), (
            f"{name} is not in {where.name}"
        )


THREAT = re.compile(r"\btest_threat_(\d+)_\w+")
THREAT_TEST = re.compile(r"\bdef test_threat_\d+_\w+")
THREATS = 36


def test_every_test_of_a_threat_stands_in_its_row_and_every_row_says_its_state() -> None:
    text = section(doc("security.md"), "Past defects of others, and what proves that this is not one of them")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in re.findall(r"^\| \d+ \|.*$", text, re.MULTILINE)
    ]
    assert [int(number) for number, *_ in rows] == list(range(1, THREATS + 1))
    written = [
        found[0]
        for path in (ROOT / "tests").rglob("*.py")
        for found in THREAT_TEST.finditer(path.read_text())
    ]
    told = [(int(number), found) for number, _, _, tests in rows for found in THREAT.finditer(tests)]
    assert sorted(found[0] for _, found in told) == sorted(name.split()[1] for name in written)
    assert not [found[0] for number, found in told if int(found[1]) != number]
    for number, _, state, tests in rows:
        assert re.fullmatch(r"tested|in part|parts? \d+( and \d+)?", state), number
        assert state.startswith("part") or "`test_" in tests, number


def blocks(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_settings_that_are_shown_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_TOKEN", "DB_PASSWORD", "REDIS_PASSWORD"):
        monkeypatch.setenv(name, "made-up")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "cpu-1").write_text("sixteen characters\n")
    shown = [block for block in blocks(readme() + doc("settings.md")) if not block.startswith("- ")]
    assert len(shown) == 3
    for block in shown:
        (tmp_path / "luotsi.yaml").write_text(block)
        assert settings.load(tmp_path / "luotsi.yaml").get("repositories")


def test_the_valohai_yaml_that_is_shown_is_valid() -> None:
    [block] = [block for block in blocks(readme()) if block.startswith("- ")]
    config = parse_config(block.encode())
    assert config.problems == ()
    assert [trigger.name for trigger in config.triggers] == ["train"]
    assert [model.name for model in config.models] == ["churn"]


SHOWN = [block for block in blocks(readme() + doc("valohai-yaml.md")) if block.startswith("- ")]


def test_pages_show_config() -> None:
    assert len(SHOWN) > 1, "the test below must have something to lint"


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: str(SHOWN.index(block)))
def test_config_that_is_shown_has_no_errors(block: str) -> None:
    """People copy it whole: it has neither errors nor warnings."""
    assert parse_config(block.encode()).problems == ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_can_be_read_in_one_sitting(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert text.startswith("# ")
    assert "!" not in re.sub(r"`[^`]*`|```.*?```|!\[|<!--", "", text, flags=re.DOTALL), "said calmly"


def test_the_settings_for_github_are_valid_and_name_every_right(tmp_path: Path) -> None:
    text = doc("github.md")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "github-hook").write_text("secret\n")
    shown = re.findall(r"^ *```yaml\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    for block in shown:
        (tmp_path / "luotsi.yaml").write_text(textwrap.dedent(block))
        assert settings.load(tmp_path / "luotsi.yaml").get("forges")
    app, token = section(text, "As an App, in ten lines"), section(text, "With a token, in five lines")
    assert re.findall(r"^(\d+)\.", app, re.MULTILINE) == [str(number) for number in range(1, 11)]
    assert re.findall(r"^(\d+)\.", token, re.MULTILINE) == [str(number) for number in range(1, 6)]
    names = {"statuses": "Commit statuses"}
    rights = {
        names.get(name, name.replace("_", " ").capitalize()): level
        for name, level in credentials.NEEDED.items()
    }
    writes, _, reads = app.partition("To read:")
    assert not [
        name for name, level in rights.items() if f"*{name}*" not in (writes if level == "write" else reads)
    ]
    told = {event.replace("_", " ").capitalize() for event in hooks.EVENTS if not event.startswith("check_")}
    assert not [event for event in told if f"*{event}*" not in app]
