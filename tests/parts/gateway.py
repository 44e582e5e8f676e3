"""A plain file server for a test that asks whether something else can reach an address of this machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing: the test's own output is what counts."""


@contextmanager
def serving(folder: Path, host: str) -> Iterator[str]:
    """Serves `folder` at `host` on a free port for the length of the body; yields the URL."""
    with ThreadingHTTPServer((host, 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://{host}:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()
