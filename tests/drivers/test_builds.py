"""Endpoint builds: bundles always; images with a real engine, pushed to a real registry."""

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest
import zstandard

from agent.builds import tree
from controller.inference import bundles
from schemas import archive
from schemas.archive import Entry, Kind
from schemas.errors import ConfigError, Refused, Waiting
from schemas.messages.job import DatumFile, Job
from schemas.shell import SHELL
from tests.builders import endpoints
from tests.parts.docker_engine import DockerEngine
from tests.parts.oci_registry import OciRegistry


@pytest.fixture
def shelf() -> endpoints.Shelf:
    return endpoints.Shelf()


def uncompressed(shelf: endpoints.Shelf, key: str) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(shelf.stored[key])


class TestBundle:
    def test_holds_code_model_and_metadata(self, tmp_path: Path, shelf: endpoints.Shelf) -> None:
        endpoints.write_code(tmp_path)
        built = shelf.build(tmp_path, endpoints.job("weights", "v1.2.0", path="app/model.txt"))
        assert (built.kind, built.size) == ("bundle", len(shelf.stored[built.reference]))
        described = bundles.unpack(shelf.stream(built.reference), built.digest, tmp_path / "out")
        assert (described.command, described.port) == ("python3 serve.py", 8000)
        code = tmp_path / "out" / "repository"
        assert (code / "app" / "model.txt").read_text() == "weights"
        assert (code / "serve.py").read_text() == endpoints.SERVER
        assert (code / "link").readlink() == Path("serve.py")
        assert os.access(code / "app" / "run.sh", os.X_OK)
        assert not os.access(code / "serve.py", os.X_OK)
        assert list((code / "empty").iterdir()) == []
        said = json.loads((tmp_path / "out" / "valohai-metadata.json").read_text())
        assert said == json.loads((code / "valohai-metadata.json").read_text())
        assert said["version"]["name"] == "v1.2.0"
        assert said["version"]["commit"]["identifier"] == "1" * 40
        assert said["version"]["endpoints"][0]["files"][0]["path"] == "app/model.txt"
        assert set(said) == {"deployment", "endpoint", "project", "version", "meta"}

    def test_is_the_same_whenever_and_wherever_it_is_made(
        self, tmp_path: Path, shelf: endpoints.Shelf
    ) -> None:
        built = []
        for place in ("one", "two"):
            code = endpoints.write_code(tmp_path / place)
            os.utime(code / "serve.py", (1, 1) if place == "one" else None)
            built.append(shelf.build(tmp_path / place, endpoints.job()))
        assert built[0].digest == built[1].digest
        assert (
            built[0].digest == f"sha256:{hashlib.sha256(uncompressed(shelf, built[0].reference)).hexdigest()}"
        )
        other = shelf.build(tmp_path / "one", endpoints.job("other"))
        assert other.digest != built[0].digest

    def test_opens_with_plain_tar(self, tmp_path: Path, shelf: endpoints.Shelf) -> None:
        endpoints.write_code(tmp_path)
        built = shelf.build(tmp_path, endpoints.job())
        with tempfile.TemporaryFile() as file:
            file.write(uncompressed(shelf, built.reference))
            file.seek(0)
            with tarfile.open(fileobj=file) as opened:
                members = opened.getmembers()
        assert [member.name for member in members] == sorted(member.name for member in members)
        assert {member.mtime for member in members} == {archive.TIME}
        assert {"luotsi-bundle.json", "repository/serve.py", "repository/model.txt"} <= {
            m.name for m in members
        }

    def test_the_model_takes_the_place_of_a_link_and_nothing_is_written_through_it(
        self, tmp_path: Path, shelf: endpoints.Shelf
    ) -> None:
        code = endpoints.write_code(tmp_path)
        victim = tmp_path / "victim"
        victim.write_text("untouched")
        (code / "model.txt").symlink_to(victim)
        built = shelf.build(tmp_path, endpoints.job("weights"))
        assert victim.read_text() == "untouched"
        bundles.unpack(shelf.stream(built.reference), built.digest, tmp_path / "out")
        placed = tmp_path / "out" / "repository" / "model.txt"
        assert not placed.is_symlink()
        assert placed.read_text() == "weights"

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("../model.txt", "`..`"),
            ("/etc/passwd", "absolute"),
            ("a//b", "empty"),
            ("serve.py/model.txt", "serve.py is a file or a link"),
            ("link/model.txt", "link is a file or a link"),
            ("app", "a folder in the repository"),
            (".git/config", ".git"),
        ],
    )
    def test_a_place_that_cannot_be_is_the_users_to_mend(
        self, tmp_path: Path, shelf: endpoints.Shelf, path: str, words: str
    ) -> None:
        endpoints.write_code(tmp_path)
        with pytest.raises(ConfigError, match=words):
            shelf.build(tmp_path, endpoints.job(path=path))
        assert shelf.stored == {}

    def test_a_datum_that_is_not_what_was_ordered_is_refused(
        self, tmp_path: Path, shelf: endpoints.Shelf
    ) -> None:
        class Forger(endpoints.Shelf):
            def fetch(self, datum: DatumFile, path: Path) -> None:
                path.write_text("forged")

        endpoints.write_code(tmp_path)
        with pytest.raises(Refused, match="not what was ordered"):
            Forger().build(tmp_path, endpoints.job())

    def test_without_a_command_there_is_nothing_to_serve(
        self, tmp_path: Path, shelf: endpoints.Shelf
    ) -> None:
        with pytest.raises(ConfigError, match="server-command"):
            shelf.build(tmp_path, endpoints.job(command=" "))

    def test_says_that_requirements_are_not_installed(self, tmp_path: Path, shelf: endpoints.Shelf) -> None:
        endpoints.write_code(tmp_path, requirements__txt="flask\n")
        shelf.build(tmp_path, endpoints.job())
        assert any("requirements are not installed" in line for line in shelf.lines)


