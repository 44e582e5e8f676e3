"""Each real part really works: the smallest proof of what tests rely on."""

import hashlib
import subprocess
import urllib.request
from contextlib import closing
from pathlib import Path

import boto3
import docker
import psycopg
import redis

from tests.parts.chromium import Chromium
from tests.parts.docker_engine import DockerEngine
from tests.parts.gateway import serving
from tests.parts.git import Git
from tests.parts.oci_registry import OciRegistry
from tests.parts.postgres import Postgres
from tests.parts.redis_server import RedisServer
from tests.parts.s3_server import S3Server
from tests.parts.valkey_server import ValkeyServer

REACH = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).status)"


def test_git_commits_as_the_test_person(git: Git, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        return subprocess.run(
            [git.address, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    run("init")
    run("commit", "--allow-empty", "--message", "First")
    assert run("log", "--format=%an %D").strip() == "Test Person HEAD -> main"


def test_docker_runs_a_container_with_python(docker_engine: DockerEngine) -> None:
    with closing(docker.DockerClient(base_url=docker_engine.address)) as client:
        said = client.containers.run(docker_engine.image, ["python", "-c", "print(6 * 7)"], remove=True)
    assert said == b"42\n"


def test_a_container_reaches_a_server_on_the_gateway(docker_engine: DockerEngine, tmp_path: Path) -> None:
    with (
        serving(tmp_path, docker_engine.gateway) as address,
        closing(docker.DockerClient(base_url=docker_engine.address)) as client,
    ):
        said = client.containers.run(docker_engine.image, ["python", "-c", REACH, address], remove=True)
    assert said == b"200\n"


def test_an_image_goes_to_the_registry_and_comes_back_by_digest(
    docker_engine: DockerEngine, oci_registry: OciRegistry
) -> None:
    with closing(docker.DockerClient(base_url=docker_engine.address, timeout=300)) as client:
        name = f"{oci_registry.address}/smoke"
        client.images.get(docker_engine.image).tag(name, "1")
        client.images.push(name, tag="1")
        digest = client.images.get_registry_data(f"{name}:1").id
        assert client.images.pull(f"{name}@{digest}").attrs["RepoDigests"] == [f"{name}@{digest}"]


def test_the_registry_takes_a_blob(oci_registry: OciRegistry) -> None:
    blob = b"bytes of a layer"
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    start = urllib.request.Request(f"http://{oci_registry.address}/v2/smoke/blobs/uploads/", method="POST")
    with urllib.request.urlopen(start) as opened:
        place = opened.headers["Location"]
    put = urllib.request.Request(f"{place}&digest={digest}", data=blob, method="PUT")
    put.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(put) as response:
        assert response.status == 201
    with urllib.request.urlopen(f"http://{oci_registry.address}/v2/smoke/blobs/{digest}") as response:
        assert response.read() == blob


def test_s3_keeps_an_object(s3_server: S3Server) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.address,
        region_name=s3_server.region,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
    )
    bucket = s3_server.fresh()
    client.put_object(Bucket=bucket, Key="a/b", Body=b"content")
    assert client.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"content"
    assert {found["Name"] for found in client.list_buckets()["Buckets"]} >= {bucket, s3_server.bucket}


def test_postgres_answers_and_gives_empty_databases(postgres: Postgres) -> None:
    first, second = postgres.fresh(), postgres.fresh()
    assert first != second
    with psycopg.connect(first.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)


def test_redis_keeps_a_key(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.address) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"


def test_embedded_valkey_keeps_a_key(valkey_server: ValkeyServer) -> None:
    with redis.Redis.from_url(valkey_server.address) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"


def test_chromium_renders_a_page(chromium: Chromium, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "<title>Harbour</title><p id=p></p><script>p.textContent = 6 * 7</script>"
    )
    with chromium.page() as page:
        page.goto((tmp_path / "page.html").as_uri())
        assert page.title() == "Harbour"
        assert page.locator("#p").inner_text() == "42"
        assert page.screenshot()[:4] == b"\x89PNG"
