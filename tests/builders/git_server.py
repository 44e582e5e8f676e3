"""A git server over HTTP on loopback: git's own `http-backend` behind a small web server that can also misbehave."""

import base64
import datetime as dt
import ipaddress
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class GitServer:
    """Serves the repositories below `root`. What it is told here holds from the next request on."""

    root: Path
    address: str = ""
    login: str = ""
    """`user:password` that every request has to bring; empty: none."""
    status: int = 0
    """Answer everything with this status."""
    forbid_push: bool = False
    lead_to: str = ""
    """Redirect everything to this address."""
    before_push: list[list[str]] = field(default_factory=list)
    """git commands, each run once in the repository, before the next push is taken: somebody else was faster."""
    asked: list[str] = field(default_factory=list)
    """`METHOD path?query` of each request, and the login that came with it."""


@contextmanager
def serve(root: Path, tls: ssl.SSLContext | None = None) -> Iterator[GitServer]:
    server = GitServer(root)
    web = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"told": server}))
    server.address = f"http://127.0.0.1:{web.server_port}"
    if tls is not None:
        web.socket = tls.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
        server.address = f"https://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: GitServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length")
        self._answer(self.rfile.read(int(length)) if length else self._chunks())

    def _answer(self, body: bytes) -> None:
        login = base64.b64decode((self.headers.get("Authorization") or "").removeprefix("Basic ")).decode()
        self.told.asked.append(f"{self.command} {self.path} {login}".strip())
        path, _, query = self.path.partition("?")
        if self.told.lead_to:
            self._send(302, b"", {"Location": self.told.lead_to + self.path})
        elif self.told.status:
            self._send(self.told.status, b"not today")
        elif self.told.login and login != self.told.login:
            self._send(401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
        elif self.told.forbid_push and "git-receive-pack" in self.path:
            self._send(403, b"read only")
        else:
            if self.command == "POST" and path.endswith("git-receive-pack"):
                self._be_faster(path)
            self._send(*self._backend(path, query, body))

    def _be_faster(self, path: str) -> None:
        commands, self.told.before_push = self.told.before_push, []
        for command in commands:
            folder = self.told.root / path.lstrip("/").removesuffix("/git-receive-pack")
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)

    def _backend(self, path: str, query: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """RFC 3875: a request as variables and standard input, the answer as headers and content."""
        variables = {
            "GIT_PROJECT_ROOT": str(self.told.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "somebody",
            "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=os.environ | variables
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return int(headers.pop("Status", "200").split()[0]), content, headers

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing on the terminal."""


def self_signed(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody has a reason to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(key.private_bytes(pem, *plain) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def closed_port() -> int:
    """A port on loopback where nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port
