"""The calls of one attempt: who may make them, and what they do. Nothing of HTTP is known here."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from agent.on_demand import Entry, OnDemand
from schemas.codec import Json


@dataclass(frozen=True, slots=True)
class Calls:
    """`tell` takes a status detail and never waits; `inputs` are those that the job may ask for."""

    attempt: str
    token: str
    tell: Callable[[str], None]
    inputs: OnDemand

    def described(self, base: str) -> dict[str, Json]:
        """`api.json`: for each call, keyword arguments of Python's `requests.request`."""
        headers: dict[str, Json] = {"Authorization": f"Bearer {self.token}"}
        return {
            "set_status_detail": {"url": f"{base}/status-detail", "method": "POST", "headers": headers},
            "input_request": {"url": f"{base}/inputs", "method": "GET", "headers": dict(headers)},
        }

    def offered(self, input_ids: list[str], base: str) -> list[Json]:
        """For each input its files, each with an address that needs no header: plain downloads send none."""
        return [
            {"files": [self._file(entry, base) for entry in self.inputs.entries(input_id)]}
            for input_id in input_ids
        ]

    def entry(self, signature: str, input_id: str, filename: str) -> Entry | None:
        """The file of an address that was given out; None for any other."""
        if not hmac.compare_digest(signature.encode(), self._sign(input_id, filename).encode()):
            return None
        return self.inputs.entry(input_id, filename)

    def _file(self, entry: Entry, base: str) -> Json:
        signature = self._sign(entry.input_id, entry.filename)
        name = quote(entry.filename, safe="/")
        return {
            "filename": entry.filename,
            "url": f"{base}/files/{self.attempt}/{signature}/{quote(entry.input_id, safe='')}/{name}",
            "input_id": entry.input_id,
        }

    def _sign(self, input_id: str, filename: str) -> str:
        """An address is good for one file, and does not give the token away."""
        said = f"{input_id}/{filename}".encode("utf-8", "surrogateescape")
        return hmac.new(self.token.encode(), said, hashlib.sha256).hexdigest()