def packed(*items: tuple[bytes, tree.Item]) -> tuple[bytes, str]:
    """A bundle of these, and its digest."""
    pieces: list[bytes] = []
    tree.write_tar(dict(items), pieces.append)
    return zstandard.compress(b"".join(pieces)), f"sha256:{hashlib.sha256(b''.join(pieces)).hexdigest()}"


DESCRIPTION = (b"luotsi-bundle.json", tree.Item(b'{"command": "true", "port": 8000}'))


class TestUnpack:
    def refused(self, folder: Path, stored: bytes, digest: str, words: str) -> None:
        with pytest.raises(Refused, match=words):
            bundles.unpack([stored[:7], stored[7:]], digest, folder / "out")
        assert not (folder / "out").exists()

    def test_another_digest_is_refused(self, tmp_path: Path) -> None:
        stored, _ = packed(DESCRIPTION)
        self.refused(tmp_path, stored, f"sha256:{'0' * 64}", "not what was built")

    def test_cut_or_foreign_bytes_are_refused(self, tmp_path: Path) -> None:
        stored, digest = packed(DESCRIPTION, (b"repository/a", tree.Item(os.urandom(5000))))
        self.refused(tmp_path, stored[:-900], digest, "ends too early|decompressed")
        self.refused(tmp_path, b"this is no archive", digest, "decompressed|too early")
        longer = zstandard.compress(zstandard.decompress(stored) + b"x")
        self.refused(tmp_path, longer, digest, "goes on behind its end")

    def test_nothing_is_written_through_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        link = tree.Item(os.fsencode(tmp_path / "outside"), Kind.LINK)
        stored, digest = packed(
            DESCRIPTION, (b"repository/x", link), (b"repository/x/y", tree.Item(b"escaped"))
        )
        self.refused(tmp_path, stored, digest, "two things in one place")
        assert list((tmp_path / "outside").iterdir()) == []

    def test_a_path_that_leaves_is_refused(self, tmp_path: Path) -> None:
        body = archive.header(Entry(b"../escaped", size=0)) + archive.END
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.refused(tmp_path, zstandard.compress(body), digest, r"`\.\.`")
        assert not (tmp_path / "escaped").exists()

    def test_limits_hold_before_anything_large_is_written(self, tmp_path: Path) -> None:
        stored, digest = packed(DESCRIPTION, (b"repository/zeros", tree.Item(bytes(2_000_000))))
        with pytest.raises(Refused, match="more than"):
            bundles.unpack([stored], digest, tmp_path / "out", archive.Limits(entries=10, size=1_000_000))
        assert not (tmp_path / "out").exists()

    def test_a_bundle_that_does_not_say_how_to_start_is_refused(self, tmp_path: Path) -> None:
        for said in (b"{}", b"[]", b"nonsense", b'{"command": "x", "port": "y"}'):
            stored, digest = packed((b"luotsi-bundle.json", tree.Item(said)))
            self.refused(tmp_path, stored, digest, "cannot be read")
        self.refused(tmp_path, *packed((b"a", tree.Item(b""))), "cannot be read")


