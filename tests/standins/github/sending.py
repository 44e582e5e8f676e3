"""The post: what is delivered goes out one by one, and a test may hold it back, double it, put it in another order, lose it."""

import hashlib
import hmac
import http.client
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from tests.standins.github.model import Delivery, Hook

PATIENCE = 10
"""Seconds that a receiver has, as the documentation says."""
CONNECT = ("failed to connect to host", 502)
LARGEST = 25 * 1024 * 1024
"""Bytes of a body; a larger one is not delivered."""
TOO_LARGE = ("payload too large", 413)
LATE = ("timed out", 504)


@dataclass(eq=False)
class Sending:
    """A delivery on its way."""

    hook: Hook
    delivery: Delivery
    headers: dict[str, str]


@dataclass
class _Rule:
    """What happens to the next sendings: `word` is lose, vanish or double."""

    word: str
    calls: int
    event: str


Arrange = Callable[[list[Sending]], Iterable[Sending]]


@dataclass(eq=False)
class Post:
    """One thread sends; nothing is sent again by itself, as GitHub does not either."""

    sent: list[Sending] = field(default_factory=list)
    """Everything that a receiver was asked to take, in that order."""
    _queue: deque[Sending] = field(default_factory=deque)
    _held: list[Sending] | None = None
    _rules: list[_Rule] = field(default_factory=list)
    _busy: bool = False
    _ended: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="github-post", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(PATIENCE)

    def hold(self) -> None:
        """From now on everything waits for `release`."""
        with self._changed:
            self._held = self._held if self._held is not None else []

    def release(self, arrange: Arrange = list) -> int:
        """Sends what was held, as `arrange` says (`reversed`, or anything that gives some of them in some order); how many."""
        with self._changed:
            out = list(arrange(self._held or []))
            self._held = None
            self._queue.extend(out)
            self._changed.notify_all()
        return len(out)

    def held(self) -> list[Sending]:
        with self._changed:
            return list(self._held or [])

    def lose(self, sendings: int = 1, event: str = "", *, trace: bool = True) -> None:
        """The next ones do not arrive. With `trace` the deliveries list shows them as failed; without it knows nothing."""
        self._rule("lose" if trace else "vanish", sendings, event)

    def double(self, sendings: int = 1, event: str = "") -> None:
        """The next ones are sent twice, with the same id."""
        self._rule("double", sendings, event)

    def _rule(self, word: str, sendings: int, event: str) -> None:
        with self._changed:
            self._rules.append(_Rule(word, sendings, event))

    def put(self, sending: Sending) -> None:
        """Takes a sending, which is kept in the hook's deliveries unless it vanishes."""
        with self._changed:
            word = self._word(sending.delivery.event)
            if word == "vanish":
                return
            sending.hook.deliveries.append(sending.delivery)
            if word == "lose":
                sending.delivery.status, sending.delivery.code = CONNECT
                return
            for _ in range(2 if word == "double" else 1):
                (self._queue if self._held is None else self._held).append(sending)
            self._changed.notify_all()

    def _word(self, event: str) -> str:
        for rule in self._rules:
            if rule.event in ("", event):
                rule.calls -= 1
                if rule.calls <= 0:
                    self._rules.remove(rule)
                return rule.word
        return ""

    def settle(self, seconds: float = 120) -> None:
        """Returns when nothing is on its way; what is held does not count."""
        with self._changed:
            idle = self._changed.wait_for(lambda: not self._queue and not self._busy, seconds)
        assert idle, f"deliveries were still on their way after {seconds} s"

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._ended)
                if self._ended:
                    return
                sending = self._queue.popleft()
                self._busy = True
                self.sent.append(sending)
            try:
                _send(sending)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()


def _send(sending: Sending) -> None:
    hook, delivery = sending.hook, sending.delivery
    content = json.dumps(delivery.body).encode()
    if len(content) > LARGEST:
        delivery.status, delivery.code = TOO_LARGE
        return
    kind = "application/json"
    if hook.content_type == "form":
        content, kind = urlencode({"payload": content.decode()}).encode(), "application/x-www-form-urlencoded"
    headers = {"Accept": "*/*", "content-type": kind, **sending.headers}
    if hook.secret:
        for name, way in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
            headers[name] = f"{way}={hmac.new(hook.secret.encode(), content, way).hexdigest()}"
    delivery.request_headers = headers
    place = urlsplit(hook.url)
    begun = time.monotonic()
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=PATIENCE)
    try:
        path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        connection.request("POST", path, content, headers)
        with connection.getresponse() as response:
            delivery.response_headers = dict(response.getheaders())
            delivery.response_body = response.read(65536).decode(errors="replace")
            delivery.code = response.status
            delivery.status = "OK" if response.status < 400 else f"Invalid HTTP Response: {response.status}"
    except TimeoutError:
        delivery.status, delivery.code = LATE
    except (OSError, http.client.HTTPException):
        delivery.status, delivery.code = CONNECT
    finally:
        delivery.duration = round(time.monotonic() - begun, 2)
        connection.close()


def digest(secret: str, content: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return f"sha256={hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}"
