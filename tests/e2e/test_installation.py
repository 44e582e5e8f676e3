"""An installation of real processes: many commits at once, bad commits beside good ones, and the parts of a larger one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlalchemy import func, select

from ledger.tables import executions, promotions, runs, verdicts
from tests.builders.house import House, house
from tests.parts import process
from tests.parts.docker_engine import DockerEngine
from tests.parts.postgres import Postgres
from tests.parts.redis_server import RedisServer
from tests.parts.s3_server import S3Server

PROCESS: dict[str, object] = {"kind": "process", "unsafe": True}
WINE = Path(__file__).resolve().parents[2] / "examples" / "wine"

CONFIG = """
- step:
    name: {name}
    image: none
    command: {command}
- trigger:
    name: {name}
    when: {{push: {{branches: [main]}}}}
    run: {{step: {name}}}
"""


def until(done: Callable[[], object], what: str) -> None:
    """Nobody tells a test when another process is done."""
    process.until(done, what=what)


def contexts(made: House, commit: str) -> dict[str, str]:
    """Context -> state, as the repository's notes say."""
    return {(said := json.loads(line))["context"]: said["state"] for line in made.person.notes(commit)}


def descriptions(made: House, commit: str) -> dict[str, str]:
    return {(said := json.loads(line))["context"]: said["description"] for line in made.person.notes(commit)}


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, PROCESS) as made:
        yield made


def test_twenty_commits_pushed_at_once_have_twenty_verdicts(plain: House) -> None:
    config = CONFIG.format(name="say", command="echo hello")
    shas = [plain.person.commit({"valohai.yaml": config, "n.txt": str(n)}, f"Commit {n}") for n in range(20)]
    plain.person.push()
    until(
        lambda: len(contexts(plain, shas[-1])) == 2 and all(contexts(plain, sha) for sha in shas),
        "all are told",
    )
    until(lambda: all(len(contexts(plain, sha)) == 2 for sha in shas), "every declared check has ended")
    with plain.ports.ledger.read() as connection:
        judged = connection.execute(
            select(func.count())
            .select_from(verdicts)
            .where(verdicts.c.sha.in_(shas), verdicts.c.state == "success")
        ).scalar_one()
        made = connection.execute(select(func.count()).select_from(executions)).scalar_one()
    assert (judged, made) == (20, 1)
    until(lambda: contexts(plain, shas[-1])["luotsi/say"] == "success", "the head's run succeeds")
    assert descriptions(plain, shas[0])["luotsi/say"] == f"neutral: superseded by {shas[-1][:7]}"


@pytest.mark.parametrize(
    ("files", "state", "words"),
    [
        ({"README.md": "no config"}, "success", "neutral: there is no valohai.yaml in this commit"),
        ({"valohai.yaml": "- step: [\n"}, "failure", "valohai.yaml:2:1: not valid YAML"),
        ({"valohai.yaml": "- step: {name: a}\n"}, "failure", "valohai.yaml:1:"),
        ({"valohai.yaml": b"\xff\xfe\x00"}, "failure", "valohai.yaml"),
    ],
)
def test_a_bad_config_is_that_commits_verdict(
    plain: House, files: dict[str, str | bytes], state: str, words: str
) -> None:
    sha = plain.person.commit(files)
    plain.person.push()
    until(lambda: contexts(plain, sha), "the commit has its verdict")
    assert contexts(plain, sha) == {"luotsi/config": state}
    assert words in descriptions(plain, sha)["luotsi/config"]


@pytest.mark.parametrize(
    ("command", "state", "words"),
    [
        ("exit 3", "failure", "exit code 3"),
        ("\"head -c 10000000 /dev/zero | tr '\\\\0' x\"", "success", "complete"),
        ("\"printf '\\\\377\\\\376 no text'\"", "success", "complete"),
        ('"sleep 300 & sleep 300 & exit 0"', "success", "complete"),
        ("ln -s /etc/passwd $VH_OUTPUTS_DIR/out", "success", "complete"),
        ('"mkfifo $VH_OUTPUTS_DIR/pipe && touch \\"$VH_OUTPUTS_DIR/a\\nb\\""', "success", "complete"),
    ],
)
def test_a_bad_step_is_told_and_the_rest_goes_on(plain: House, command: str, state: str, words: str) -> None:
    sha = plain.person.commit({"valohai.yaml": CONFIG.format(name="bad", command=command)})
    plain.person.push()
    until(lambda: contexts(plain, sha).get("luotsi/bad", "pending") != "pending", "the run ends")
    assert contexts(plain, sha) == {"luotsi/config": "success", "luotsi/bad": state}
    assert words in descriptions(plain, sha)["luotsi/bad"]
    good = plain.person.commit({"valohai.yaml": CONFIG.format(name="good", command="echo fine")})
    plain.person.push()
    until(lambda: contexts(plain, good).get("luotsi/good") == "success", "the next commit runs")


