"""A web server with a few files, as strangers have them: some ask for a login, some send you on, some lie or hang up."""

import base64
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, unquote


@dataclass
class WebFile:
    """One file. `status` other than 200 is answered without it; `cut` sends that many bytes less than it promises."""

    data: bytes = b""
    etag: str = ""
    login: str = ""
    location: str = ""
    status: int = 200
    cut: int = 0
    knows_head: bool = True


@dataclass
class WebFiles:
    """`files` by decoded path, with the slash; `asked` has each request as `GET /path`, `logins` what was sent with it."""

    files: dict[str, WebFile] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    address: str = ""

    def url(self, path: str, login: str = "") -> str:
        start, _, rest = self.address.partition("://")
        return f"{start}://{login + '@' if login else ''}{rest}{quote(path, safe='/')}"

    @contextmanager
    def serve(self) -> Iterator["WebFiles"]:
        files = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                files.answer(self)

            def do_GET(self) -> None:
                files.answer(self)

            def log_message(self, *_: object) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = unquote(request.path.partition("?")[0], errors="surrogateescape")
        self.asked.append(f"{request.command} {path}")
        login = request.headers.get("Authorization", "")
        self.logins.append(login)
        file = self.files.get(path, WebFile(status=404))
        if file.login and login != "Basic " + base64.b64encode(file.login.encode()).decode():
            file = WebFile(status=401)
        if request.command == "HEAD" and not file.knows_head:
            file = WebFile(status=405)
        request.send_response(302 if file.location else file.status)
        if file.location:
            request.send_header("Location", file.location)
        if file.etag:
            request.send_header("ETag", file.etag)
        request.send_header("Content-Length", str(len(file.data)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(file.data[: len(file.data) - file.cut])
        if file.cut:
            request.close_connection = True
