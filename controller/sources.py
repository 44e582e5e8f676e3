"""What a version is made of: the execution at the tagged commit that its model's `from` names, or how one is got."""

from controller import configs, statuses
from controller.ports import Ports
from ledger import registry, runs
from ledger.registry import Candidate
from ledger.repositories import ProjectRow, RepositoryRow
from schemas.repo_config import Model, RepoConfig, Trigger
from schemas.states import FINAL_RUN


def find(ports: Ports, project: ProjectRow, model: Model, sha: str) -> Candidate | None:
    """The first successful trusted execution of the model's source at this commit, with its output."""
    source = model.source
    with ports.ledger.read() as connection:
        return registry.candidate(
            connection, project.id, sha, source.output, source.step, source.pipeline, source.node
        )


def ask(ports: Ports, repository: RepositoryRow, project: ProjectRow, model: Model, sha: str) -> str:
    """Start the trigger that makes the model at this commit, unless it runs or has run; the sentence for the tag."""
    config = configs.of(ports, project.id, sha)
    trigger = _trigger(config, model) if config else None
    if trigger is None:
        return f"waits: no trigger at {sha[:7]} makes the model {model.name}; name one in `from: trigger:`"
    new = runs.NewRun(
        repository_id=repository.id,
        project_id=project.id,
        trigger=trigger.name,
        sha=sha,
        ref=f"refs/heads/{repository.default_branch}",
        before=None,
        event="tag",
        rule={
            "target": {"kind": trigger.target.kind, "name": trigger.target.name},
            "expect": [expectation.text for expectation in trigger.expect],
            "required": trigger.required,
        },
    )
    now = ports.clock()
    with ports.ledger.write() as connection:
        run_id = runs.create(connection, new, now) or runs.reopen_filtered(connection, new)
        if run_id is not None:
            statuses.of_run(connection, ports, repository, runs.by_id(connection, run_id), now)
            return f"waits for {trigger.name}, which was started at {sha[:7]}"
        known = runs.at_commit(connection, project.id, trigger.name, sha)
    if any(run.state not in FINAL_RUN for run in known):
        return f"waits for {trigger.name} at {sha[:7]}, which is running"
    last = known[-1]
    return f"waits: {trigger.name} at {sha[:7]} ended as {last.state} ({last.reason}) and left no {model.source.output}"


def _trigger(config: RepoConfig, model: Model) -> Trigger | None:
    source = model.source
    if source.trigger is not None:
        return next((t for t in config.triggers if t.name == source.trigger), None)
    kind, name = ("pipeline", source.pipeline) if source.pipeline else ("step", source.step)
    return next((t for t in config.triggers if (t.target.kind, t.target.name) == (kind, name)), None)
