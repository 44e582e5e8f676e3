"""Serves the model over HTTP: POST rows to any path for predictions, GET any path for its health.

Reads model.json from the working directory and listens on the address LUOTSI_HOST, else on all, at
VALOHAI_PORT, else PORT, else 8000. SIGTERM ends it after the requests that are being answered.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from wine import model, rows

MOST_BYTES = 1 << 20
ENDINGS = {signal.SIGTERM, signal.SIGINT}


class Server(ThreadingHTTPServer):
    """Holds the model; closing it waits for the requests under way."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, port: int, path: Path) -> None:
        self.model = model.load(path)
        self.description = describe(self.model, path)
        super().__init__((os.environ.get("LUOTSI_HOST", "0.0.0.0"), port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no fault of ours; the rest is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request, one connection. All answers are JSON."""

    server: Server
    timeout = 5

    def do_GET(self) -> None:
        usage = 'POST {"rows": [[...], ...]} or {"row": {...}}'
        self.answer(200, {"status": "ok", "model": self.server.description, "usage": usage})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        served = self.server.model
        try:
            wines = rows.read(self.body(), served.features)
        except rows.BadRequest as error:
            self.answer(400, {"error": str(error)})
            return
        predictions = [predict(served, wine) for wine in wines]
        answered_by = {key: self.server.description[key] for key in ("name", "digest")}
        self.answer(200, {"predictions": predictions, "model": answered_by})

    def body(self) -> bytes:
        """What was sent, if it says how long it is and is not too long."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise rows.BadRequest("the request has no Content-Length")
        if len(length) > 9 or int(length) > MOST_BYTES:
            raise rows.BadRequest(f"the body is longer than {MOST_BYTES} bytes")
        return self.rfile.read(int(length))

    def answer(self, code: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.answer(code, {"error": message or self.responses[code][0]})


def predict(served: model.Model, measurements: list[float]) -> dict[str, Any]:
    """The likeliest kind of wine, and how likely each is."""
    shares = served.probabilities(measurements)
    rounded = {kind: round(share, 6) for kind, share in shares.items()}
    return {"class": model.likeliest(shares), "probabilities": rounded}


def describe(served: model.Model, path: Path) -> dict[str, Any]:
    """What a caller may want to know of the model that answered."""
    return {
        "name": "wine",
        "digest": model.digest(path),
        "classes": served.classes,
        "features": served.features,
        "training": served.training,
    }


def port_of(environment: dict[str, str]) -> int:
    """The port to listen on; 0 lets the system choose one."""
    text = environment.get("VALOHAI_PORT") or environment.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536):
        sys.exit(f"The port is {text!r}; it should be a number from 0 to 65535.")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the wine classifier.")
    parser.add_argument("--model", type=Path, default=Path("model.json"))
    path, port = parser.parse_args().model, port_of(dict(os.environ))
    try:
        server = Server(port, path)
    except (OSError, ValueError) as error:
        sys.exit(f"The endpoint cannot start on port {port}: {error}")
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}).start()
        print(f"Serving {path} on port {server.server_port}.", flush=True)
        signal.sigwait(ENDINGS)
        server.shutdown()
    print("The endpoint has ended.", flush=True)


if __name__ == "__main__":
    main()