class TestImage:
    @pytest.fixture
    def client(self, docker_engine: DockerEngine) -> Iterator[docker.DockerClient]:
        with closing(docker.DockerClient(base_url=docker_engine.address)) as client:
            yield client

    def job(self, engine: DockerEngine, **more: object) -> Job:
        return endpoints.job(image=engine.image, **more)  # type: ignore[arg-type]

    def test_is_what_the_contract_says(
        self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine, client: docker.DockerClient
    ) -> None:
        endpoints.write_code(tmp_path)
        built = shelf.build(
            tmp_path, self.job(docker_engine, model="w", version="v1.2.0"), docker_engine.address
        )
        assert (built.kind, built.reference) == ("image", built.digest)
        image = client.images.get(built.digest)
        config = image.attrs["Config"]
        assert image.id == built.digest
        assert config["WorkingDir"] == "/valohai/repository"
        assert not config["Entrypoint"]
        assert config["Cmd"] == [*SHELL, "python3 serve.py"]
        assert "8000/tcp" in config["ExposedPorts"]
        assert "VALOHAI_PORT=8000" in config["Env"]
        assert config["Labels"]["luotsi.model"] == "churn"
        assert config["Labels"]["luotsi.version"] == "v1.2.0"
        assert config["Labels"]["luotsi.commit"] == "1" * 40
        script = "cat model.txt; cmp valohai-metadata.json /valohai/valohai-metadata.json && test -x app/run.sh && pwd"
        said = client.containers.run(built.digest, ["/bin/sh", "-c", script], remove=True)
        assert said.decode() == "w/valohai/repository\n"
        assert any("Step" in line for line in shelf.lines)

    def test_the_same_again_is_the_same_image(
        self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine
    ) -> None:
        digests = []
        for place in ("one", "two"):
            endpoints.write_code(tmp_path / place)
            built = shelf.build(tmp_path / place, self.job(docker_engine), docker_engine.address)
            digests.append(built.digest)
        assert digests[0] == digests[1]

    def test_pushed_its_digest_is_the_registrys(
        self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine, oci_registry: OciRegistry,
        client: docker.DockerClient,
    ) -> None:  # fmt: skip
        endpoints.write_code(tmp_path)
        repository = f"{oci_registry.address}/models/churn"
        wanted = self.job(docker_engine, repository=repository, version="v1.0.0+b5")
        built = shelf.build(tmp_path, wanted, docker_engine.address)
        assert built.reference == f"{repository}@{built.digest}"
        assert client.images.get_registry_data(built.reference).id == built.digest
        client.images.remove(f"{repository}:v1.0.0-b5", force=True)
        assert built.reference in client.images.pull(built.reference).attrs["RepoDigests"]

    def test_requirements_come_before_the_code(
        self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine
    ) -> None:
        endpoints.write_code(tmp_path, requirements__txt="no-such-thing\n", __dockerignore="*\n")
        with pytest.raises(ConfigError, match="pip install"):
            shelf.build(tmp_path, self.job(docker_engine), docker_engine.address)
        steps = [line for line in shelf.lines if line.startswith("Step")]
        assert "COPY requirements/" in steps[2]
        assert "pip install" in steps[3]
        assert not any("COPY code/" in line for line in steps)

    def test_requirements_that_need_the_code_come_after_it(
        self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine
    ) -> None:
        endpoints.write_code(tmp_path, requirements__txt="-r more.txt\n")
        with pytest.raises(ConfigError, match="pip install"):
            shelf.build(tmp_path, self.job(docker_engine), docker_engine.address)
        assert "COPY code/" in next(line for line in shelf.lines if line.startswith("Step 3"))

    def test_a_command_is_never_read_by_the_dockerfile(
        self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine, client: docker.DockerClient
    ) -> None:
        command = 'echo "$HOME" \\\n  "ä\'" && echo $(id -u)\nRUN touch /escaped # "]'
        endpoints.write_code(tmp_path)
        wanted = self.job(docker_engine, command=command, version="v1.0.0-$(touch.x)")
        built = shelf.build(tmp_path, wanted, docker_engine.address)
        config = client.images.get(built.digest).attrs["Config"]
        assert config["Cmd"] == [*SHELL, command]
        assert config["Labels"]["luotsi.version"] == "v1.0.0-$(touch.x)"

    @pytest.mark.parametrize("image", ["python\nRUN touch /x", "-python", "a b", "", "$(id)"])
    def test_an_image_that_is_no_name_is_the_users_to_mend(
        self, tmp_path: Path, shelf: endpoints.Shelf, image: str
    ) -> None:
        endpoints.write_code(tmp_path)
        with pytest.raises(ConfigError, match="not a name of an image"):
            shelf.build(tmp_path, endpoints.job(image=image), "tcp://127.0.0.1:9")

    def test_an_image_that_does_not_exist_says_so(
        self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine, oci_registry: OciRegistry
    ) -> None:
        endpoints.write_code(tmp_path)
        wanted = self.job(docker_engine)
        assert wanted.build is not None
        nowhere = replace(wanted, build=replace(wanted.build, image=f"{oci_registry.address}/no/such:1"))
        with pytest.raises(ConfigError, match="cannot be built"):
            shelf.build(tmp_path, nowhere, docker_engine.address)

    def test_an_engine_that_does_not_answer_is_waited_for(
        self, tmp_path: Path, shelf: endpoints.Shelf
    ) -> None:
        endpoints.write_code(tmp_path)
        with pytest.raises(Waiting, match="does not answer"):
            shelf.build(tmp_path, endpoints.job(), "tcp://127.0.0.1:9")
