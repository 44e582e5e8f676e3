"""A step of the working tree as a job: the files as they lie there, the step spelled out, nothing committed or pushed."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent.local import NOWHERE
from controller.core import fit, plan
from controller.core.plan import Facts, Given
from controller.git import local
from controller.git.local import LocalRepository
from schemas import codec, moments
from schemas.errors import ConfigError
from schemas.messages.job import VERSION, Archive, DatumFile, Job
from schemas.parse_config import FILE_NAME, parse_config
from schemas.repo_config import RepoConfig
from schemas.values import NULL_SHA
from schemas.yaml_limits import DEFAULT_LIMITS
from stores import keys

LIFE = timedelta(days=1)
TRUE, FALSE = frozenset(("true", "yes", "1", "on")), frozenset(("false", "no", "0", "off"))
RUNS = Path(".luotsi", "runs")
"""Where runs are left below the repository's top. Nothing of it is ever in a commit or a snapshot."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person gives to the step, and what the settings (if they are given) bring along."""

    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    joiner: str = "&&"


@dataclass(frozen=True, slots=True)
class Tree:
    """A working tree with its config. `root` is the config's folder below the top, as a project's."""

    repository: LocalRepository
    top: Path
    file: Path
    config: RepoConfig

    @classmethod
    def around(cls, place: Path) -> "Tree":
        """The tree that `place` lies in, with the nearest valohai.yaml at or above it. Raises `ConfigError`."""
        repository = LocalRepository(place)
        top = repository.top
        if top is None:
            raise ConfigError(f"{place} is in a bare repository: there is no working tree to run")
        here = place.resolve()
        folders = [folder for folder in (here, *here.parents) if folder.is_relative_to(top.resolve())]
        file = next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)
        if file is None:
            raise ConfigError(
                f"there is no {FILE_NAME} in {top}", hint="Begin with one step: see the README."
            )
        with file.open("rb") as opened:
            text = opened.read(DEFAULT_LIMITS.bytes + 1)
        return cls(repository, top, file, parse_config(text, str(file.relative_to(top.resolve()))))

    def step(self, name: str) -> Any:
        """The step that a person means: its name, or the only one that begins so. Raises `ConfigError`."""
        steps = self.config.valohai.steps if self.config.valohai else {}
        if name in steps:
            return steps[name]
        near = [each for each in steps if each.lower().startswith(name.lower())]
        if len(near) == 1:
            return steps[near[0]]
        errors = [problem for problem in self.config.problems if problem.severity == "error"]
        hint = f"There is: {', '.join(near or steps) or 'none that can be read'}."
        said = f"several steps begin with {name}" if near else f"there is no step called {name}"
        raise ConfigError(said, errors, hint)

    def free_folder(self, step: str) -> Path:
        """A new folder for a run, below the repository's top, in a place that git does not see."""
        runs = self.top / RUNS
        runs.mkdir(parents=True, exist_ok=True)
        ignore = self.top / RUNS.parts[0] / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in step)[:60]
        number = 1 + max((number_of(each) for each in runs.iterdir()), default=0)
        while True:
            folder = runs / f"{number}-{plain}"
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder


