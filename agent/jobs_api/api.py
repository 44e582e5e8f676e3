"""The job API of an agent: its servers, one for each address that commands reach, and the attempts that may call.

A server comes with the first attempt that wants it, and keeps its port over a restart of the agent, since running commands
know it from `api.json`.
"""

import hashlib
import json
import logging
import threading
from pathlib import Path

from agent.claim import Api
from agent.folder import write_file
from agent.jobs_api.calls import Calls
from agent.jobs_api.details import Details
from agent.jobs_api.server import Server
from schemas.codec import Json

PORTS = "jobs-api.json"

_log = logging.getLogger("luotsi.agent.jobs_api")


class JobsApi:
    """Safe to share between threads. `folder` is the agent's own."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.details = Details(api)
        self._ports = folder / PORTS
        self._by_token: dict[bytes, Calls] = {}
        self._by_attempt: dict[str, Calls] = {}
        self._servers: dict[str, Server] = {}
        self._lock = threading.Lock()

    def admit(self, calls: Calls, host: str | None) -> dict[str, Json] | None:
        """Let an attempt call; what its `api.json` says. None where a command cannot reach this agent: nobody is let in."""
        server = self._server(host) if host else None
        if server is None:
            return None
        with self._lock:
            self._by_token[_digest(calls.token)] = calls
            self._by_attempt[calls.attempt] = calls
        return calls.described(server.base)

    def dismiss(self, attempt: str) -> None:
        """The attempt's command has ended, and with it its token. What it said last is handed on."""
        with self._lock:
            calls = self._by_attempt.pop(attempt, None)
            if calls:
                self._by_token.pop(_digest(calls.token), None)
        self.details.finish(attempt)

    def close(self) -> None:
        """End all servers."""
        with self._lock:
            servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            server.shutdown()
            server.server_close()
        self.details.close()

    def _server(self, host: str) -> Server | None:
        with self._lock:
            if host not in self._servers:
                server = self._listen(host)
                if server is None:
                    return None
                self._servers[host] = server
                threading.Thread(
                    target=server.serve_forever, args=(0.2,), name=f"job API at {server.base}", daemon=True
                ).start()
            return self._servers[host]

    def _listen(self, host: str) -> Server | None:
        known = self._known()
        for port in dict.fromkeys((known.get(host, 0), 0)):
            try:
                server = Server(host, port, self._of_token, self._by_attempt.get)
            except OSError as error:
                _log.info("the job API cannot listen at %s:%s: %s", host, port, error)
                continue
            write_file(self._ports, json.dumps({**known, host: server.server_address[1]}).encode())
            return server
        return None

    def _known(self) -> dict[str, int]:
        try:
            found = json.loads(self._ports.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        ports = found if isinstance(found, dict) else {}
        return {
            str(host): port for host, port in ports.items() if isinstance(port, int) and 0 < port < 65_536
        }

    def _of_token(self, token: str) -> Calls | None:
        # A digest is looked up, so that the time it takes says nothing of the token.
        return self._by_token.get(_digest(token))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
