"""Who calls: an app by its JWT, an installation or a person by a token; and what each may.

Sources: the documentation's pages "Generating a JSON Web Token (JWT) for a GitHub App", "Authenticating as a GitHub App
installation", "Scopes for OAuth apps", and "Troubleshooting the REST API" (404 where a private thing is not for the caller).
"""

import base64
import binascii
import datetime as dt
import json
import re
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.standins.github.answers import refused
from tests.standins.github.model import Account, App, Repository, at_least
from tests.standins.github.world import Token, World

LONGEST = 600
"""Seconds that a JWT may live."""
HOUR = dt.timedelta(hours=1)
INSTALLATION = "ghs_"
LEVELS = ("none", "read", "write", "admin")
UNREADABLE = "A JSON web token could not be decoded"
BY_SCOPE = {
    "repo": {"public_repo", "repo:status", "repo_deployment", "repo:invite"},
    "admin:repo_hook": {"write:repo_hook", "read:repo_hook"},
    "write:repo_hook": {"read:repo_hook"},
    "user": {"read:user", "user:email"},
}


@dataclass
class Grant:
    """What a request's credentials are worth. `kind`: none, app, installation, classic or fine."""

    kind: str
    key: str = "ip"
    """Whose rate limit it is."""
    account: Account | None = None
    """Who acts: the person, or the app's bot."""
    app: App | None = None
    token: Token | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)

    def sees(self, repository: Repository) -> bool:
        """Whether the repository exists for the caller."""
        if not repository.private:
            return True
        if self.token is None:
            return False
        if self.kind == "classic":
            return "repo" in self.scopes and repository.role(self.account) != "none"
        return self.reaches(repository) and (
            self.kind == "installation" or repository.role(self.account) != "none"
        )

    def reaches(self, repository: Repository) -> bool:
        """Whether a token that names repositories names this one."""
        token = self.token
        if token is None or self.kind == "classic":
            return False
        if token.installation is not None and not token.installation.covers(repository):
            return False
        return token.repository_ids is None or repository.id in token.repository_ids

    def has(self, permission: str) -> bool:
        """Whether an installation's or a fine-grained token has a permission: `checks:write`, or several with `|`."""
        assert self.token is not None
        for one in permission.split("|"):
            name, _, level = one.partition(":")
            own = "read" if name == "metadata" else self.token.permissions.get(name, "none")
            if LEVELS.index(own) >= LEVELS.index(level):
                return True
        return False

    def may(self, repository: Repository, role: str) -> bool:
        return at_least(repository.role(self.account), role)


def identify(world: World, header: str | None) -> Grant:
    """The grant of an `Authorization` header; a refusal with 401 where it is worth nothing."""
    if header is None:
        return Grant("none")
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            raise refused(401, "Bad credentials") from None
    elif scheme.lower() not in ("bearer", "token"):
        raise refused(401, "Bad credentials")
    if value.count(".") == 2 and scheme.lower() == "bearer" and not value.startswith(INSTALLATION):
        app = of_jwt(world, value)
        return Grant("app", f"app:{app.id}", app.bot, app)
    return _of_token(world, value.strip())


def _of_token(world: World, value: str) -> Grant:
    token = world.tokens.get(value)
    if token is None or token.revoked or (token.expires_at and token.expires_at <= world.clock.now()):
        raise refused(401, "Bad credentials")
    installation = token.installation
    if installation is not None:
        if installation.suspended_at is not None:
            raise refused(403, "This installation has been suspended")
        if installation.id not in installation.app.installations:
            raise refused(401, "Bad credentials")
        return Grant(
            "installation", f"installation:{installation.id}", token.account, installation.app, token
        )
    scopes = set(token.scopes)
    for scope in token.scopes:
        scopes |= BY_SCOPE.get(scope, set())
    return Grant(token.kind, f"user:{token.account.id}", token.account, token=token, scopes=frozenset(scopes))


def of_jwt(world: World, text: str) -> App:
    """The app that a JWT speaks for (RFC 7519 with RS256, and GitHub's rules for `iss`, `iat` and `exp`)."""
    try:
        head, claims = (json.loads(_decoded(part)) for part in text.split(".")[:2])
        signature = _decoded(text.split(".")[2])
    except ValueError:
        raise refused(401, UNREADABLE) from None
    if not isinstance(head, dict) or not isinstance(claims, dict) or head.get("alg") != "RS256":
        raise refused(401, UNREADABLE)
    issuer = str(claims.get("iss", ""))
    app = next((one for one in world.apps.values() if issuer in (str(one.id), one.client_id)), None)
    if app is None:
        raise refused(404, "Integration not found") if issuer else refused(401, "'Issuer' claim ('iss') must be an Integer")  # fmt: skip
    key = serialization.load_pem_private_key(app.private_key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    try:
        signed = text.rsplit(".", 1)[0].encode()
        key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise refused(401, UNREADABLE) from None
    _check_times(claims, world.clock.seconds())
    return app


def _check_times(claims: dict[str, object], now: float) -> None:
    issued, ends = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or issued > now:
        raise refused(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )
    if type(ends) is not int or ends <= now:
        raise refused(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    if ends > now + LONGEST:
        raise refused(401, "'Expiration time' claim ('exp') is too far in the future")


def _decoded(part: str) -> bytes:
    """base64url without padding (RFC 7515)."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", part):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def new_token(world: World, prefix: str, token: Token) -> Token:
    """Keeps a token under a value that it gets here: `ghp_`, `github_pat_` or `ghs_` and 36 letters and digits.

    github.com's installation tokens are `ghs_APPID_JWT` by now (the description of the operation that makes them).
    """
    token.value = prefix + secrets.token_hex(18)
    if token.installation is not None and world.long_tokens:
        parts = (secrets.token_urlsafe(size) for size in (27, 180, 64))
        token.value = f"{prefix}{token.installation.app.id}_{'.'.join(parts)}"
    world.tokens[token.value] = token
    return token
