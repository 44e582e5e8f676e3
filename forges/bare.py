"""Plain git without a forge: one delivery, "look now", that a hook on the git server or a person sends.

Headers: `X-Luotsi-Signature: sha256=<hex of HMAC-SHA256 over the exact body>`; `X-Luotsi-Delivery: <any number of the
sender's>`, without which every delivery is a new one. Body: nothing, or JSON with any of `ref`, `before`, `after`.
"""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from forges import signatures
from forges.port import Delivery
from schemas import codec
from schemas.codec import ShaText
from schemas.errors import Refused
from schemas.values import Secret

SIGNATURE = "x-luotsi-signature"
DELIVERY = "x-luotsi-delivery"
LONGEST_REF = 500

_DELIVERY = re.compile(r"[!-~]{1,200}")
# git's own rules (git-check-ref-format) for the characters of a ref, that it is a full name, and nothing outside UTF-8.
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class LookNow:
    """The body."""

    ref: str | None = None
    before: ShaText | None = None
    after: ShaText | None = None


class Bare:
    """A repository behind a git server that is no forge. Every one of `secrets` signs."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._secrets = tuple(secrets)

    def verify(self, headers: Mapping[str, str], pieces: Iterable[bytes]) -> None:
        """See the port."""
        signatures.verify(headers.get(SIGNATURE, ""), "X-Luotsi-Signature", pieces, self._secrets)

    def parse(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """See the port."""
        number = headers.get(DELIVERY) or str(uuid.uuid4())
        if not _DELIVERY.fullmatch(number):
            raise Refused("X-Luotsi-Delivery is not up to 200 printable characters")
        said = codec.read(LookNow, body) if body.strip() else LookNow()
        if said.ref is not None and (len(said.ref) > LONGEST_REF or not _REF.fullmatch(said.ref)):
            raise Refused(f"not the full name of a ref: {said.ref[:100]!r}", "Full names begin with refs/.")
        return Delivery(number, "push", said.ref, said.before, said.after)


def connect(settings: Mapping[str, object]) -> Bare:
    """Settings: `secrets`, a list of str or `Secret`, or `secret`, one. Raises `Stalled` when there is none."""
    return Bare(signatures.secrets_of(settings))
