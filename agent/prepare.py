"""Everything before the command: the commit's files, the inputs, the config files, the image, the manifest."""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from agent import inputs
from agent.core import command, config_files, environment
from agent.core.config_files import Placed
from agent.folder import AttemptFolder
from agent.logs import AttemptLog
from agent.objects import Objects
from agent.orders import Orders
from agent.patience import keep_trying
from agent.runtimes.port import FOLDERS, Image, Spec
from agent.tools import Tools
from agent.unpack import unpack
from schemas.codec import Json
from schemas.errors import Refused, Waiting
from schemas.messages.claim import Manifest, ResolvedInput, Wanted
from schemas.messages.job import Job
from stores import keys

ENGINE_PATIENCE = 60.0
"""Seconds that an engine which does not answer is waited for."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """One attempt that gets ready."""

    tools: Tools
    job: Job
    folder: AttemptFolder
    log: AttemptLog
    objects: Objects
    orders: Orders

    def repository(self) -> Path:
        """The commit's files in an empty work folder, verified."""
        work = self.folder.renew_work()
        archive = self.job.archive
        wanted = Wanted("GET", archive.key)
        keep_trying(
            lambda: unpack(self.objects.stream(wanted), archive.digest, work / "repository"),
            self.orders.any,
            self.tools.settings.store_patience,
            self.orders.check_all,
            self.log.say,
        )
        return work

    def spec(self, secrets: Mapping[str, str]) -> tuple[Spec, tuple[ResolvedInput, ...]]:
        """All of it, up to the command, and the inputs as they were placed. Raises what stands in the way."""
        if self.job.trust == "untrusted" and not self.tools.runtime.takes_untrusted:
            raise Refused(f"untrusted code does not run in the runtime {self.tools.runtime.label}")
        joined = command.join(self.job.commands)
        self.objects.prepare(
            [
                *inputs.wanted(self.job.inputs),
                Wanted("PUT", keys.log(self.job.execution, self.job.attempt_number)),
                Wanted("PUT", keys.result(self.job.execution, self.job.attempt_number)),
            ]
        )
        work = self.repository()
        for name in FOLDERS[1:]:
            (work / name).mkdir()
        placed = inputs.bring(self.job.inputs, work / "inputs", self.objects)
        image = self._image()
        resolved = self.manifest(image, placed)
        places = self.tools.runtime.places(work)
        self._config_files(work, placed, joined)
        _open_up(work)
        spec = Spec(
            attempt=self.job.attempt,
            execution=self.job.execution,
            agent=f"{self.tools.settings.environment_id}-{self.tools.settings.name}",
            folder=work,
            own=self.folder.own,
            image=image,
            command=joined.argv(places.config),
            variables=environment.variables(self.job, secrets, places),
            cpu_max=self.job.resources.cpu_max,
            memory_max=self.job.resources.memory_max,
        )
        return spec, resolved

    def _image(self) -> Image:
        """The image; an engine that is away for a moment is waited for, one that does not have it is not."""
        fresh = environment.wants_fresh_image(self.job)
        return keep_trying(
            lambda: self.tools.runtime.resolve(self.job.image, fresh, self.log.say),
            self.orders.any,
            ENGINE_PATIENCE,
            self.orders.check_all,
            self.log.say,
            kinds=(Waiting,),
        )

    def manifest(self, image: Image, placed: Sequence[Placed] = ()) -> tuple[ResolvedInput, ...]:
        """Report what was resolved; the command starts next."""
        resolved = tuple(
            ResolvedInput(file.input, file.name, file.uri, file.size, file.sha256) for file in placed
        )
        manifest = Manifest(image.name, image.digest, self.tools.runtime.label, resolved)
        keep_trying(
            lambda: self.tools.api.manifest(self.job.attempt, manifest),
            self.orders.any,
            check=self.orders.check_all,
            say=self.log.say,
        )
        return resolved

    def _config_files(self, work: Path, placed: Sequence[Placed], joined: command.Command) -> None:
        places = self.tools.runtime.places(work)
        contents: dict[str, Json] = {
            "execution": config_files.execution(self.job),
            "parameters": config_files.parameters(self.job),
            "inputs": config_files.inputs(self.job, placed, places.inputs),
        }
        for name, content in contents.items():
            (work / "config" / f"{name}.json").write_text(json.dumps(content, indent=2))
            (work / "config" / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        if joined.is_script:
            script = work / "config" / command.SCRIPT
            script.write_text(joined.text)
            script.chmod(0o755)


def _open_up(work: Path) -> None:
    """The image's user, whoever that is, may read everything and write to repository and outputs."""
    for name, folder_bits, file_bits in (
        ("repository", 0o777, 0o666), ("outputs", 0o777, 0o666), ("inputs", 0o555, 0o444), ("config", 0o555, 0o444),
    ):  # fmt: skip
        for folder, _, files in os.walk(work / name):
            _allow(Path(folder), folder_bits)
            for file in files:
                _allow(Path(folder, file), file_bits)


def _allow(path: Path, bits: int) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode) and mode & bits != bits:
        path.chmod(stat.S_IMODE(mode) | bits)
