"""A thousand small bare repositories, quickly made and quickly changed; and a server that only tells what refs they have."""

import asyncio
import multiprocessing
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pygit2

CONFIG = b"""
- step: { name: train, image: python:3.12, command: python train.py }
- trigger: { name: train, when: { push: {} }, run: { step: train } }
"""
REFS = [
    "refs/heads/main",
    *(f"refs/heads/topic/{n}" for n in range(7)),
    *(f"refs/tags/v{n}" for n in range(3)),
]


def make(folder: Path, count: int) -> list[Path]:
    """Repositories of one commit and eleven refs each, copies of one another."""
    places = [folder / f"{number:04d}.git" for number in range(count)]
    first = pygit2.init_repository(places[0], bare=True)
    shutil.rmtree(places[0] / "hooks", ignore_errors=True)
    who = pygit2.Signature("Ada", "ada@example.org", 1_900_000_000, 0)
    tree = first.TreeBuilder()
    tree.insert("valohai.yaml", first.create_blob(CONFIG), pygit2.enums.FileMode.BLOB)
    commit = first.create_commit(None, who, who, "Begin", tree.write(), [])
    for ref in REFS:
        first.references.create(ref, commit)
    first.set_head("refs/heads/main")
    for place in places[1:]:
        shutil.copytree(places[0], place)
    return places


def change(places: list[Path], number: int) -> None:
    """One commit more on each main branch, each with a tree of its own."""
    who = pygit2.Signature("Ada", "ada@example.org", 1_900_000_000 + number, 0)
    for place in places:
        repository = pygit2.Repository(str(place))
        head = repository.references["refs/heads/main"].peel(pygit2.Commit)
        tree = repository.TreeBuilder(head.tree)
        tree.insert(
            "who", repository.create_blob(f"{place.name} {number}".encode()), pygit2.enums.FileMode.BLOB
        )
        repository.create_commit("refs/heads/main", who, who, f"Change {number}", tree.write(), [head.id])


@contextmanager
def told_over_http(places: list[Path]) -> Iterator[str]:
    """The address, in a process of its own, of a server that lists the refs which the repositories have now.

    Protocols 0 and 2, as git's own server words them; it does nothing else, so that the client is what is measured.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(places, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(places: list[Path], tell: Connection) -> None:
    lists = {f"/{place.name}": _lists(place) for place in places}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                method, target, _ = lines[0].split(" ")
                advertised, listed = lists[target[: target.index(".git") + 4]]
                second = fields.get("git-protocol") == "version=2"
                kind, said = "advertisement", _CAPABLE if second else advertised
                if method == "POST":
                    kind, said = "result", listed if b"command=ls-refs" in body else b""
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}\r\n"
                    f"Content-Length: {len(said)}\r\n\r\n".encode()
                    + said
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=1024)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def _line(text: str) -> bytes:
    return f"{len(text) + 5:04x}{text}\n".encode()


_SERVICE = _line("# service=git-upload-pack") + b"0000"
_CAPABLE = (
    _SERVICE + b"".join(map(_line, ("version 2", "agent=git/2", "ls-refs=unborn", "fetch=shallow"))) + b"0000"
)


def _lists(place: Path) -> tuple[bytes, bytes]:
    repository = pygit2.Repository(str(place))
    refs = [(name, str(repository.references[name].target)) for name in sorted(REFS)]
    head = str(repository.head.target)
    offers = "\0multi_ack side-band-64k ofs-delta symref=HEAD:refs/heads/main object-format=sha1 agent=git/2"
    first = (
        _SERVICE
        + _line(f"{head} HEAD{offers}")
        + b"".join(_line(f"{sha} {name}") for name, sha in refs)
        + b"0000"
    )
    second = _line(f"{head} HEAD symref-target:refs/heads/main")
    return first, second + b"".join(_line(f"{sha} {name}") for name, sha in refs) + b"0000"
