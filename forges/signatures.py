"""A body signed with HMAC-SHA256 under one of several secrets, as most forges do: only the header's name differs."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence

from schemas.errors import Refused, Stalled
from schemas.values import Secret

_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")


def verify(said: str, header: str, pieces: Iterable[bytes], secrets: Sequence[Secret]) -> None:
    """Return if `said`, the value of `header`, is `sha256=<hex>` of the body under one of `secrets`.

    Raises `Refused` before the body is read where the header alone rules it out. Errors of `pieces` pass through.
    """
    if not _SIGNATURE.fullmatch(said):
        raise Refused("the delivery is not signed", f"Send {header}: sha256=<HMAC-SHA256 of the body>.")
    sums = [hmac.new(secret.reveal().encode(), digestmod=hashlib.sha256) for secret in secrets]
    for piece in pieces:
        for each in sums:
            each.update(piece)
    # All are compared, so that the time does not tell which of them it was.
    if not sum(hmac.compare_digest(f"sha256={each.hexdigest()}", said) for each in sums):
        raise Refused(
            "the signature does not belong to this delivery", "Both sides must know the same secret."
        )


def secrets_of(settings: Mapping[str, object]) -> tuple[Secret, ...]:
    """Settings: `secrets`, a list of str or `Secret`, or `secret`, one. Raises `Stalled` when there is none."""
    one = settings.get("secret")
    many = settings.get("secrets") or ([one] if one else [])
    listed = list(many) if isinstance(many, list | tuple) else [many]
    secrets = tuple(value if isinstance(value, Secret) else Secret(str(value)) for value in listed)
    if not secrets or not all(secret.reveal() for secret in secrets):
        raise Stalled(
            "deliveries cannot be verified without a secret", "Give `secret`: any long random text."
        )
    return secrets
