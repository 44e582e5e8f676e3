"""Faults on request: the next calls find GitHub down, slow, failing, or lose the connection."""

import threading
from dataclasses import dataclass


@dataclass
class Fault:
    """`operation`: only calls of this one; `after`: the call takes effect and its answer is lost; `spare`: so many pass first."""

    kind: str
    calls: int
    operation: str = ""
    after: bool = False
    status: int = 500
    seconds: float = 0.0
    spare: int = 0


class Faults:
    """Operations are named by the description's ids, and `git-http/upload-pack` and `git-http/receive-pack`."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def down(self, calls: int = 1, operation: str = "", *, spare: int = 0) -> None:
        """The connection is reset before anything is read or done."""
        self._add(Fault("cut", calls, operation, spare=spare))

    def cut(self, calls: int = 1, operation: str = "", *, spare: int = 0) -> None:
        """The call takes effect, and the connection breaks in the middle of the answer."""
        self._add(Fault("cut", calls, operation, after=True, spare=spare))

    def error(
        self, status: int = 500, calls: int = 1, operation: str = "", *, after: bool = False, spare: int = 0
    ) -> None:
        """A server error; `after`: although the call took effect."""
        self._add(Fault("error", calls, operation, after=after, status=status, spare=spare))

    def slow(self, seconds: float, calls: int = 1, operation: str = "", *, spare: int = 0) -> None:
        """The answer comes after so many seconds."""
        self._add(Fault("slow", calls, operation, seconds=seconds, spare=spare))

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def take(self, operation: str) -> Fault | None:
        """The fault that this call meets."""
        with self._lock:
            for fault in self._waiting:
                if fault.operation in ("", operation):
                    if fault.spare > 0:
                        fault.spare -= 1
                        continue
                    fault.calls -= 1
                    if fault.calls <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
