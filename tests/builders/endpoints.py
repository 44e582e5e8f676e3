"""A tiny endpoint and the job that builds it: any Python serves it, and it says which version and model it is."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from agent import builds
from controller.inference.port import Serving, Smoke
from schemas.messages.job import VERSION, Archive, Build, DatumFile, Job
from schemas.messages.result import Built, Output

SERVER = """
import json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = open("model.txt").read().strip()
PORT = int(os.environ["VALOHAI_PORT"])

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = {
            "model": MODEL, "pid": os.getpid(), "path": self.path, "prefix": self.headers.get("X-VH-Prefix"),
            "body": body.decode(errors="replace"), "cwd": os.getcwd(), "secret": os.environ.get("LUOTSI_TEST_SECRET"),
            "metadata": json.load(open("valohai-metadata.json"))["version"]["name"],
        }
        content = json.dumps(answer).encode()
        self.send_response(int(self.headers.get("X-Status", STATUS)))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        print(self.command, self.path, flush=True)

STATUS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
print("serving", MODEL, flush=True)
ThreadingHTTPServer((os.environ["LUOTSI_HOST"], PORT), Handler).serve_forever()
"""

PREFIX = "/shop/churn/prod/predict"


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def write_code(folder: Path, **more: str) -> Path:
    """The repository of the endpoint, as the agent unpacked it. `more`: further files by name (`__` reads `.`)."""
    repository = folder / "repository"
    (repository / "app").mkdir(parents=True)
    (repository / "serve.py").write_text(SERVER)
    (repository / "app" / "run.sh").write_text("#!/bin/sh\nexec python3 serve.py\n")
    (repository / "app" / "run.sh").chmod(0o755)
    (repository / "link").symlink_to("serve.py")
    (repository / "empty").mkdir()
    for name, content in more.items():
        (repository / name.replace("__", ".")).write_text(content)
    return repository


def job(
    model: str = "one",
    version: str = "v1.0.0",
    command: str = "python3 serve.py",
    image: str = "python:3.12",
    port: int = 8000,
    path: str = "model.txt",
    repository: str | None = None,
    packages: tuple[str, ...] = (),
) -> Job:
    """A build of the endpoint around a model file that holds `model`."""
    datum = DatumFile(
        datum=_id(model),
        name="model.bin",
        key=f"outputs/{model}",
        size=len(model),
        sha256=f"sha256:{hashlib.sha256(model.encode()).hexdigest()}",
    )
    return Job(
        version=VERSION,
        execution=_id("execution"),
        attempt=_id("attempt"),
        attempt_number=1,
        delivery=1,
        environment="0123456789ab",
        expires="2030-01-01T00:00:00+00:00",
        kind="build",
        project=_id("project"),
        project_name="shop",
        counter=1,
        step="predict",
        commit="1" * 40,
        image="",
        commands=(),
        archive=Archive("code/shop/1.tar.zst", f"sha256:{'0' * 64}", 1),
        created="2030-01-01T00:00:00+00:00",
        build=Build(
            model="churn", version=version, endpoint="predict", image=image, command=command, port=port,
            files={path: datum}, repository=repository, packages=packages,
        ),
    )  # fmt: skip


class Shelf:
    """The artifact store as a build sees it: `fetch` gives a datum's name as its content, `put` keeps what is stored."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.lines: list[str] = []

    def fetch(self, datum: DatumFile, path: Path) -> None:
        path.write_text(datum.key.removeprefix("outputs/"))

    def put(self, path: Path, name: str) -> Output:
        content = path.read_bytes()
        key = f"outputs/{len(self.stored)}/{name}"
        self.stored[key] = content
        return Output(_id(key), name, len(content), f"sha256:{hashlib.sha256(content).hexdigest()}", key)

    def stream(self, key: str) -> list[bytes]:
        content = self.stored[key]
        return [content[at : at + 1000] for at in range(0, len(content), 1000)]

    def build(self, folder: Path, wanted: Job, engine: str | None = None) -> Built:
        return builds.perform(wanted, folder, self.fetch, self.put, self.lines.append, engine)


def serving(wanted: Job, built: Built, *, replicas: int = 1, smoke: Smoke | None = None) -> Serving:
    """What a stage is asked to serve of a build."""
    assert wanted.build is not None
    return Serving(
        repository="shop",
        project=wanted.project_name,
        model="churn",
        stage="prod",
        version=wanted.build.version,
        kind=built.kind,
        reference=built.reference,
        digest=built.digest,
        port=wanted.build.port,
        prefix=PREFIX,
        command=wanted.build.command,
        replicas=replicas,
        smoke=smoke,
    )


Make = Callable[..., Serving]
"""Makes something to serve: `make(model="two", version="v2.0.0")`, with whatever else `job` and `serving` take."""
