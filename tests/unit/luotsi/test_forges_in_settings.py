"""Forges and pull requests in luotsi.yaml: what a repository's address says, what is told as a mistake, what the parts get."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import forges
from controller.ports import PullPolicy, Watched
from luotsi import installation, places, settings, wiring
from luotsi.installation import Installation
from luotsi.repos import hooking
from schemas.errors import ConfigError, Stalled
from schemas.values import Secret

CLOUD = {"github": {"kind": "github", "token": "t"}}
INSIDE = {"inside": {"kind": "github", "url": "https://ghe.example.org", "token": "t"}}


def opened(tmp_path: Path, **values: Any) -> Installation:
    file = tmp_path / "luotsi.yaml"
    file.write_text(yaml.safe_dump(values))
    return installation.opened(file)


def watched(tmp_path: Path, address: str, forges: Any = CLOUD, **entry: Any) -> Watched:
    given = opened(tmp_path, forges=forges, repositories=[{"name": "one", "address": address, **entry}])
    [found] = given.repositories()
    return found


def mistakes(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    file = tmp_path / "luotsi.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        settings.load(file)
    assert all(problem.hint for problem in caught.value.problems)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_the_schema_knows_every_forge_with_an_api() -> None:
    part = settings.schema()["properties"]["forges"]["additionalProperties"]
    speaking = [kind for kind in forges.KINDS if hasattr(forges._driver(kind), "speak")]
    assert sorted(part["properties"]["kind"]["enum"]) == speaking


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/team/churn.git",
        "https://github.com/team/churn",
        "https://github.com/team/churn/",
        "https://GitHub.com:443/team/churn.git",
        "https://bot:secret@www.github.com/team/churn.git",
        "git@github.com:team/churn.git",
        "github.com:team/churn",
        "ssh://git@github.com/team/churn.git",
        "ssh://git@ssh.github.com:443/team/churn.git",
    ],
)
def test_an_address_says_its_forge_and_its_name_there(tmp_path: Path, address: str) -> None:
    found = watched(tmp_path, address, {**INSIDE, **CLOUD})
    assert (found.forge, found.slug, found.address) == ("github", "team/churn", address)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com.example.org/team/churn.git",
        "https://example.org/github.com/churn.git",
        "https://github.com@example.org/team/churn.git",
        "https://notgithub.com/team/churn.git",
        "https://github.com:8443/team/churn.git",
        "git@example.org:github.com/churn.git",
        "file:///srv/github.com/churn.git",
        "/srv/git/churn.git",
        "repositories/github.com:team/churn",
        "https://[oops/team/churn.git",
    ],
)
def test_another_host_is_plain_git(tmp_path: Path, address: str) -> None:
    found = watched(tmp_path, address)
    assert (found.forge, found.slug) == ("bare", "")


@pytest.mark.parametrize(
    ("forge", "address"),
    [
        ({"url": "https://ghe.example.org"}, "https://ghe.example.org/team/churn.git"),
        ({"url": "https://ghe.example.org/"}, "git@ghe.example.org:team/churn.git"),
        ({"url": "https://ghe.example.org:8443"}, "https://ghe.example.org:8443/team/churn.git"),
        ({"url": "https://ghe.example.org:8443"}, "ssh://git@ghe.example.org:2222/team/churn.git"),
        ({"api": "https://ghe.example.org/api/v3"}, "https://ghe.example.org/team/churn.git"),
        ({"api": "https://api.team.ghe.com"}, "https://team.ghe.com/team/churn.git"),
        ({"api": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080/team/churn.git"),
    ],
)
def test_a_server_of_ones_own_is_known_by_its_host(
    tmp_path: Path, forge: dict[str, str], address: str
) -> None:
    found = watched(tmp_path, address, {"inside": {"kind": "github", "token": "t", **forge}})
    assert (found.forge, found.slug) == ("inside", "team/churn")


def test_forge_and_slug_may_be_said(tmp_path: Path) -> None:
    found = watched(tmp_path, "https://mirror.example.org/churn.git", forge="github", slug="team/churn")
    assert (found.forge, found.slug) == ("github", "team/churn")
    found = watched(tmp_path, "https://github.com/team/churn.git", forge="bare")
    assert (found.forge, found.slug) == ("bare", "")


def test_a_repositorys_own_trust_goes_before_that_of_all(tmp_path: Path) -> None:
    given = opened(
        tmp_path,
        forges=CLOUD,
        environments=[{"name": "cpu"}, {"name": "fenced", "price": 2}],
        **{
            "variable-groups": {
                "public": {"events": ["pull-request", "push"]},
                "prod": {"branches": ["main", "release/*"]},
            },
            "pull-requests": {"environment": "fenced", "grants": ["public"]},
        },
        repositories=[
            {"name": "one", "address": "https://github.com/team/one"},
            {
                "name": "two",
                "address": "https://github.com/team/two",
                "pull-requests": {"trust": "nobody", "cap": 1},
            },
        ],
        currency="EUR ",
        maintenance="the disks are changed",
    )
    made = wiring.controller_settings(given)
    assert [each.pulls for each in made.repositories] == [
        PullPolicy("branches", "fenced", ("public",), 4.0),
        PullPolicy("nobody", "fenced", ("public",), 1.0),
    ]
    assert [each.price for each in made.environments] == [None, 2.0]
    groups = made.variable_groups
    assert (groups["public"].branches, groups["public"].events) == ((), ("pull-request", "push"))
    assert (groups["prod"].branches, groups["prod"].events) == (("main", "release/*"), ())
    assert (made.currency, made.maintenance) == ("EUR ", "the disks are changed")


FORGE = "forges: {github: {kind: github, token: t}}\n"
ONE = "repositories:\n- name: one\n  address: "


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("forges:\n  x:\n    kind: github\n", 2, "the forge has neither `app` nor `token`"),
        ("forges:\n  x:\n    kind: github\n    app: 1\n", 4, "there is an `app` without `private-key`"),
        ("forges:\n  x:\n    private-key: k\n    kind: github\n", 3, "there is a `private-key` without `app`"),
        ("forges:\n  x:\n    kind: github\n    app: 1\n    private-key: k\n    token: t\n", 6, "the forge has both `app` and `token`"),
        ("forges:\n  x:\n    kind: github\n    app: 1\n    private-key: '-----BEGIN'\n", 5, "`private-key` is a key, or the first line of one"),
        (FORGE + ONE + "https://github.com/a/b\n  forge: gitlab\n", 5, "there is no forge gitlab in the settings"),
        (FORGE + ONE + "https://example.org/a/b\n  slug: a/b\n", 5, "there is `slug`, but the address belongs to no forge of the settings"),
        (FORGE + ONE + "https://github.com/a/b\n  forge: bare\n  pull-requests: {}\n", 6, "there is `pull-requests`, but the repository is plain git"),
        (FORGE + ONE + "https://github.com/a/b/c\n", 4, "the address does not say the repository's name at the forge"),
        (FORGE + ONE + "https://github.com/a/b\n- address: git@github.com:A/B.git\n  name: two\n", 5, "the repository A/B of github is there already, as one"),
        ("forges: {x: {kind: github, token: t}, y: {kind: github, token: u}}\n" + ONE + "https://github.com/a/b\n", 4, "the address may belong to x or y"),
        ("pull-requests:\n  environment: gpu\n", 2, "there is no environment gpu in the settings"),
        ("pull-requests:\n  grants:\n  - team\n", 3, "there is no variable group team in the settings"),
        ("variable-groups: {team: {branches: [main]}}\npull-requests:\n  grants:\n  - team\n", 4, "the variable group team is granted to untrusted code, which its `branches` keep it from"),
        ("variable-groups: {team: {events: [push, tag]}}\npull-requests:\n  grants:\n  - team\n", 4, "the variable group team is granted to untrusted code, which its `events` keep it from"),
        ("variable-groups:\n  team:\n    branches:\n    - main\n    - refs/heads/main\n", 5, "`refs/heads/main` is a ref, and names no branch"),
        (FORGE + ONE + "https://github.com/a/b\n  pull-requests:\n    environment: gpu\n", 6, "there is no environment gpu in the settings"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told_at_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    assert mistakes(tmp_path, text) == [(line, message)]


@pytest.mark.parametrize(
    "text",
    [
        "forges: {bare: {kind: github, token: t}}",
        "forges: {x: {kind: bare}}",
        "forges: {Upper: {kind: github, token: t}}",
        "forges: {x: {kind: github, token: ''}}",
        "forges: {x: {kind: github, token: t, secrets: []}}",
        "forges: {x: {kind: github, token: t, timeout: 0}}",
        "pull-requests: {trust: forks}",
        "pull-requests: {cap: 0}",
        "environments: [{name: x, price: -1}]",
        "variable-groups: {team: {branches: []}}",
        "variable-groups: {team: {branches: main}}",
        "variable-groups: {team: {events: [merge]}}",
    ],
)
def test_what_the_schema_forbids_is_told(tmp_path: Path, text: str) -> None:
    assert [line for line, _ in mistakes(tmp_path, text)] == [1]


def test_a_forges_driver_gets_paths_of_the_workspace_and_secrets(tmp_path: Path) -> None:
    given = opened(
        tmp_path,
        forges={
            "app": {"kind": "github", "app": 7, "private-key": "secrets/app.pem", "secrets": ["new", "old"]},
            "token": {"kind": "github", "token": "t", "url": "https://ghe.example.org", "timeout": 5},
        },
    )
    app, token = given.forges()["app"], given.forges()["token"]
    assert app.api == {"app": 7, "private_key_file": str(tmp_path / "secrets" / "app.pem")}
    assert app.secrets == (Secret("new"), Secret("old"))
    assert token.api == {"url": "https://ghe.example.org", "timeout": 5, "token": Secret("t")}
    assert [secret.reveal() for secret in token.secrets] == [given.workspace.secret("forge-token")]
    assert "'t'" not in repr(token)


def test_a_key_that_is_not_there_is_told_by_the_name_of_its_setting(tmp_path: Path) -> None:
    given = opened(tmp_path, forges={"hub": {"kind": "github", "app": 7, "private-key": "app.pem"}})
    with pytest.raises(Stalled, match=r"app\.pem: No such file or directory\. Give `private-key`: the path"):
        wiring.open_forges(given)


def test_a_token_makes_an_api(tmp_path: Path) -> None:
    assert list(wiring.open_forges(opened(tmp_path, forges=CLOUD))) == ["github"]


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("https://github.com/team/churn.git", True),
        ("http://github.com/team/churn.git", False),
        ("https://bot:own@github.com/team/churn.git", False),
        ("git@github.com:team/churn.git", False),
        ("https://mirror.example.org/team/churn.git", False),
        ("/srv/git/churn.git", False),
    ],
)
def test_a_login_goes_to_its_own_site_alone(address: str, sent: bool) -> None:
    assert places.takes_login(address, CLOUD["github"]) is sent
    assert places.takes_login("http://127.0.0.1:80/a/b", {"kind": "github", "api": "http://127.0.0.1"})


def test_a_repository_that_is_called_as_a_forge_signs_nothing_of_the_forges(tmp_path: Path) -> None:
    entry = {"name": "github", "address": "/srv/github.git"}
    given = opened(tmp_path, forges=CLOUD, repositories=[entry])
    assert given.forges()["github"].secrets[0] != hooking.secret(given, "github")
