"""luotsi.yaml is changed as a careful person would: one entry, and every other character as it was."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from luotsi.repos import editing
from schemas.errors import ConfigError, Stalled

ENTRY = {"name": "beer", "address": "https://git.example.org/team/beer"}

BLOCK = """\
# Ours.
name: Wine group   # for people

repositories:
  # the cellar
  - name: wine
    address: "/srv/git/wine.git"   # local
    roots: ["", eu]
    # below the entry

# who runs
environments:
  - { name: local, agents: [{ name: one }] }
"""

FILES = {
    "empty": "",
    "comments": "# nothing yet\n",
    "no end of line": "name: x",
    "other keys": "name: x\n",
    "block": BLOCK,
    "dedented": "repositories:\n- name: wine\n  address: /w\nname: x\n",
    "last": "name: x\nrepositories:\n    -   name: wine\n        address: /w",
    "flow entry": "repositories:\n  - { name: wine, address: /w } # here\nname: x\n",
    "flow": "repositories: [{name: wine, address: /w}] # all\nname: x\n",
    "flow lines": "repositories: [\n  {name: wine, address: /w}, # one\n]\nname: x\n",
    "empty list": "repositories: [] # none\nname: x\n",
    "nothing": "repositories: # none\nname: x\n",
    "dash alone": "repositories:\n  -\n    name: wine\n    address: /w\nname: x\n",
    "folded": "repositories:\n  - name: wine\n    address: >-\n      /srv/git/\nname: x\n",
    "windows": "name: x\r\nrepositories:\r\n  - name: wine\r\n    address: /w\r\nlease: 5\r\n",
    "anchors": "repositories:\n  - &a\n    name: wine\n    address: /w\nname: x\n",
}
WITH_WINE = {
    name: text for name, text in FILES.items() if "wine\n" in text.replace("\r", "").replace(",", "\n")
}


def values(text: str) -> dict[str, Any]:
    return yaml.safe_load(text) or {}


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("name", FILES)
def test_an_entry_is_added_and_nothing_else_is_touched(name: str) -> None:
    text = FILES[name]
    after = editing.add(text, ENTRY)
    assert values(after)["repositories"] == [*(values(text).get("repositories") or []), ENTRY]
    assert {k: v for k, v in values(after).items() if k != "repositories"} == {
        k: v for k, v in values(text).items() if k != "repositories"
    }
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments
    kept = [line for line in lines_of(text) if "repositories: [" not in line and not line.startswith("  {")]
    assert all(line in lines_of(after) for line in kept)
    assert ("\r\n" in after) == ("\r\n" in text)
    assert not ("\r\n" in text and "\n" in after.replace("\r\n", ""))


def test_the_entry_stands_where_a_person_would_put_it() -> None:
    added = "  - name: beer\n    address: https://git.example.org/team/beer\n"
    at = BLOCK.index("    # below")
    assert editing.add(BLOCK, ENTRY) == BLOCK[:at] + added + BLOCK[at:]


@pytest.mark.parametrize("name", WITH_WINE)
def test_what_was_added_can_be_removed_again(name: str) -> None:
    text = FILES[name]
    both = editing.add(text, ENTRY)
    assert values(editing.remove(both, "beer")) == values(text)
    assert values(editing.remove(both, "wine"))["repositories"] == [ENTRY]
    none = editing.remove(editing.remove(both, "wine"), "beer")
    assert values(none) == {**values(text), "repositories": []}
    assert values(editing.add(none, ENTRY))["repositories"] == [ENTRY]


@pytest.mark.parametrize("name", WITH_WINE)
def test_a_name_is_changed_in_its_place(name: str) -> None:
    text = FILES[name]
    after = editing.rename(text, "wine", "cellar")
    assert after == text.replace("name: wine", "name: cellar")


def test_a_forge_is_added() -> None:
    given = {"kind": "github", "token": "file:secrets/github"}
    for text in ("", "forges: {}\n", "forges:\n", "forges: {ghe: {kind: github, token: t}}\n", BLOCK):
        after = editing.add_forge(text, "github", given)
        assert values(after)["forges"]["github"] == given
        assert values(after) == {**values(text), "forges": values(after)["forges"]}
    text = "forges:\n  # the big one\n  ghe:\n    kind: github\n    token: t\nname: x\n"
    assert editing.add_forge(text, "github", given) == text.replace(
        "name: x\n", "  github: { kind: github, token: file:secrets/github }\nname: x\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{name: x}\n",
        "base: &b [{name: wine, address: /w}]\nrepositories: *b\n",
        "name: x\n---\nname: y\n",
        "name: x\n...\n",
    ],
)
def test_what_is_written_otherwise_is_left_to_its_writer(text: str) -> None:
    with pytest.raises((ConfigError, yaml.YAMLError)) as refused:
        editing.add(text, ENTRY)
    assert not isinstance(refused.value, ConfigError) or refused.value.hint


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True)
ADDRESSES = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_categories=["C"]), min_size=1
)


@given(st.sampled_from(sorted(FILES)), NAMES, ADDRESSES)
def test_whatever_the_name_and_the_address_the_file_means_them(name: str, called: str, address: str) -> None:
    entry = {"name": called, "address": address}
    after = editing.add(FILES[name], entry)
    assert values(after)["repositories"][-1] == entry


def test_the_file_is_replaced_whole_and_only_if_it_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "luotsi.yaml"
    file.write_text(BLOCK)
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    found = editing.change(link, lambda text: editing.add(text, ENTRY), lambda settings: settings)
    assert found.file == link
    assert [each["name"] for each in found.get("repositories")] == ["wine", "beer"]
    assert link.is_symlink()
    assert editing.add(BLOCK, ENTRY) == file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    before = file.read_text()
    with pytest.raises(ConfigError, match="would not be valid"):
        editing.change(file, lambda text: text + "nonsense: 1\n", lambda _: None)

    def disagree(_: object) -> None:
        raise Stalled("not there")

    with pytest.raises(Stalled):
        editing.change(file, lambda text: editing.remove(text, "beer"), disagree)
    assert file.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "luotsi.yaml"]


def test_a_file_that_is_missing_is_made(tmp_path: Path) -> None:
    editing.change(tmp_path / "luotsi.yaml", lambda text: editing.add(text, ENTRY), lambda _: None)
    assert values((tmp_path / "luotsi.yaml").read_text()) == {"repositories": [ENTRY]}
