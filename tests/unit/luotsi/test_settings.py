"""luotsi.yaml: every mistake at its line, with a hint; secrets from elsewhere; defaults for all."""

from pathlib import Path

import pytest

from luotsi import installation, settings
from schemas.errors import ConfigError


def problems(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    file = tmp_path / "luotsi.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        settings.load(file)
    return [(problem.line, problem.message, problem.hint) for problem in caught.value.problems]


def test_no_file_is_needed(tmp_path: Path) -> None:
    opened = installation.opened(tmp_path / "luotsi.yaml")
    assert opened.ledger == f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    assert [environment.name for environment in opened.environments()] == ["local"]
    assert opened.address == "http://127.0.0.1:8470"


def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    assert problems(tmp_path, "name: x\nrepositorys: []\n") == [
        (2, "there is no setting `repositorys` here", "Did you mean `repositories`?")
    ]


def test_every_mistake_is_told_at_its_line(tmp_path: Path) -> None:
    text = "lease: 1\nweb:\n  listen: nowhere\nrepositories:\n  - name: ok\n    address: /x\n  - nam: y\n    address: /y\n"
    found = problems(tmp_path, text)
    assert [line for line, _, _ in found] == [1, 3, 7, 7]


MISSING = [
    ("repositories:\n  - name: a\n", (2, "number 1 of `repositories` has no `address`", "Add `address: git@git.example.org:team/churn.git`")),
    ("repositories:\n  - name: a\n    address: /a\n  - address: /b\n", (4, "number 2 of `repositories` has no `name`", "Add `name: churn`")),
    ("environments:\n  - runtime: {kind: docker}\n", (2, "number 1 of `environments` has no `name`", "Add `name: local`")),
    ("environments:\n  - name: a\n    runtime: {image: x}\n", (3, "`runtime` has no `kind`", "Add `kind: auto`")),
    ("environments:\n  - name: a\n    agents: [{token: x}]\n", (3, "number 1 of `agents` has no `name`", "Add `name: agent-1`")),
    ("stores:\n  cold: {path: /x}\n", (2, "`cold` has no `kind`", "Add `kind: folder`")),
    ("stores:\n  cold: {kind: s3}\n", (2, "`cold` has no `bucket`", "Add `bucket: models`")),
    ("forges:\n  hub: {}\n", (2, "`hub` has no `kind`", "Add `kind: github`")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MISSING, ids=[case[1][1] for case in MISSING])
def test_a_missing_key_is_named_with_an_example(
    tmp_path: Path, text: str, said: tuple[int, str, str]
) -> None:
    found = problems(tmp_path, text)
    line, message, hint = said
    assert any((one[0], one[1]) == (line, message) and one[2].startswith(hint) for one in found), found


WRONG = [
    ("pull-requests:\n  cap: lots\n", (2, "`cap` must be a number, not text", "Machine hours after which")),
    ("pull-requests:\n  trust: me\n", (2, "`trust` must be one of branches, nobody", "")),
    ("lease: 1\n", (1, "`lease` must be at least 3", "")),
    ("web: {address: ftp}\n", (1, "`address` is not written as it has to be", "How people and agents reach it.")),
    ("environments: [{name: a, agents: [{name: b, token: short}]}]\n", (1, "`token` must have at least 16 characters", "")),
    ("forges:\n  A B: {kind: github, token: long-enough-it-is}\n", (2, "`A B` cannot be a name here", "Lower case letters")),
    ("stores:\n  A B: {kind: folder}\n", (2, "`A B` cannot be a name here", "It must match")),
    ("repositories: wine\n", (1, "`repositories` must be a list, not text", "")),
    ("- just\n", (1, "the file must be a mapping, not a list", "")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[case[1][1] for case in WRONG])
def test_a_wrong_value_is_told_by_what_is_wrong_and_never_shown(
    tmp_path: Path, text: str, said: tuple[int, str, str]
) -> None:
    """It may be a secret; what the setting is for is the hint, and no word about the mistake."""
    found = problems(tmp_path, text)
    line, message, hint = said
    assert any((one[0], one[1]) == (line, message) and one[2].startswith(hint) for one in found), found


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list\n", "\t", "{a: b: c}"])
def test_what_is_no_settings_file_is_told(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_secrets_come_from_the_environment_and_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret")
    (tmp_path / "token").write_text("a-very-long-token\nsecond line\n")
    file = tmp_path / "luotsi.yaml"
    file.write_text(
        "redis: redis://:${PASSWORD}@127.0.0.1:6379/0\n"
        "environments: [{name: local, agents: [{name: one, token: 'file:token'}]}]\n"
    )
    opened = installation.opened(file)
    assert opened.redis_url() == "redis://:s3cret@127.0.0.1:6379/0"
    assert opened.environments()[0].agents[0].token == "a-very-long-token"


def test_a_variable_that_is_not_set_is_told(tmp_path: Path) -> None:
    file = tmp_path / "luotsi.yaml"
    file.write_text("redis: ${NOT_SET_ANYWHERE}\n")
    with pytest.raises(ConfigError, match="NOT_SET_ANYWHERE"):
        settings.load(file)


def test_ids_and_tokens_are_minted_once(tmp_path: Path) -> None:
    first = installation.opened(tmp_path / "luotsi.yaml").environments()[0]
    again = installation.opened(tmp_path / "luotsi.yaml").environments()[0]
    assert first == again
    assert len(first.id) == 12
    assert ((tmp_path / "keys" / "environments.json").stat().st_mode & 0o777) == 0o600


def test_every_setting_has_a_place_in_the_schema_with_words() -> None:
    documented = dict(settings.documented())
    assert {"ledger", "web.listen", "repositories.address", "environments.runtime.kind"} <= set(documented)


def test_threat_10_one_repository_is_written_once_however_it_is_spelled(tmp_path: Path) -> None:
    lines = ["name: wine, address: https://git.example.org/team/wine", "name: beer, address: /srv/beer"]
    for other in ("git@GIT.example.org:team/wine.git", "ssh://git@git.example.org/Team/wine/"):
        lines.append(f"name: other{len(lines)}, address: '{other}'")
    lines.append("name: beer, address: /srv/ale")
    found = problems(tmp_path, "repositories:\n" + "".join(f"  - {{ {line} }}\n" for line in lines))
    assert [(line, message) for line, message, _ in found] == [
        (4, "the repository at this address is there already, as wine"),
        (5, "the repository at this address is there already, as other2"),
        (6, "there is a repository beer already"),
    ]
