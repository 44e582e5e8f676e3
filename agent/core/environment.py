"""The variables of a job: what the step and its secrets say, then what the platform says, which nobody replaces."""

from collections.abc import Mapping

from agent.runtimes.port import Places
from schemas.errors import Refused
from schemas.messages.job import Job

_TRUE = frozenset({"1", "yes", "true"})


def variables(job: Job, secrets: Mapping[str, str], places: Places) -> dict[str, str]:
    """All variables of the job. Raises `Refused` for a name or value that no process can be given."""
    fixed = {
        "VH_CONFIG_DIR": places.config,
        "VH_INPUTS_DIR": places.inputs,
        "VH_OUTPUTS_DIR": places.outputs,
        "VH_REPOSITORY_DIR": places.repository,
        "VH_JOB_ID": f"exec-{job.execution}",
        "VH_EXECUTION_ID": job.execution,
        "VH_PROJECT_ID": job.project,
    }
    if job.pipeline:
        fixed["VH_PIPELINE_ID"] = job.pipeline
    if job.node:
        fixed["VH_PIPELINE_NODE_ID"] = job.node
    # Without PYTHONUNBUFFERED metadata arrives when a buffer is full.
    result = {"PYTHONUNBUFFERED": "1", **job.environment_variables, **secrets, **fixed}
    for name, value in result.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise Refused(f"no process can be given the environment variable {name!r}")
    return result


def wants_fresh_image(job: Job) -> bool:
    """Whether `VH_NO_IMAGE_CACHE` asks for a pull even where the image is there."""
    return job.environment_variables.get("VH_NO_IMAGE_CACHE", "").lower() in _TRUE
