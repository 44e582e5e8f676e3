"""Everything before the command: the commit's files, the inputs, the config files, the image, the manifest."""

import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from agent import inputs
from agent.core import command, config_files, controls, environment
from agent.core.config_files import Placed
from agent.core.controls import Controls
from agent.core.kept import Kept
from agent.core.placing import directory
from agent.folder import AttemptFolder, write_file
from agent.inputs import Brought
from agent.logs import AttemptLog
from agent.objects import Objects
from agent.orders import Orders
from agent.patience import keep_trying
from agent.runtimes.port import FOLDERS, Image, Needs, Spec
from agent.supply import Supply
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
class Ready:
    """A command to run, its inputs as they were placed, and what people should know of them."""

    spec: Spec
    inputs: tuple[ResolvedInput, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preparation:
    """One attempt that gets ready."""

    tools: Tools
    job: Job
    folder: AttemptFolder
    log: AttemptLog
    objects: Objects
    orders: Orders
    kept: Kept | None = None
    """What an earlier attempt took: this one takes the same."""

    def repository(self) -> Path:
        """The commit's files in an empty work folder, verified."""
        work = self.folder.renew_work()
        archive = self.job.archive
        wanted = Wanted("GET", archive.key)
        keep_trying(
            lambda: unpack(
                self.objects.stream(wanted), archive.digest, work / "repository", reads=archive.reads
            ),
            self.orders.any,
            self.tools.settings.store_patience,
            self.orders.check_all,
            self.log.say,
        )
        return work

    @property
    def controls(self) -> Controls:
        """What the step asks of its agent, as far as the settings let it."""
        return controls.read(self.job, self.tools.settings.controls)

    @property
    def needs(self) -> Needs:
        """What the command asks of its machine."""
        return controls.needs(self.job, self.controls)

    def notes(self) -> tuple[str, ...]:
        """Sentences about what is left out here, and those that came with the job. Raises `Refused` for what cannot be."""
        return (*self.job.notes, *self.controls.notes, *self.tools.runtime.fit(self.needs))

    def spec(self, secrets: Mapping[str, str], api: Callable[[], Mapping[str, Json] | None]) -> Ready:
        """All of it, up to the command. `api` lets the job call its agent, when its inputs are known, and says how.

        Raises what stands in the way. The image comes first: without it nothing is worth fetching.
        """
        if self.job.trust == "untrusted" and not self.tools.runtime.takes_untrusted:
            raise Refused(f"untrusted code does not run in the runtime {self.tools.runtime.label}")
        joined = command.join(self.job.commands, self.job.joiner)
        image = self._image()
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
        brought = self._inputs(work)
        taken = self.manifest(image, brought.files)
        places = self.tools.runtime.places(work)
        self._config_files(work, brought.files, joined)
        notes = list(brought.notes)
        for note in environment.notes(self.job, secrets, places):
            notes.append(note)
            self.log.say(note)
        if empty := submodules(work / "repository"):
            notes.append(f"submodules are not fetched, their folders are empty: {', '.join(empty)}")
            self.log.say(notes[-1])
        if (calls := api()) is not None:
            write_api(work, calls)
        elif brought.on_demand.entries:
            notes.append("inputs on demand cannot be had: no command in this network reaches its agent")
            self.log.say(notes[-1])
        _open_up(work)
        late = tuple(directory(each) for each in self.job.inputs if each.download == "on-demand")
        for name in late:
            _allow(work / "inputs" / name, 0o777)
        spec = Spec(
            attempt=self.job.attempt,
            execution=self.job.execution,
            agent=f"{self.tools.settings.environment_id}-{self.tools.settings.name}",
            folder=work,
            own=self.folder.own,
            image=image,
            command=joined.argv(places.config),
            variables=environment.variables(self.job, secrets, places),
            needs=self.needs,
            writable=late,
        )
        return Ready(spec, taken, tuple(notes))

    def _inputs(self, work: Path) -> Brought:
        supply = Supply.of(self.job, self.tools.settings, self.objects)
        brought = inputs.bring(self.job, work / "inputs", supply, self.kept)
        for note in brought.notes:
            self.log.say(note)
        brought.on_demand.save(self.folder.path)
        return brought

    def _image(self) -> Image:
        """The image; an engine that is away for a moment is waited for, one that does not have it is not."""
        job, fresh = self.job, self.controls.fresh_image
        return keep_trying(
            lambda: self.tools.runtime.resolve(job.image, fresh, self.log.say, job.image_digest),
            self.orders.any,
            ENGINE_PATIENCE,
            self.orders.check_all,
            self.log.say,
            kinds=(Waiting,),
        )

    def manifest(self, image: Image, placed: Sequence[Placed] = ()) -> tuple[ResolvedInput, ...]:
        """Report what was resolved; the command starts next."""
        manifest = Manifest(image.name, image.digest, self.tools.runtime.label, resolved(placed))
        keep_trying(
            lambda: self.tools.api.manifest(self.job.attempt, manifest),
            self.orders.any,
            check=self.orders.check_all,
            say=self.log.say,
        )
        return manifest.inputs

    def _config_files(self, work: Path, placed: Sequence[Placed], joined: command.Command) -> None:
        places = self.tools.runtime.places(work)
        contents: dict[str, Json] = {
            "execution": config_files.execution(self.job),
            "parameters": config_files.parameters(self.job),
            "inputs": config_files.inputs(self.job, placed, places.inputs),
        }
        for name, content in contents.items():
            _write(work, name, content)
        if joined.is_script:
            script = work / "config" / command.SCRIPT
            script.write_text(joined.text)
            script.chmod(0o755)


def resolved(placed: Sequence[Placed]) -> tuple[ResolvedInput, ...]:
    """An attempt's files as its manifest names them."""
    return tuple(ResolvedInput(file.input, file.name, file.uri, file.size, file.sha256) for file in placed)


def submodules(repository: Path) -> list[str]:
    """The submodules of a snapshot that was just unpacked: git knows no other empty folder."""
    found = (Path(folder) for folder, folders, files in os.walk(repository) if not folders and not files)
    return sorted(str(path.relative_to(repository)) for path in found if path != repository)


def write_api(work: Path, calls: Mapping[str, Json]) -> None:
    """`api.json` and its twin: in one step each, since a running job may read them."""
    _write(work, "api", dict(calls))


def _write(work: Path, name: str, content: Json) -> None:
    for suffix, text in (
        ("json", json.dumps(content, indent=2)), ("yaml", yaml.safe_dump(content, sort_keys=False)),
    ):  # fmt: skip
        path = work / "config" / f"{name}.{suffix}"
        if not path.exists() or path.read_text() != text:
            write_file(path, text.encode())
            path.chmod(0o644)


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
