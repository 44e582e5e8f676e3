"""Hands status details on to the web side: the latest of each attempt, not more often than people can read."""

import logging
import threading

from agent.claim import Api
from schemas.errors import LuotsiError, Waiting
from schemas.messages.claim import StatusDetail

PAUSE = 0.5
"""Seconds between two rounds; what is replaced meanwhile is never sent."""

_log = logging.getLogger("luotsi.agent.jobs_api")


class Details:
    """One thread for all attempts of an agent, from the first detail on."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._latest: dict[str, str] = {}
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def tell(self, attempt: str, text: str) -> None:
        """Take a detail; it is sent soon."""
        with self._changed:
            self._latest[attempt] = text
            self._changed.notify_all()
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="status details", daemon=True)
                self._thread.start()

    def finish(self, attempt: str) -> None:
        """The command has ended: send what has not been sent, in one try."""
        with self._changed:
            text = self._latest.pop(attempt, None)
        if text is not None:
            self._send(attempt, text, again=False)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
            thread = self._thread
        if thread:
            thread.join(5)

    def _run(self) -> None:
        while not self._closed.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._latest or self._closed.is_set())
                latest, self._latest = self._latest, {}
            for attempt, text in latest.items():
                self._send(attempt, text, again=True)
            self._closed.wait(PAUSE)

    def _send(self, attempt: str, text: str, again: bool) -> None:
        try:
            self._api.detail(attempt, StatusDetail(text))
        except Waiting:
            if again:
                with self._changed:
                    self._latest.setdefault(attempt, text)
        except LuotsiError as error:
            _log.info("a status detail of attempt %s is not wanted: %s", attempt, error)
