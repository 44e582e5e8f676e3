"""The files in a job's config directory, as Valohai's own library reads them: execution, parameters, inputs."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.codec import Json
from schemas.messages.job import Input, Job


@dataclass(frozen=True, slots=True)
class Placed:
    """A file of an input. `name` is relative to the input's directory, with directories."""

    input: str
    name: str
    uri: str
    size: int | None
    """Bytes; None for a file on demand whose source does not say."""
    sha256: str | None
    """`sha256:` and hex; None while nobody has read the file."""
    md5: str = ""
    sha1: str = ""
    datum: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """What the file's sidecar said when it was an output."""
    is_here: bool = True
    """False: on demand, so that the job asks for it."""


def execution(job: Job) -> dict[str, Json]:
    """`execution.json`: flat keys."""
    facts: dict[str, Json] = {
        "commit-identifier": job.commit,
        "creator-id": None,
        "creator-name": job.creator_name or None,
        "creator-email": job.creator_email or None,
        "environment-id": job.environment,
        "environment-name": job.environment_name,
        "environment-slug": job.environment_name,
        "execution-counter": job.counter,
        "execution-ctime": job.created,
        "execution-duration": None,
        "execution-id": job.execution,
        "execution-image": job.image,
        "execution-qtime": None,
        "execution-status": "started",
        "execution-step": job.step,
        "execution-tags": [],
        "execution-title": None,
        "project-id": job.project,
        "project-name": job.project_name,
    }
    if job.task:
        facts |= {"task-id": job.task, "task-counter": job.task_counter}
    if job.pipeline:
        facts |= {
            "pipeline-id": job.pipeline,
            "pipeline-counter": job.pipeline_counter,
            "pipeline-title": None,
            "pipeline-tags": [],
            "pipeline-node-id": job.node,
        }
    return {f"valohai.{key}": value for key, value in facts.items()}


def parameters(job: Job) -> dict[str, Json]:
    """`parameters.json`: every parameter that has a value. A null would make Valohai's library give up."""
    return {name: value for name, value in job.parameters.items() if value is not None}


def inputs(job: Job, placed: Sequence[Placed], directory: str) -> dict[str, Json]:
    """`inputs.json`. `directory`: the inputs directory as the job sees it."""
    by_input: dict[str, list[Placed]] = {each.name: [] for each in job.inputs}
    for file in placed:
        by_input[file.input].append(file)
    return {each.name: _input(job, each, by_input[each.name], directory) for each in job.inputs}


def input_id(execution: str, name: str) -> str:
    """The id of an input: the same for every attempt of an execution."""
    return str(uuid.uuid5(uuid.UUID(execution), name))


def _input(job: Job, described: Input, files: Sequence[Placed], directory: str) -> Json:
    identifier = input_id(job.execution, described.name)
    place = f"{directory}/{described.name}"
    return {"input_id": identifier, "files": [_file(file, place, identifier) for file in files]}


def _file(file: Placed, directory: str, identifier: str) -> Json:
    told: dict[str, Json] = {"name": file.name}
    if file.is_here:
        told["path"] = f"{directory}/{file.name}"
    if file.size is not None:
        told["size"] = file.size
    told["uri"] = file.uri
    if file.datum:
        told["datum_id"] = file.datum
    if not file.is_here:
        told["input_id"] = identifier
    told["metadata"] = [dict(file.metadata)] if file.metadata else []
    digests = {"md5": file.md5, "sha1": file.sha1, "sha256": (file.sha256 or "").removeprefix("sha256:")}
    return told | {"checksums": {kind: digest for kind, digest in digests.items() if digest}}
