"""Makes what an endpoint runs from: an image where the agent has an engine, else a bundle of the very same files.

A build is an execution of kind `build`, so that claims, fences, logs and results are those of any other.
"""

from collections.abc import Callable
from pathlib import Path

from agent.builds import bundle, tree
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile, Job
from schemas.messages.result import Built, Output

__all__ = ["perform"]


def perform(
    job: Job,
    folder: Path,
    fetch: Callable[[DatumFile, Path], None],
    put: Callable[[Path, str], Output],
    say: Callable[[str], None],
    engine: str | None,
) -> Built:
    """Build `job.build` from the unpacked commit in `folder/repository`; everything else in `folder` is ours to use.

    `fetch` places a datum at a path; `put` stores a file as an output of the attempt under a name; `say` takes lines for the
    log; `engine` is the address of a Docker engine. Raises `ConfigError` for what the user has to mend (a file in an
    impossible place, a command of the Dockerfile that fails), `Refused` for a datum that is not what was ordered, and
    `Stalled` or `Waiting` when engine or registry do not do their part.
    """
    if job.build is None or not job.build.command.strip():
        raise ConfigError("The endpoint has no command: give it a `server-command`.")
    items = tree.collect(job, job.build, folder, fetch, say)
    if engine is None:
        return bundle.build(job.build, items, folder, put, say)
    from agent.builds import image

    return image.build(job, job.build, items, folder, say, engine)
