"""Signed addresses of folder stores: HMAC-SHA256 over method, store, key, end and condition.

The folder store makes them, the web side checks them; both hold the same secret, and nobody else does.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

from schemas.errors import Refused
from schemas.values import Secret


@dataclass(frozen=True, slots=True)
class Target:
    """What an address is good for. `absent`: it writes only what is not there yet."""

    method: Literal["GET", "PUT"]
    store: str
    key: str
    absent: bool = False


def url(web: str, secret: Secret, target: Target, expires: int) -> str:
    """`<web>/objects/<store>/<key>?method=…&expires=…&signature=…`, good until `expires` (Unix seconds).

    Store and key are percent-encoded as a URL's path is (so a key's own `%` once more); a server decodes once.
    """
    query = {"method": target.method, "expires": str(expires)} | ({"absent": "1"} if target.absent else {})
    query["signature"] = _signature(secret, target, str(expires))
    path = f"{quote(target.store, safe='')}/{quote(target.key, safe='/')}"
    return f"{web.rstrip('/')}/objects/{path}?{urlencode(query)}"


def check(secret: Secret, target: Target, query: Mapping[str, str], now: float) -> Target:
    """The target as it was signed: `target` with `absent` from the query. Raises `Refused` for a forged, changed or
    ended address; `now` is in Unix seconds."""
    asked = Target(target.method, target.store, target.key, absent="absent" in query)
    expires = query.get("expires", "")
    expected = _signature(secret, asked, expires)
    if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode("utf-8", "replace")):
        raise Refused("this address is not signed for this object and method", "Ask for a new address.")
    if now >= int(expires):
        raise Refused("this address has ended", "Ask for a new address.")
    return asked


def _signature(secret: Secret, target: Target, expires: str) -> str:
    words = ["luotsi-object-1", target.method, target.store, target.key, expires, target.absent]
    return hmac.new(secret.reveal().encode(), json.dumps(words).encode(), hashlib.sha256).hexdigest()
