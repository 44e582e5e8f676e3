"""The stand-in lets in whom GitHub lets in: apps by JWT, installations and people by tokens, each to what is theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.github_client import jwt
from tests.builders.github_house import House, house
from tests.parts.github_description import GitHubDescription

RUN = {"name": "train", "status": "queued"}


@pytest.fixture
def there(github_description: GitHubDescription, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, github_description.address, private=True) as made:
        yield made


def test_an_app_speaks_by_its_jwt(there: House) -> None:
    assert there.as_app()("GET", "/app").body["id"] == there.app.id
    assert there.as_app(iss=there.app.client_id)("GET", "/app").status == 200
    assert there.as_app(iss=str(there.app.id))("GET", "/app").status == 200


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({"exp": "later"}, 401, "must be a numeric value"),
        ({"iat": None}, 401, "must be an Integer"),
        ({"iss": 999}, 404, "Integration not found"),
        ({"iss": ""}, 401, "'Issuer' claim"),
    ],
)
def test_a_jwt_with_wrong_claims_is_refused(
    claims: dict[str, object], status: int, words: str, there: House
) -> None:
    reply = there.as_app(**claims)("GET", "/app")
    assert (reply.status, words in reply.body["message"]) == (status, True)


@pytest.mark.parametrize(
    ("iat", "exp", "status", "words"),
    [
        (-60, 599, 200, ""),
        (0, 1, 200, ""),
        (-60, 660, 401, "too far in the future"),
        (-700, -1, 401, "must be a numeric value"),
        (60, 120, 401, "'Issued at' claim"),
    ],
)
def test_a_jwt_holds_for_ten_minutes_at_most(
    iat: int, exp: int, status: int, words: str, there: House
) -> None:
    now = int(there.github.clock.seconds()) + 1
    reply = there.as_app(iat=now - 1 + iat, exp=now + exp)("GET", "/app")
    assert (reply.status, words in reply.body.get("message", "")) == (status, True)


@pytest.mark.parametrize("text", ["a.b.c", "ab.cd.ef", "..", "e30.e30.e30", "!.!.!"])
def test_what_is_no_jwt_cannot_be_decoded(text: str, there: House) -> None:
    reply = there.client().bearing(text)("GET", "/app")
    assert (reply.status, reply.body["message"]) == (401, "A JSON web token could not be decoded")


def test_a_jwt_of_another_key_or_algorithm_is_refused(there: House) -> None:
    now = there.github.clock.seconds()
    good = jwt(there.app.private_key, there.app.id, now)
    head, claims, signature = good.split(".")
    forged = f"{head}.{claims}.{signature[:-8]}AAAAAAAA"
    other = jwt(there.app.private_key, there.app.id, now, "HS256")
    for text in (forged, other):
        assert there.client().bearing(text)("GET", "/app").status == 401


def test_each_kind_of_credentials_has_its_own_places(there: House) -> None:
    assert there.installed()("GET", "/app").status == 401
    assert there.as_app()("GET", there.place()).status == 401
    assert there.client()("GET", "/user").status == 401
    assert there.client()("GET", there.place()).status == 404
    assert there.client().bearing("ghs_unknown")("GET", "/meta").status == 401
    assert there.installed()("GET", "/user").status == 403


def test_an_installation_token_ends_after_an_hour(there: House) -> None:
    client = there.installed()
    there.github.clock.advance(3590)
    assert client("GET", there.place()).status == 200
    there.github.clock.advance(20)
    reply = client("GET", there.place())
    assert (reply.status, reply.body["message"]) == (401, "Bad credentials")


@pytest.mark.parametrize("enterprise", [False, True])
def test_installation_tokens_are_long_on_github_com(
    enterprise: bool, github_description: GitHubDescription, tmp_path: Path
) -> None:
    with house(tmp_path, github_description.address, enterprise=enterprise) as there:
        token = there.installed().authorization.removeprefix("Bearer ")
        assert (len(token) > 300, token.count(".")) == ((False, 0) if enterprise else (True, 2))
        assert token.startswith("ghs_" if enterprise else f"ghs_{there.app.id}_")


def test_a_token_is_limited_to_the_permissions_that_were_asked(there: House) -> None:
    client = there.installed(permissions={"checks": "read"})
    assert client("GET", there.place(f"/commits/{there.head()}/check-runs")).status == 200
    reply = client("POST", there.place("/check-runs"), {**RUN, "head_sha": there.head()})
    assert (reply.status, reply.body["message"]) == (403, "Resource not accessible by integration")
    assert client("GET", there.place("/pulls")).status == 403
    assert client("GET", there.place()).status == 200


def test_a_token_is_limited_to_the_repositories_that_were_asked(there: House) -> None:
    other = there.github.repository("acme/other", private=True)
    there.installation.add(there.ada.account, [other])
    assert there.installed()("GET", "/repos/acme/other").status == 200
    client = there.installed(repository_ids=[there.repo.id])
    assert client("GET", there.place()).status == 200
    assert client("GET", "/repos/acme/other").status == 404


@pytest.mark.parametrize(
    "asked",
    [{"permissions": {"administration": "write"}}, {"permissions": {"merge_queues": "write"}}, {"repositories": ["none"]}, {"repository_ids": [1]}],
)  # fmt: skip
def test_nobody_gets_a_token_for_more_than_was_installed(asked: dict[str, object], there: House) -> None:
    reply = there.as_app()("POST", f"/app/installations/{there.installation.id}/access_tokens", asked)
    assert reply.status == 422
    assert there.github.violations == []


def test_tokens_end_with_the_installation(there: House) -> None:
    client = there.installed()
    there.installation.suspend(there.ada.account)
    assert client("GET", there.place()).status == 403
    there.installation.unsuspend(there.ada.account)
    assert client("GET", there.place()).status == 200
    there.installation.remove(there.ada.account, [there.repo])
    assert client("GET", there.place()).status == 404
    there.installation.uninstall(there.ada.account)
    assert client("GET", there.place()).status == 401
    assert there.as_app()("GET", there.place("/installation")).status == 404


def test_permissions_that_are_taken_back_are_gone_for_new_tokens(there: House) -> None:
    there.installation.permit(there.ada.account, {"contents": "read"})
    assert there.installed()("GET", there.place("/pulls")).status == 403
    assert there.installed()("GET", there.place("/branches")).status == 200


STATUS = {"state": "success"}


@pytest.mark.parametrize(
    ("scopes", "role", "method", "rest", "body", "status"),
    [
        (["repo"], "write", "POST", "/statuses/{sha}", STATUS, 201),
        (["repo:status"], "write", "POST", "/statuses/{sha}", STATUS, 404),
        (["public_repo"], "write", "GET", "", None, 404),
        ([], "write", "GET", "", None, 404),
        (["repo"], "read", "GET", "", None, 200),
        (["repo"], "read", "POST", "/statuses/{sha}", STATUS, 403),
        (["repo"], "write", "GET", "/hooks", None, 404),
        (["repo"], "admin", "GET", "/hooks", None, 200),
        (["repo"], "write", "POST", "/check-runs", {"name": "x", "head_sha": "{sha}"}, 403),
        (["repo"], "admin", "POST", "/check-suites", {"head_sha": "{sha}"}, 403),
        (["repo"], "read", "GET", "/commits/{sha}/check-runs", None, 200),
        (["repo"], "read", "POST", "/deployments", {"ref": "main"}, 403),
    ],
)  # fmt: skip
def test_a_persons_token_needs_the_scope_and_the_person_the_role(
    scopes: list[str], role: str, method: str, rest: str, body: dict[str, str] | None, status: int, there: House
) -> None:  # fmt: skip
    there.ada.set_collaborator(there.repo, there.bob, role)
    client, sha = there.client().bearing(there.bob.token(*scopes)), there.head()
    told = body and {key: value.format(sha=sha) for key, value in body.items()}
    assert client(method, there.place(rest.format(sha=sha)), told).status == status


def test_scopes_are_told(there: House) -> None:
    reply = there.client().bearing(there.bob.token("repo", "read:user"))("GET", there.place("/deployments"))
    assert reply.headers["x-oauth-scopes"] == "repo, read:user"
    assert "repo_deployment" in reply.headers["x-accepted-oauth-scopes"]


def test_who_is_no_collaborator_does_not_see_what_is_private(there: House) -> None:
    there.ada.set_collaborator(there.repo, there.eve, None)
    client = there.client().bearing(there.eve.token("repo"))
    assert client("GET", there.place()).status == 404
    assert client("GET", f"/repositories/{there.repo.id}").status == 404
    there.ada.set_collaborator(there.repo, there.eve, "triage")
    level = there.installed()("GET", there.place("/collaborators/eve/permission")).body
    assert (level["permission"], level["role_name"]) == ("read", "triage")


def test_a_fine_grained_token_needs_both_the_permission_and_the_role(there: House) -> None:
    client = there.client().bearing(there.eve.fine_grained_token([there.repo], {"statuses": "write"}))
    there.ada.set_collaborator(there.repo, there.eve, "read")
    place = there.place(f"/statuses/{there.head()}")
    assert client("POST", place, STATUS).status == 403
    there.ada.set_collaborator(there.repo, there.eve, "write")
    assert client("POST", place, STATUS).status == 201
    assert client("GET", there.place("/pulls")).status == 403
    there.github.clock.advance(31 * 86400)
    assert client("GET", there.place()).status == 401


def test_a_token_goes_also_as_a_password_and_until_it_is_revoked(there: House) -> None:
    token = there.bob.token("repo", days=1)
    client = there.client()
    client.authorization = f"token {token}"
    assert client("GET", "/user").body["login"] == "bob"
    there.bob.revoke(token)
    assert client("GET", "/user").status == 401


def test_what_is_public_is_read_without_credentials_and_written_with_some(
    github_description: GitHubDescription, tmp_path: Path
) -> None:
    with house(tmp_path, github_description.address) as there:
        client = there.client()
        assert client("GET", there.place()).status == 200
        assert client("POST", there.place(f"/statuses/{there.head()}"), STATUS).status == 401
        other = there.github.repository("eve/own")
        bot = there.installed()
        assert bot("GET", "/repos/eve/own").status == 200
        sha = there.github.bare(other).refs()["refs/heads/main"]
        assert bot("POST", f"/repos/eve/own/statuses/{sha}", STATUS).status == 403


def test_only_the_app_that_made_a_check_writes_it(there: House) -> None:
    made = there.installed()("POST", there.place("/check-runs"), {**RUN, "head_sha": there.head()}).body
    other = there.github.app(there.acme, "other")
    installation = there.github.install(other, there.acme, there.ada)
    client = there.client().bearing(jwt(other.private_key, other.id, there.github.clock.seconds()))
    token = client("POST", f"/app/installations/{installation.id}/access_tokens").body["token"]
    reply = client.bearing(token)("PATCH", there.place(f"/check-runs/{made['id']}"), {"name": "mine"})
    assert reply.status == 403


def test_an_email_that_lies_names_another_author_and_never_another_sender(there: House) -> None:
    sha = there.bob.push(there.repo, "own", {"a": "1"}, author=("Ada", "ada@example.org"))
    shown = there.installed()("GET", there.place(f"/commits/{sha}")).body
    assert shown["author"]["id"] == there.ada.id
    push = there.settled().last("push")
    assert push["sender"]["id"] == there.bob.id
    assert push["pusher"]["name"] == "bob"
    assert push["head_commit"]["author"]["username"] == "ada"
