"""The variables of a job: what the step and its secrets say, then what the platform says, which nobody replaces."""

from collections.abc import Mapping

from agent.runtimes.port import Places
from schemas.errors import Refused
from schemas.messages.job import Job

_PLATFORM = ("VH_TASK_ID", "VH_PIPELINE_ID", "VH_PIPELINE_NODE_ID")
_DISTRIBUTED = "VH_DIST_"
"""Beginning of the variables of a distributed task's members."""


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
    fixed |= {
        name: value
        for name, value in zip(_PLATFORM, (job.task, job.pipeline, job.node), strict=True)
        if value is not None
    }
    # Whoever is in no task must not be taken for one who is.
    given = {
        name: value
        for name, value in {**job.environment_variables, **secrets}.items()
        if name not in _PLATFORM and not name.startswith(_DISTRIBUTED)
    }
    # Without PYTHONUNBUFFERED metadata arrives when a buffer is full.
    result = {"PYTHONUNBUFFERED": "1", **given, **fixed}
    for name, value in result.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise Refused(f"no process can be given the environment variable {name!r}")
    return result
