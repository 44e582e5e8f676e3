"""GitHub's API for all repositories that one App or token opens: logins, a cache by ETag, pages, renamed repositories."""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from forges.github import reading
from forges.github.credentials import Credentials
from forges.github.faults import Forbidden, NotAccepted, Unknown
from forges.github.wire import Answer, Wire
from forges.port import Budget
from schemas.errors import Stalled, Waiting

PAGE = 100
"""Entries of a page: the most that GitHub gives."""
MOST_PAGES = 100
KEPT_BYTES = 32 * 1024 * 1024
"""Of answers that are kept: a question whose answer did not change is free of the rate limit."""
LARGEST_KEPT = 2 * 1024 * 1024
OVERHEAD = 2048
"""Bytes that Python itself takes for a kept answer, about."""
AGAIN = 60.0
_NEXT = re.compile(r'<([^<>]{1,4000})>\s*;[^,<]*\brel="?next"?')


class Client:
    """Safe between threads. Paths are below the repository (`/pulls`), or of the whole site where they say so."""

    def __init__(self, wire: Wire, credentials: Credentials) -> None:
        self.credentials = credentials
        self._wire = wire
        self._kept = Kept()
        self._moves: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Client({self._wire.api})"

    def clock(self) -> float:
        """Seconds since 1970."""
        return self._wire.clock()

    def budget(self, repository: str) -> Budget | None:
        """What the identity that opens this repository has left."""
        return self.credentials.budget(repository)

    def get(self, repository: str, path: str) -> Any:
        """The JSON value at a path of the repository."""
        return self._json(self._read(repository, self.at(repository, path)))

    def get_site(self, repository: str, path: str) -> Any:
        """The JSON value at a path of the site, with the login of a repository."""
        return self._json(self._read(repository, path))

    def send(self, repository: str, method: str, path: str, body: Any = None) -> Any:
        """Change something. The JSON value of the answer, None where it has none."""
        answer = self._call(repository, method, self.at(repository, path), body)
        return self._json(answer) if answer.body else None

    def as_app(self, method: str, path: str, body: Any = None) -> Answer:
        """Ask as the App itself. Raises `Stalled` where there is none."""
        app = self.credentials.app
        if app is None:
            raise Stalled("only a GitHub App may do that, and there is a plain token", "Set up an App.")
        login = app.own()
        return self._wire.call(method, path, login.value, login.pace, body)

    def pages(self, repository: str, path: str, below: str = "", app: bool = False) -> Iterator[Any]:
        """The entries of all pages of a list, which may be `below` a key. Pages are asked for as they are needed."""
        sign = "&" if "?" in path else "?"
        url = (path if app else self.at(repository, path)) + f"{sign}per_page={PAGE}"
        for _ in range(MOST_PAGES):
            answer = self.as_app("GET", url) if app else self._read(repository, url)
            value = self._json(answer)
            with described():
                entries = reading.a_list(
                    reading.an_object(value, "it").get(below) if below else value, "a page"
                )
            yield from entries
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return
            url = self._wire.here(following[1])
        raise Stalled(f"GitHub's list at {path} of {repository} has more than {MOST_PAGES * PAGE} entries")

    def at(self, repository: str, path: str) -> str:
        """The path of something in a repository, under its present address."""
        if not reading.named(repository):
            raise Stalled(
                f"{repository[:200]!r} is not the name of a repository at GitHub", "Give owner/name."
            )
        return self._moves.get(repository, f"/repos/{repository}") + path

    def moved(self, repository: str) -> bool:
        """If an answer so far led from this name to another."""
        return repository in self._moves

    def _read(self, repository: str, path: str) -> Answer:
        kept = self._kept.find((repository, path))
        answer = self._call(repository, "GET", path, etag=kept.headers["etag"] if kept else "")
        if answer.status != 304:
            self._kept.keep((repository, path), answer)
            return answer
        if kept is None:
            raise Waiting("GitHub says that nothing changed, and nothing was known", AGAIN)
        return kept

    def _call(self, repository: str, method: str, path: str, body: Any = None, etag: str = "") -> Answer:
        for last in (False, True):
            login = self.credentials.login(repository)
            try:
                answer = self._wire.call(method, path, login.value, login.pace, body, etag)
            except NotAccepted:
                if last or not self.credentials.forget(repository):
                    raise
                continue
            except (Forbidden, Unknown) as error:
                if not last and self.credentials.moved(repository):
                    continue
                if isinstance(error, Forbidden):
                    self.credentials.forget(
                        repository
                    )  # rights that were granted since come with the next token
                raise
            if answer.moved:
                self._learn(repository, self._wire.here(path), answer.url)
            return answer
        raise AssertionError("the loop returns or raises")

    def _learn(self, repository: str, asked: str, found: str) -> None:
        """A name of the past: what follows is asked for at the new address at once, and of the same repository."""
        home, old, new = urlsplit(self._wire.api).path, urlsplit(asked).path, urlsplit(found).path
        rest = old.removeprefix(f"{home}/repos/{repository}")
        if rest != old and new.endswith(rest):
            self._moves[repository] = new.removeprefix(home)[: len(new) - len(home) - len(rest)]

    def _json(self, answer: Answer) -> Any:
        with described():
            return answer.json()


@contextmanager
def described() -> Iterator[None]:
    """An answer that is not as GitHub describes it comes from something between: it says nothing about a repository."""
    try:
        yield
    except reading.NotDescribed as error:
        raise Waiting(f"GitHub's answer is not as it describes: {error.message}", AGAIN) from error


class Kept:
    """Answers by question, the least used ones given up first. Safe between threads."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most = most
        self._size = 0
        self._answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, question: tuple[str, str]) -> Answer | None:
        """What was answered last."""
        with self._lock:
            if question in self._answers:
                self._answers.move_to_end(question)
            return self._answers.get(question)

    def keep(self, question: tuple[str, str], answer: Answer) -> None:
        """Keep an answer that has an ETag and is not too large."""
        with self._lock:
            old = self._answers.pop(question, None)
            self._size -= _weight(question, old) if old else 0
            if answer.status != 200 or not answer.headers.get("etag") or len(answer.body) > LARGEST_KEPT:
                return
            self._answers[question] = answer
            self._size += _weight(question, answer)
            while self._size > self._most:
                self._size -= _weight(*self._answers.popitem(last=False))


def _weight(question: tuple[str, str], answer: Answer) -> int:
    """Bytes that an answer takes: of a short one the rest is most of it, and there are many questions with a short answer."""
    said = sum(len(name) + len(value) for name, value in answer.headers.items())
    return OVERHEAD + len(question[1]) + said + len(answer.body)
