"""The agent's proof of life: one thread that renews all leases at once and hands on the orders that come back."""

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata

from agent.claim import Api
from agent.machine import Machine
from schemas.errors import LuotsiError, Waiting
from schemas.messages.claim import RenewAnswer, RenewRequest

SHORTEST, LONGEST = 0.2, 60.0
"""Seconds between renewals, whatever the web side says."""

_log = logging.getLogger("luotsi.agent.renewals")


@dataclass(frozen=True, slots=True)
class Status:
    """What a renewal reports."""

    attempts: Sequence[str]
    free_slots: int
    slots: int


class Renewals:
    """`status` is asked before each renewal, `heard` gets each answer."""

    def __init__(
        self,
        api: Api,
        label: str,
        machine: Machine,
        status: Callable[[], Status],
        heard: Callable[[RenewAnswer], None],
    ) -> None:
        self._api = api
        self._label = label
        self._machine = machine
        self._status = status
        self._heard = heard
        self._due = threading.Event()
        self._trouble = ""
        self._host, self._version = socket.gethostname(), _version()

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. The web side may be away for as long as it likes: running commands go on."""
        pause = 0.5
        while not stop.is_set():
            try:
                answer = self._api.renew(self._request())
                self._tell("")
                self._heard(answer)
                pause = 0.5
                wait = min(max(answer.interval, SHORTEST), LONGEST)
            except LuotsiError as error:
                self._tell(str(error))
                wait = max(pause, error.after if isinstance(error, Waiting) else 0.0)
                pause = min(pause * 2, 10.0)
            self._due.wait(wait)
            self._due.clear()

    def soon(self) -> None:
        """Renew now: something has changed, or `stop` was set."""
        self._due.set()

    def _request(self) -> RenewRequest:
        status = self._status()
        return RenewRequest(
            attempts=tuple(status.attempts), free_slots=status.free_slots, slots=status.slots,
            runtime=self._label, host=self._host, version=self._version,
            cpus=self._machine.cpus, memory=self._machine.memory, devices=dict(self._machine.devices),
        )  # fmt: skip

    def _tell(self, trouble: str) -> None:
        """Say a trouble once, and its end once."""
        if trouble and trouble != self._trouble:
            _log.warning("leases cannot be renewed: %s", trouble)
        elif self._trouble and not trouble:
            _log.info("leases are renewed again")
        self._trouble = trouble


def _version() -> str:
    try:
        return metadata.version("luotsi")
    except metadata.PackageNotFoundError:
        return ""
