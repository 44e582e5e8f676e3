"""The files in a job's config directory, as Valohai's own library reads them: execution, parameters, inputs."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.codec import Json
from schemas.messages.job import Input, Job


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that was put into an input's directory. `name` is relative to it, with directories."""

    input: str
    name: str
    uri: str
    size: int
    sha256: str
    """`sha256:` and hex."""
    md5: str
    sha1: str
    datum: str | None = None


def execution(job: Job) -> dict[str, Json]:
    """`execution.json`: flat keys."""
    facts: dict[str, Json] = {
        "commit-identifier": job.commit,
        "creator-id": None,
        "creator-name": None,
        "creator-email": None,
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
    return {
        each.name: _input(job, each, [file for file in placed if file.input == each.name], directory)
        for each in job.inputs
    }


def _input(job: Job, described: Input, files: Sequence[Placed], directory: str) -> Json:
    return {
        "input_id": str(uuid.uuid5(uuid.UUID(job.execution), described.name)),
        "files": [
            {
                "name": file.name,
                "path": f"{directory}/{described.name}/{file.name}",
                "size": file.size,
                "uri": file.uri,
                **({"datum_id": file.datum} if file.datum else {}),
                "metadata": [],
                "checksums": {
                    "md5": file.md5,
                    "sha1": file.sha1,
                    "sha256": file.sha256.removeprefix("sha256:"),
                },
            }
            for file in files
        ],
    }
