"""What a server is told that asks who we are. Nothing is prepared before one asks: work without a network asks nobody."""

import os
from collections.abc import Callable

from pygit2.credentials import Keypair, KeypairFromAgent, Username, UserPass
from pygit2.enums import CredentialType

from schemas.values import Secret

Answer = UserPass | Username | Keypair
Credentials = Callable[[str, str | None, CredentialType], Answer | None]
"""(url, user in the url, what the server takes) -> an answer; None: as if none were set.

Called in the middle of a connection, only when the server asks. pygit2's `UserPass` and `Keypair` are such callables.
May raise `Waiting` and `Stalled`, which end the connection.
"""


def from_login(ask: Callable[[], tuple[str, Secret]]) -> Credentials:
    """User and password as `ask` gives them at that moment: a forge's token that is made by a call and lives for an hour.

    What `ask` raises ends the connection. Servers that take no password (`ssh://`) make no call.
    """

    def answer(url: str, username: str | None, allowed: CredentialType) -> Answer | None:
        del url, username
        if not allowed & CredentialType.USERPASS_PLAINTEXT:
            return None
        user, password = ask()
        return UserPass(user, password.reveal())

    return answer


def of_agent(username: str | None, allowed: CredentialType) -> Answer | None:
    """The keys that the user's own ssh agent holds; None where none runs or the server takes no key."""
    if allowed & CredentialType.SSH_KEY and os.environ.get("SSH_AUTH_SOCK"):
        return KeypairFromAgent(username or "git")
    return None
