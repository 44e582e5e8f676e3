"""What granian serves in tests: a web side in the folder named by the environment."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from flask import Response, jsonify

from schemas import moments
from tests.flow.web_side import START, WebSide
from webhooks.front import Front

web = WebSide(
    Path(os.environ["WEB_SIDE_FOLDER"]), delivery_seconds=float(os.environ["WEB_SIDE_SECONDS"]), threads=8
)
flask = web.app


def front() -> Front:
    """What is served."""
    return Front(flask, threads=8, seconds=web.delivery_seconds, silence=web.delivery_seconds)


# Its clock runs, from the tests' start on, so that addresses end.
_offset = START - moments.now()


@flask.before_request
def tick() -> None:
    """Set the clock."""
    web.now = moments.now() + _offset + timedelta()


streams: Counter[str] = Counter()


@flask.get("/usage")
def usage() -> Response:
    """How many files this process has open, how many bytes of memory it holds, how many threads, and endless answers."""
    files, threads = (len(list(Path(f"/proc/self/{kind}").iterdir())) for kind in ("fd", "task"))
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return jsonify(files=files, memory=memory, threads=threads, streams=streams.total())


@flask.get("/endless")
def endless() -> Response:
    """An answer that ends when nobody takes it any more."""

    def pieces() -> Iterator[bytes]:
        number = str(id(pieces))
        streams[number] += 1
        try:
            while True:
                yield b"x" * 65536
        finally:
            del streams[number]

    return Response(pieces())


@flask.get("/broken")
def broken() -> Response:
    """An answer that is an error once it is made."""

    def pieces() -> Iterator[bytes]:
        raise RuntimeError("broken on purpose")
        yield b""

    return Response(pieces())
