"""The target that granian loads in tests: a web side in the folder named by the environment."""

import os
from datetime import timedelta
from pathlib import Path

from flask import Response

from schemas import moments
from tests.flow.web_side import START, WebSide

web = WebSide(
    Path(os.environ["WEB_SIDE_FOLDER"]), delivery_seconds=float(os.environ["WEB_SIDE_SECONDS"]), threads=8
)
app = web.app

# Its clock runs, from the tests' start on, so that addresses end.
_offset = START - moments.now()


@app.before_request
def tick() -> None:
    """Set the clock."""
    web.now = moments.now() + _offset + timedelta()


@app.get("/open-files")
def open_files() -> Response:
    """How many files this process has open, and how many bytes of memory it holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Response(f"{len(os.listdir('/proc/self/fd'))} {pages * os.sysconf('SC_PAGE_SIZE')}")  # noqa: PTH208
