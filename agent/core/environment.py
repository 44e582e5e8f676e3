"""The variables of a job: what the step and its secrets say, then what the platform says, which nobody replaces."""

import re
from collections.abc import Mapping

from agent.runtimes.port import Places
from schemas.errors import Refused
from schemas.messages.job import Job

_PLATFORM = ("VH_TASK_ID", "VH_PIPELINE_ID", "VH_PIPELINE_NODE_ID")
_DISTRIBUTED = "VH_DIST_"
"""Beginning of the variables of a distributed task's members."""
_SHELL = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def variables(job: Job, secrets: Mapping[str, str], places: Places) -> dict[str, str]:
    """All variables of the job. Raises `Refused` for a name or value that no process can be given."""
    fixed = _fixed(job, places)
    # Whoever is in no task must not be taken for one who is.
    given = {
        name: value for name, value in {**job.environment_variables, **secrets}.items() if not _is_ours(name)
    }
    # Without PYTHONUNBUFFERED metadata arrives when a buffer is full.
    result = {"PYTHONUNBUFFERED": "1", **given, **fixed}
    for name, value in result.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise Refused(f"no process can be given the environment variable {name!r}")
    return result


def notes(job: Job, secrets: Mapping[str, str], places: Places) -> tuple[str, ...]:
    """Sentences about variables that the command will not see as they were given. Values are in none of them."""
    given = {**job.environment_variables, **secrets}
    fixed = _fixed(job, places)
    ours = [name for name, value in given.items() if _is_ours(name) or fixed.get(name, value) != value]
    odd = [name for name in given if name not in ours and not _SHELL.fullmatch(name)]
    return (
        *(
            f"the variable {_said(name)} is the platform's: the value given for it is ignored"
            for name in ours
        ),
        *(f"the variable {_said(name)} has a name that shells do not hand on to commands" for name in odd),
    )


def _said(name: str) -> str:
    return name if _SHELL.fullmatch(name) else repr(name)


def _is_ours(name: str) -> bool:
    return name in _PLATFORM or name.startswith(_DISTRIBUTED)


def _fixed(job: Job, places: Places) -> dict[str, str]:
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
    return fixed
