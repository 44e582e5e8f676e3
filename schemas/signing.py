"""Ed25519 over a message's exact bytes. The envelope names the key, so that keys can be rotated.

The signed form travels as JSON: {"key": key id, "body": the exact text, "signature": base64}. What is verified is
the text as it came, before it is parsed.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.errors import Refused


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its id (the first 16 hex characters of sha-256 over the raw public key)."""

    id: str
    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new random key."""
        return cls.of(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        """Read an unencrypted PKCS#8 PEM. Raises `Refused` if it holds anything but an Ed25519 key."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise Refused("the signing key is not a readable PEM file") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise Refused("the signing key is not an Ed25519 key")
        return cls.of(key)

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "SigningKey":
        """Wrap a key and compute its id."""
        return cls(key_id(private.public_key()), private)

    def to_pem(self) -> bytes:
        """Unencrypted PKCS#8 PEM; the file that holds it must be readable by its owner only."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def public(self) -> str:
        """The raw public key, base64: what agents and auditors get."""
        return base64.b64encode(_raw(self.private.public_key())).decode()

    def sign(self, body: bytes) -> str:
        """The signed envelope of `body` (UTF-8 text) as JSON text."""
        signature = base64.b64encode(self.private.sign(body)).decode()
        return json.dumps({"key": self.id, "body": body.decode(), "signature": signature})


def key_id(public: Ed25519PublicKey) -> str:
    """The id by which an envelope names a key."""
    return hashlib.sha256(_raw(public)).hexdigest()[:16]


def read_public(text: str) -> tuple[str, Ed25519PublicKey]:
    """A key's id and the key itself, from its raw base64 form."""
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise Refused("not an Ed25519 public key in base64") from error
    return key_id(public), public


def verify(envelope: str | bytes, keys: Mapping[str, Ed25519PublicKey]) -> bytes:
    """The body's exact bytes, if the envelope is signed by one of `keys` (key id -> key). Raises `Refused`."""
    try:
        parts = json.loads(envelope)
        key, body, signature = parts["key"], parts["body"].encode(), base64.b64decode(parts["signature"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("not a signed envelope") from error
    public = keys.get(key) if isinstance(key, str) else None
    if public is None:
        raise Refused(f"signed with a key that is not known here: {str(key)[:32]}")
    try:
        public.verify(signature, body)
    except InvalidSignature as error:
        raise Refused("the signature does not belong to this message") from error
    return bytes(body)


def _raw(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
