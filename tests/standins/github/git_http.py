"""git's smart HTTP, as GitHub gives it: `/OWNER/NAME.git`, by git's own http-backend, for who may."""

import base64
import binascii
import os
import re
import subprocess
from dataclasses import dataclass

from tests.standins.github import pushes
from tests.standins.github.answers import Refusal
from tests.standins.github.auth import Grant, identify
from tests.standins.github.bare import ENVIRONMENT
from tests.standins.github.model import Repository
from tests.standins.github.pipeline import Request
from tests.standins.github.world import World

PATH = re.compile(r"/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")


@dataclass(frozen=True)
class GitAnswer:
    status: int
    content: bytes
    headers: dict[str, str]


def service(request: Request) -> str:
    """`git-http/upload-pack`, `git-http/receive-pack`, or empty where the request is not git's."""
    match = PATH.fullmatch(request.path)
    if match is None:
        return ""
    asked = request.query.removeprefix("service=") if match[3] == "info/refs" else match[3]
    return (
        f"git-http/{asked.removeprefix('git-')}" if asked in ("git-upload-pack", "git-receive-pack") else ""
    )


def answer(world: World, request: Request) -> GitAnswer:
    match = PATH.fullmatch(request.path)
    assert match is not None
    writes = service(request) == "git-http/receive-pack"
    with world.lock:
        grant = _grant(world, request.headers.get("authorization"))
        if grant is None:
            return _asks("Invalid username or token.")
        repository, moved = world.find(match[1], match[2])
        if repository is None or not grant.sees(repository) or (writes and grant.kind == "none"):
            return _asks("Repository not found.") if grant.kind == "none" else _text(404, "Repository not found.")  # fmt: skip
        if not _allowed(grant, repository, writes=writes):
            return _text(403, "Write access to repository not granted.")
        if moved:
            place = f"/{repository.full_name}.git/{match[3]}" + (f"?{request.query}" if request.query else "")  # fmt: skip
            return GitAnswer(301, b"", {"Location": place})
        if match[3] == "git-receive-pack":
            return _taken(world, repository, grant, request)
    return _backend(world, repository, match[3], request)


def _taken(world: World, repository: Repository, grant: Grant, request: Request) -> GitAnswer:
    """A push, with nobody else between it and what is told of it."""
    assert grant.account is not None
    before = world.bare(repository).refs()
    done = _backend(world, repository, "git-receive-pack", request)
    moves = pushes.differing(before, world.bare(repository).refs())
    pushes.pushed(world, repository, grant.account, moves)
    return done


def _grant(world: World, header: str | None) -> Grant | None:
    """The token is the password; the name beside it (`x-access-token` for apps) says nothing."""
    if header and header.lower().startswith("basic "):
        try:
            base64.b64decode(header[6:], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
    try:
        grant = identify(world, header)
    except Refusal:
        return None
    return None if grant.kind == "app" else grant


def _allowed(grant: Grant, repository: Repository, *, writes: bool) -> bool:
    if grant.kind in ("installation", "fine"):
        level = "write" if writes else "read"
        reached = grant.reaches(repository) and grant.has(f"contents:{level}")
        if not reached and (writes or repository.private):
            return False
    if grant.kind == "classic" and writes and not grant.scopes & {"repo", "public_repo"}:
        return False
    return grant.kind == "installation" or grant.may(repository, "write" if writes else "read")


def _asks(words: str) -> GitAnswer:
    return GitAnswer(401, words.encode(), {"WWW-Authenticate": 'Basic realm="GitHub"'})


def _text(status: int, words: str) -> GitAnswer:
    return GitAnswer(status, words.encode(), {"Content-Type": "text/plain"})


def _backend(world: World, repository: Repository, place: str, request: Request) -> GitAnswer:
    """RFC 3875: a request as variables and standard input, the answer as headers and content."""
    variables = {
        "GIT_PROJECT_ROOT": str(world.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": "somebody",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": f"/{repository.path.name}/{place}",
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
    }
    environment = os.environ | ENVIRONMENT | variables
    done = subprocess.run(["git", "http-backend"], input=request.body, capture_output=True, env=environment)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    return GitAnswer(int(headers.pop("Status", "200").split()[0]), content, headers)