def number_of(folder: Path) -> int:
    """The number of a run's folder; 0 for anything else."""
    digits = folder.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def job(tree: Tree, step: str, wishes: Wishes, archive: Path) -> Job:
    """The job of a step, with the tree's archive written to the file `archive`. Raises `ConfigError`."""
    described = tree.step(step)
    unborn = tree.repository.repository().head_is_unborn
    head = NULL_SHA if unborn else tree.repository.resolve("HEAD")
    made = local.snapshot(tree.repository, archive)
    project = str(uuid.uuid5(uuid.NAMESPACE_URL, tree.file.as_uri()))
    facts = Facts(
        project=project,
        project_name=tree.top.name,
        commit=head,
        archive=Archive(keys.code(project, head), made.digest, made.size),
        created=moments.now(),
        groups={**{name: {} for name in described.environment_variable_groups or ()}, **wishes.groups},
        secrets={name: frozenset(values) for name, values in wishes.secrets.items()},
        by_hand="--environment-variable {}=VALUE",
        stores=tuple(dict.fromkeys(("artifacts", described.upload_store or "artifacts"))),
        joiner=wishes.joiner,
        resolve=_unknown,
    )
    given = Given(
        parameters=_parameters(described, wishes.parameters),
        uris={name: tuple(map(address, values)) for name, values in _known(described, wishes.inputs).items()},
        variables=wishes.variables,
        image=wishes.image,
    )
    spec = plan.plan_step(tree.config.valohai, described.name, given, facts).spec
    mounts, notes = fit.allowed_mounts(spec["mounts"], wishes.mounts)
    missing = [name for name in described.environment_variable_groups or () if name not in wishes.groups]
    notes += [
        f"the variable group {name} is not known here: give its settings with --settings" for name in missing
    ]
    minted = str(uuid.uuid4())
    body = {
        **spec,
        "mounts": mounts,
        "notes": [*spec["notes"], *notes],
        "version": VERSION,
        "execution": minted,
        "attempt": str(uuid.uuid4()),
        "attempt_number": 1,
        "delivery": 1,
        "environment": NOWHERE,
        "environment_name": "here",
        "expires": moments.to_text(moments.now() + LIFE),
        "counter": 1,
    }
    return codec.from_json(Job, body)


def input_folders(wishes: Wishes) -> tuple[str, ...]:
    """The folders of the inputs that a person named as paths: what the agent may read."""
    paths = [_split(value)[0] for values in wishes.inputs.values() for value in values if "://" not in value]
    return tuple(dict.fromkeys(map(str, paths)))


def address(value: str) -> str:
    """An input's address as it was given; a path of this machine becomes a `file://` one. Raises `ConfigError`.

    A folder is all below it; `*` and `**` work as in the addresses of stores.
    """
    if "://" in value:
        return value
    folder, rest = _split(value)
    if not (folder / rest if "*" not in rest else folder).exists():
        raise ConfigError(
            f"there is no {value} here", hint="Give a path of this machine, or an address with ://"
        )
    return f"file://{quote(f'{folder}/{rest}', safe='/*')}"


def _split(value: str) -> tuple[Path, str]:
    """A path's folder, where it truly lies, and what comes behind it: a file's name, or from the first star on."""
    parts = Path(value).expanduser().absolute().parts
    first = next((number for number, part in enumerate(parts) if "*" in part), len(parts))
    folder = Path(*parts[:first])
    if first == len(parts) and not folder.is_dir():
        return folder.parent.resolve(), folder.name
    return folder.resolve(), "/".join(parts[first:])


def _parameters(step: Any, given: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Texts as the step's parameters take them: several make a list, and a flag is true or false."""
    values: dict[str, Any] = {}
    for name, texts in given.items():
        declared = step.parameters.get(name)
        if declared is not None and declared.type == "flag":
            values[name] = _flag(name, texts[-1])
        else:
            values[name] = list(texts) if len(texts) > 1 else texts[0]
    return values


def _flag(name: str, text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ConfigError(f"parameter {name} is a flag: true or false, not {text}")
    return text.lower() in TRUE


def _known(step: Any, inputs: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    for name in inputs:
        if name not in step.inputs:
            raise ConfigError(
                f"step {step.name} has no input {name}", hint=f"It has: {', '.join(step.inputs) or 'none'}."
            )
    return inputs


def _unknown(uri: str) -> tuple[DatumFile, ...]:
    raise ConfigError(
        f"{uri} names data of an installation, which nobody asks here",
        hint="Give the input's files: --input NAME=PATH",
    )


def pairs(texts: Iterable[str], what: str) -> dict[str, tuple[str, ...]]:
    """`name=value` of options, by name, in their order. Raises `ConfigError`."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"{text} is not NAME=VALUE", hint=f"Like this: {what}")
        found[name] = (*found.get(name, ()), value)
    return found
