"""A runtime without processes, for tests and dry runs: it plays a command that it understands, in a thread's time.

It knows a small part of `sh`: `echo` and `printf` (to stdout, `>&2`, or a file), `sleep`, `exit`, `true`, `false`, `cd`,
joined by newlines, `;` and `&&`; variables are filled in. Images whose names begin with `missing` are not there.
What it runs outlives an agent in the same process, so that adoption can be played too.
"""

import hashlib
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

from agent.core import position
from agent.runtimes.port import FOLDERS, Ended, Image, Needs, Piece, Places, Running, Spec, Stream
from schemas.errors import Refused, Stalled

TERMINATED, KILLED, UNKNOWN = 143, 137, 127


class ScriptedRuntime:
    """See the port."""

    label = "scripted (nothing really runs)"
    takes_untrusted = True
    engine = None

    def __init__(self) -> None:
        self._runs: dict[str, ScriptedRun] = {}

    def places(self, folder: Path) -> Places:
        """The work folder itself."""
        return Places(*(str(folder / name) for name in FOLDERS))

    def resolve(self, image: str, fresh: bool, say: Callable[[str], None], pin: str = "") -> Image:
        """The image's name makes its digest."""
        if image.startswith("missing"):
            raise Stalled(f"the image {image} cannot be had: there is no such image")
        if fresh:
            say(f"pulling {image}")
        digest = f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
        if pin not in ("", digest):
            raise Stalled(f"the image {image} cannot be had as an earlier attempt had it: {pin} is gone")
        return Image(image, digest, digest)

    def fit(self, needs: Needs) -> tuple[str, ...]:
        """Nothing runs, so nothing is missed."""
        return ()

    def host(self, network: str) -> str | None:
        """This machine."""
        return None if network == "none" else "127.0.0.1"

    def machine(self) -> tuple[float, int]:
        """None in particular."""
        return 0, 0

    def start(self, spec: Spec) -> Running:
        """See the port."""
        if spec.attempt in self._runs:
            raise Refused(f"attempt {spec.attempt} runs already")
        run = self._runs[spec.attempt] = ScriptedRun(spec, lambda: self._runs.pop(spec.attempt, None))
        return run

    def adopt(self, attempt: str, own: Path) -> Running | None:
        """See the port."""
        run = self._runs.get(attempt)
        return run.again() if run else None

    def sweep(self, agent: str, is_known: Callable[[str], bool]) -> None:
        """See the port."""
        for attempt, run in list(self._runs.items()):
            if run.agent == agent and not is_known(attempt):
                run.stop(0)
                run.remove()


class ScriptedRun:
    """See the port."""

    def __init__(self, spec: Spec, forget: Callable[[], object]) -> None:
        self.agent = spec.agent
        self._spec = spec
        self._forget = forget
        self._written: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._killed = 0
        self._code: int | None = None
        self._is_left = False
        threading.Thread(target=self._play, name=f"script of {spec.attempt}", daemon=True).start()

    def follow(self, skip: Mapping[str, int]) -> Iterator[Piece]:
        """See the port."""
        return position.fresh(self._pieces(), skip)

    def _pieces(self) -> Iterator[Piece]:
        at = dict.fromkeys(self._written, 0)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over() or any(len(self._written[s]) > at[s] for s in at))
                over = self._over()
                pieces = [Piece(stream, data[at[stream] :]) for stream, data in self._written.items()]
            for piece in pieces:
                if piece.data:
                    at[piece.stream] += len(piece.data)
                    yield piece
            if over:
                return

    def wait(self) -> Ended:
        """See the port."""
        with self._changed:
            self._changed.wait_for(self._over)
            return Ended(self._code, "" if self._code is not None else "the agent let go of it")

    def stop(self, grace: float) -> None:
        """See the port. A script obeys SIGTERM at once; one that traps it (`trap`) lasts until it is killed."""
        self._stop.set()

    def leave(self) -> None:
        """See the port."""
        with self._changed:
            self._is_left = True
            self._changed.notify_all()

    def again(self) -> "ScriptedRun":
        """The same run, for the next agent."""
        self._is_left = False
        return self

    def remove(self) -> None:
        """See the port."""
        self._forget()

    def _over(self) -> bool:
        return self._code is not None or self._is_left

    def _play(self) -> None:
        *_, text = self._spec.command
        code = 0
        for words in _statements(text, self._spec.variables):
            code = self._perform(words)
            if code or words[0] == "exit":
                break
        with self._changed:
            self._code = code
            self._changed.notify_all()

    def _perform(self, words: Sequence[str]) -> int:
        match list(words):
            case ["echo", *rest]:
                return self._print(" ".join(rest) + "\n", rest)
            case ["printf", *rest]:
                return self._print(" ".join(rest).encode().decode("unicode_escape"), rest)
            case ["sleep", seconds]:
                return TERMINATED if self._stop.wait(float(seconds)) else 0
            case ["exit", code]:
                return int(code)
            case ["true" | "cd", *_]:
                return 0
            case ["false"]:
                return 1
            case [unknown, *_]:
                self._write("stderr", f"sh: {unknown}: the scripted runtime does not know it\n".encode())
                return UNKNOWN
            case _:
                return 0

    def _print(self, text: str, words: Sequence[str]) -> int:
        target = next((word for word in words if word.startswith(">")), "")
        shown = text.replace(f" {target}", "", 1) if target else text
        if target.startswith(">") and target not in ("", ">&2"):
            path = self._spec.folder / "repository" / target[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(shown)
        else:
            self._write("stderr" if target == ">&2" else "stdout", shown.encode("latin-1", "replace"))
        return 0

    def _write(self, stream: Stream, data: bytes) -> None:
        with self._changed:
            self._written[stream] += data
            self._changed.notify_all()


def connect(settings: Mapping[str, object]) -> ScriptedRuntime:
    """No settings."""
    if settings:
        raise Stalled(f"the scripted runtime has no setting {min(settings)}")
    return ScriptedRuntime()


def _statements(text: str, variables: Mapping[str, str]) -> Iterator[list[str]]:
    for line in text.splitlines():
        lexer = shlex.shlex(Template(line).safe_substitute(variables), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        statement: list[str] = []
        redirect = ""
        for word in [*lexer, ";"]:
            if word in (";", "&&", "{", "}"):
                if statement:
                    yield statement
                statement = []
            elif word in (">", ">&"):
                redirect = word
            else:
                statement.append(redirect + word)
                redirect = ""
