"""What a version is made of: the execution at the tagged commit that its model's `from` names, or how one is got."""

from dataclasses import replace

from controller.core.events import TAGS
from controller.core.serving import policies
from controller.core.status import ForgeState
from controller.core.triggers import Answer, Decision
from controller.ports import Ports
from controller.triggering import asking
from controller.triggering.asking import Ask
from controller.watching import configs
from ledger import registry, runs
from ledger.registry import Candidate
from ledger.repositories import ProjectRow, RepositoryRow
from schemas.repo_config import Model
from schemas.states import FINAL_RUN


def find(ports: Ports, project: ProjectRow, model: Model, sha: str) -> Candidate | None:
    """The first successful trusted execution of the model's source at this commit, with its output."""
    source = model.source
    with ports.ledger.read() as connection:
        return registry.candidate(
            connection, project.id, sha, source.output, source.step, source.pipeline, source.node
        )


def ask(
    ports: Ports, repository: RepositoryRow, project: ProjectRow, model: Model, sha: str, tag: str
) -> tuple[ForgeState, str]:
    """Start the trigger that makes the model at this tag's commit, unless it runs or has run; the sentence for the tag.

    Its state is a failure where only a person can help.
    """
    config = configs.of(ports, project.id, sha)
    trigger = policies.maker(config, model) if config else None
    if trigger is None:
        words = f"no trigger at {sha[:7]} makes the model {model.name}; name one in `from: trigger:`"
        return "failure", f"waits: {words}"
    asked = Ask("tag", sha, f"{TAGS}{tag}")
    # In no concurrency group: what a version waits for is not replaced by a newer commit's run.
    new = replace(asking.run_of(project, asked, Decision(trigger, Answer.FIRES)), concurrency_group=None)
    now = ports.clock()
    with ports.ledger.write() as connection:
        if asking.record(connection, ports, repository, [new], now):
            return "pending", f"waits for {trigger.name}, which was started at {sha[:7]}"
        known = runs.at_commit(connection, project.id, trigger.name, sha)
    if any(run.state not in FINAL_RUN for run in known):
        return "pending", f"waits for {trigger.name} at {sha[:7]}, which is running"
    last = known[-1]
    came = f"ended as {last.state} ({last.reason}) and left no {model.source.output}"
    return "failure", f"waits: {trigger.name} at {sha[:7]} {came}"