def test_a_step_whose_image_does_not_exist_says_so(tmp_path: Path, docker_engine: DockerEngine) -> None:
    runtime: dict[str, object] = {"kind": "docker", "engine": docker_engine.address}
    with house(tmp_path, runtime) as made:
        config = CONFIG.format(name="bad", command="exit 0").replace(
            "image: none", "image: localhost:1/no/such:image"
        )
        sha = made.person.commit({"valohai.yaml": config})
        made.person.push()
        until(lambda: contexts(made, sha).get("luotsi/bad") == "failure", "the run ends")
        assert "localhost:1/no/such:image" in descriptions(made, sha)["luotsi/bad"]


def test_a_repository_that_cannot_be_reached_stops_nobody_else(tmp_path: Path) -> None:
    both = [
        {"name": "away", "address": "/nowhere/at/all.git"},
        {"name": "bench", "address": "repositories/bench.git"},
    ]
    with house(tmp_path, PROCESS, repositories=both) as made:
        sha = made.person.commit({"valohai.yaml": CONFIG.format(name="say", command="echo hello")})
        made.person.push()
        until(lambda: contexts(made, sha).get("luotsi/say") == "success", "the other repository's run ends")
        with made.ports.ledger.read() as connection:
            from ledger import repositories

            away = repositories.by_name(connection, "away")
        assert away is not None
        assert "/nowhere/at/all.git" in (away.trouble or "")


def test_the_whole_path_on_postgresql_redis_and_s3(
    tmp_path: Path,
    postgres: Postgres,
    redis_server: RedisServer,
    s3_server: S3Server,
    docker_engine: DockerEngine,
) -> None:
    store = {
        "kind": "s3",
        "endpoint": s3_server.address,
        "region": s3_server.region,
        "access_key_id": s3_server.access_key,
        "secret_access_key": s3_server.secret_key,
        "allow_http": True,
    }
    bucket = s3_server.fresh()
    settings: dict[str, Any] = {
        "ledger": postgres.fresh(),
        "redis": redis_server.address,
        "stores": {
            "system": {**store, "bucket": bucket},
            "artifacts": {**store, "bucket": s3_server.fresh()},
        },
    }
    runtime: dict[str, object] = {"kind": "docker", "engine": docker_engine.address}
    with house(tmp_path, runtime, **settings) as made:
        files = {
            str(path.relative_to(WINE)): path.read_bytes()
            for path in WINE.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        files["valohai.yaml"] = files["valohai.yaml"].replace(b"python:3.12", docker_engine.image.encode())
        sha = made.person.commit(files, "Classify wines")
        made.person.push()
        until(lambda: contexts(made, sha).get("luotsi/train") == "success", "the model is trained")
        made.person.tag("wine@v1.0.0", sha)
        made.person.tag("wine#prod#1", sha)
        until(lambda: _serving(made), "the model serves")
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.address,
        region_name=s3_server.region,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
    )
    found = {item["Key"].split("/")[0] for item in client.list_objects_v2(Bucket=bucket)["Contents"]}
    assert {"code", "logs", "results", "records"} <= found
    client.close()


def _serving(made: House) -> bool:
    with made.ports.ledger.read() as connection:
        row = connection.execute(select(promotions.c.state, promotions.c.reason)).first()
        ended = connection.execute(select(runs.c.state, runs.c.reason)).first()
    assert row is None or row.state != "failed", row
    assert ended is None or ended.state in ("waiting", "running", "success"), ended
    return row is not None and row.state == "serving"
