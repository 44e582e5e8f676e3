"""GitHub's driver with a clock of the test's, against the scripted server."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from forges.github.api import GitHubApi, speak
from tests.builders.scripted_github import Say, Scripted

HERE = "acme/models"
SHA = "a" * 40
NOW = 1_900_000_000.0
TOKEN = "ghp_very-secret"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def moment(seconds: float) -> str:
    """As GitHub spells it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_token(server: Scripted) -> GitHubApi:
    return speak({"api": server.address, "token": TOKEN, "timeout": 2}, Clock())


def with_app(server: Scripted, clock: Clock | None = None) -> GitHubApi:
    return speak(
        {"api": server.address, "app": "Iv1.abc", "private_key": PEM, "timeout": 2}, clock or Clock()
    )


def installed(**permissions: str) -> Say:
    """The installation of an App, with all the permissions that it should have and those named."""
    granted = {
        "checks": "write", "contents": "read", "deployments": "write", "issues": "write", "merge_queues": "read",
        "metadata": "read", "pull_requests": "write", "statuses": "write",
    }  # fmt: skip
    events = ["issue_comment", "merge_group", "pull_request", "push", "repository"]
    return Say({"id": 3, "permissions": granted | permissions, "events": events, "suspended_at": None})


def minted(token: str = "ghs_one", ends: float = NOW + 3600) -> Say:
    return Say({"token": token, "expires_at": moment(ends)}, 201)
