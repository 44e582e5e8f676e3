"""Waits until an installation's web side answers: only then it is true that Luotsi runs."""

import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from luotsi.installation import Installation
from luotsi.supervise import Tree
from schemas.errors import Stalled

PACE = 0.1
PATIENCE = 60.0
"""Seconds that the web side has for its first answer; a slow disk and a long migration fit in."""
DEATHS = 2
"""How often it may end before nobody waits for it any more."""
LINES = 15


def until_it_answers(
    opened: Installation, processes: Tree, stopping: threading.Event, seconds: float = PATIENCE
) -> None:
    """Return when the web side answers, or `stopping` is set. Raises `Stalled` with the end of its log when it does not."""
    deadline = time.monotonic() + seconds
    while not stopping.is_set():
        if _answers(opened):
            return
        if processes.deaths("web") > DEATHS or time.monotonic() > deadline:
            file = opened.workspace.folder("logs") / "web.log"
            raise Stalled(
                f"the web side does not answer at {_address(opened)}",
                hint=f"The end of {file}:\n{_tail(file)}",
            )
        stopping.wait(PACE)


def _address(opened: Installation) -> str:
    host, port = opened.listen
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}.get(host, host).strip("[]")  # noqa: S104  # asked, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _answers(opened: Installation) -> bool:
    try:
        with urllib.request.urlopen(f"{_address(opened)}/status", timeout=5):  # noqa: S310  # made here
            return True
    except urllib.error.HTTPError:
        return True  # it may be in trouble, and says so itself
    except OSError:
        return False


def _tail(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "  (there is none)"
    return "\n".join(f"  {line[:200]}" for line in lines[-LINES:])
