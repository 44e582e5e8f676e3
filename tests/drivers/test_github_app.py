"""A GitHub App against a scripted server: what it signs, which tokens it asks for, and for how long it keeps them."""

import base64
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from forges.github.api import GitHubApi, speak
from schemas.errors import Stalled, Waiting
from tests.builders.forge_bench import HERE, KEY, NOW, PEM, Clock, installed, minted, with_app
from tests.builders.scripted_github import Say, Scripted, scripted

REPOSITORY = Say({"id": 7, "full_name": HERE})


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as script:
        yield script


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(server: Scripted, clock: Clock) -> GitHubApi:
    return with_app(server, clock)


def unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_app_signs_who_it_is_for_minutes(server: Scripted, api: GitHubApi) -> None:
    server.say(installed(), minted(), REPOSITORY)
    api.repository(HERE)
    text = server.asked[0].headers["authorization"].removeprefix("Bearer ")
    head, claims, signature = text.split(".")
    KEY.public_key().verify(unpacked(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256())
    assert json.loads(unpacked(head)) == {"alg": "RS256", "typ": "JWT"}
    said = json.loads(unpacked(claims))
    assert said["iss"] == "Iv1.abc"
    assert said["iat"] == NOW - 60
    assert NOW < said["exp"] <= NOW + 600
    assert said["exp"] - said["iat"] <= 600


def test_a_token_opens_one_repository_for_what_is_needed(server: Scripted, api: GitHubApi) -> None:
    server.say(installed(deployments="read", administration="write"), minted(), REPOSITORY)
    api.repository(HERE)
    assert server.paths == [
        "GET /repos/acme/models/installation",
        "POST /app/installations/3/access_tokens",
        "GET /repos/acme/models",
    ]
    body = server.asked[1].body
    assert body["repositories"] == ["models"]
    assert body["permissions"]["checks"] == "write"
    assert "administration" not in body["permissions"], "what it has no use for"
    assert "deployments" not in body["permissions"], "what it was not given: GitHub would refuse the whole"
    assert server.asked[2].headers["authorization"] == "Bearer ghs_one"


def test_a_token_is_kept_until_five_minutes_before_its_end(
    server: Scripted, api: GitHubApi, clock: Clock
) -> None:
    server.say(installed(), minted(), *[REPOSITORY] * 2)
    api.repository(HERE)
    clock.now = NOW + 3600 - 301
    api.repository(HERE)
    assert len(server.asked) == 4
    clock.now += 2
    server.say(installed(), minted("ghs_two", clock.now + 3600), REPOSITORY)
    api.repository(HERE)
    assert server.asked[-1].headers["authorization"] == "Bearer ghs_two"


def test_repositories_do_not_share_tokens(server: Scripted, api: GitHubApi) -> None:
    server.say(installed(), minted("ghs_one"), REPOSITORY, installed(), minted("ghs_two"), REPOSITORY)
    api.repository(HERE)
    api.repository("acme/other")
    assert server.asked[-1].headers["authorization"] == "Bearer ghs_two"
    assert server.asked[-2].body["repositories"] == ["other"]


def test_a_token_that_was_taken_back_is_replaced_once(server: Scripted, api: GitHubApi) -> None:
    server.say(installed(), minted(), Say(status=401), installed(), minted("ghs_two"), REPOSITORY)
    api.repository(HERE)
    server.say(Say(status=401), installed(), minted(), Say(status=401))
    with pytest.raises(Stalled, match="does not accept"):
        api.repository(HERE)
    assert server.answers == []


def test_rights_that_were_granted_since_come_with_the_next_token(server: Scripted, api: GitHubApi) -> None:
    server.say(installed(), minted(), Say({"message": "Resource not accessible"}, 403))
    with pytest.raises(Stalled, match="not accessible"):
        api.repository(HERE)
    server.say(installed(), minted("ghs_two"), REPOSITORY)
    api.repository(HERE)
    assert server.answers == []


def test_a_repository_of_another_name_is_opened_by_its_id(server: Scripted, api: GitHubApi) -> None:
    server.say(
        Say(status=301, headers={"Location": "/repositories/7/installation"}),
        installed(),
        minted(),
        REPOSITORY,
    )
    api.repository(HERE)
    assert server.asked[2].body["repository_ids"] == [7]
    assert "repositories" not in server.asked[2].body


def test_git_reads_with_a_token_of_its_own(server: Scripted, api: GitHubApi) -> None:
    server.say(installed(), minted("ghs_read"))
    user, secret = api.git_login(HERE)
    assert (user, secret.reveal()) == ("x-access-token", "ghs_read")
    assert server.asked[1].body["permissions"] == {"contents": "read", "metadata": "read"}
    assert api.git_login(HERE)[1] == secret
    assert len(server.asked) == 2


def test_an_installation_that_sleeps_is_said(server: Scripted, api: GitHubApi) -> None:
    there = installed().value | {"suspended_at": "2030-01-01T00:00:00Z"}
    server.say(Say(there))
    with pytest.raises(Stalled, match="suspended"):
        api.repository(HERE)
    server.say(Say(status=404))
    with pytest.raises(Stalled, match="installed"):
        api.repository(HERE)


@pytest.mark.parametrize("answer", [
    Say([]), Say({"token": "a b", "expires_at": "2030-01-01T00:00:00Z"}), Say({"token": "x"}), Say({"expires_at": "x"}),
    Say({"token": "x\ny", "expires_at": "2030-01-01T00:00:00Z"}), Say({"token": "x", "expires_at": "soon"}), Say(raw=b"<"),
])  # fmt: skip
def test_an_answer_without_a_token_is_no_token(server: Scripted, api: GitHubApi, answer: Say) -> None:
    server.say(installed(), answer)
    with pytest.raises(Waiting, match="not as it describes"):
        api.repository(HERE)


def test_the_budget_is_the_installations_not_the_apps(server: Scripted, api: GitHubApi) -> None:
    def left(count: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": "9",
            "X-RateLimit-Remaining": str(count),
            "X-RateLimit-Reset": str(int(NOW + 9)),
        }

    assert api.budget(HERE) is None
    assert server.asked == []
    server.say(installed(), minted(), Say(REPOSITORY.value, headers=left(5)))
    api.repository(HERE)
    budget = api.budget(HERE)
    assert budget is not None
    assert budget.remaining == 5
    server.say(Say(status=403, headers=left(0)))
    with pytest.raises(Waiting):
        api.repository(HERE)
    server.say(installed())
    assert api.check_rights(HERE) == (), "the App itself still may ask"


def test_no_word_holds_key_or_token(server: Scripted, api: GitHubApi) -> None:
    server.say(installed(), minted(), Say({"message": "what is ghs_one"}, 400))
    with pytest.raises(Exception, match="what is") as caught:
        api.repository(HERE)
    assert "ghs_one" not in str(caught.value)
    for words in (repr(api), repr(api._client.credentials), repr(vars(api._client.credentials))):
        assert "PRIVATE" not in words
        assert "ghs_one" not in words


def test_a_key_that_is_no_rsa_key_is_said() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for key in (curve.decode(), PEM[:-200], "-----BEGIN RSA PRIVATE KEY-----"):
        with pytest.raises(Stalled) as caught:
            speak({"app": "1", "private_key": key})
        assert caught.value.__cause__ is None
        assert key[100:120] not in str(caught.value) or len(key) < 100
