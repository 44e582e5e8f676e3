"""An attempt's objects in the stores: addresses asked for in time and in bulk, transfers tried again.

What cannot be done within the time given is raised as the last error met, so that its words reach a person.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from agent.claim import Api
from agent.patience import keep_trying
from agent.transfer import Digests, Transfer, write
from schemas.errors import Stalled
from schemas.messages.claim import Address, AddressesRequest, Wanted

T = TypeVar("T")

MARGIN = 30.0
"""Seconds before its end at which an address is not used any more."""

AT_ONCE = 500
"""Addresses in one request."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How an attempt tries again. `check` raises when the attempt must end; `pause` is set when it should be asked."""

    pause: threading.Event
    check: Callable[[], None]
    say: Callable[[str], None]
    seconds: float

    def patiently(self, action: Callable[[], T], seconds: float | None = -1) -> T:
        """Try until it works: `seconds` long, None without end, by default as long as these manners say."""
        limit = self.seconds if seconds is not None and seconds < 0 else seconds
        return keep_trying(action, self.pause, limit, self.check, self.say)


class Objects:
    """Objects of one attempt. Safe to share between threads."""

    def __init__(
        self, api: Api, transfer: Transfer, attempt: str, shares_folder: bool, manners: Manners
    ) -> None:
        self._api = api
        self._transfer = transfer
        self._attempt = attempt
        self._shares_folder = shares_folder
        self._manners = manners
        self._known: dict[Wanted, tuple[Address, float]] = {}
        self._lock = threading.Lock()

    def mannered(self, manners: Manners) -> "Objects":
        """The same objects, with the addresses that are known, in another manner."""
        other = Objects(self._api, self._transfer, self._attempt, self._shares_folder, manners)
        other._known, other._lock = self._known, self._lock
        return other

    def know(self, addresses: Iterable[Address], seconds: float) -> None:
        """Take in addresses that came with the claim, good for `seconds`."""
        end = time.monotonic() + seconds - min(MARGIN, seconds / 4)
        with self._lock:
            self._known |= {Wanted(each.method, each.key, each.store): (each, end) for each in addresses}

    def prepare(self, wanted: Sequence[Wanted]) -> None:
        """Ask for all these addresses that are not known yet, in as few requests as possible."""
        missing = [each for each in dict.fromkeys(wanted) if self._fresh(each) is None]
        for start in range(0, len(missing), AT_ONCE):
            self._manners.patiently(partial(self._ask, tuple(missing[start : start + AT_ONCE])))

    def stream(self, wanted: Wanted) -> Iterator[bytes]:
        """The object's bytes. One try: who reads half of it begins again."""
        try:
            yield from self._transfer.stream(self._address(wanted))
        except Stalled:
            self._forget(wanted)
            raise

    def fetch(self, wanted: Wanted, target: Path) -> Digests:
        """Write the object to a file. An order to end is heard between two pieces."""
        return self._patient(
            wanted, lambda address: write(self.heeding(self._transfer.stream(address)), target)
        )

    def patiently(self, action: Callable[[], T]) -> T:
        """Try something else in the attempt's manner, such as a read from elsewhere."""
        return self._manners.patiently(action)

    def heeding(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, until the attempt must end: then what `check` of its manners raises."""
        for piece in pieces:
            self._manners.check()
            yield piece

    def send(
        self, wanted: Wanted, open_source: Callable[[], BinaryIO], size: int, seconds: float | None = -1
    ) -> tuple[bool, Digests]:
        """Store a file; `open_source` is called for every try. False: it was there already (a result only).

        `seconds`: how long to try; None without end; by default as long as the attempt's manners say.
        """

        def once(address: Address) -> tuple[bool, Digests]:
            with open_source() as source:
                return self._transfer.send(address, source, size)

        return self._patient(wanted, once, seconds)

    def _patient(self, wanted: Wanted, action: Callable[[Address], T], seconds: float | None = -1) -> T:
        def once() -> T:
            try:
                return action(self._address(wanted))
            except Stalled:
                # The address may have ended before its time: the next try asks for a new one.
                self._forget(wanted)
                raise

        return self._manners.patiently(once, seconds)

    def _address(self, wanted: Wanted) -> Address:
        return self._fresh(wanted) or self._ask((wanted,))[0]

    def _fresh(self, wanted: Wanted) -> Address | None:
        with self._lock:
            address, end = self._known.get(wanted, (None, 0.0))
        return address if time.monotonic() < end else None

    def _forget(self, wanted: Wanted) -> None:
        with self._lock:
            self._known.pop(wanted, None)

    def _ask(self, wanted: tuple[Wanted, ...]) -> tuple[Address, ...]:
        answer = self._api.addresses(self._attempt, AddressesRequest(wanted, self._shares_folder))
        self.know(answer.addresses, answer.expires)
        return answer.addresses
