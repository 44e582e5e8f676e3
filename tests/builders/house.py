"""A whole installation for tests and bench: real processes, an embedded Valkey, a SQLite ledger, one repository."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from controller import loop
from controller.inference.port import Cluster
from controller.ports import Ports
from ledger import agents, executions, observations, repositories, verdicts
from ledger.executions import ExecutionRow, NewExecution
from luotsi import installation, tree, valkey, wiring
from luotsi.installation import Installation
from luotsi.supervise import Tree
from schemas import codec, moments
from schemas.messages.job import Archive
from schemas.states import FINAL_EXECUTION
from tests.builders.person import Person
from tests.parts.process import PATIENCE, free_port, until

NAME = "bench"
PACE = 0.002
"""Seconds between two looks at an execution: less than what the bench measures."""


class House:
    """One running installation. `execute` makes one execution of an empty command and waits until it is final."""

    def __init__(self, opened: Installation, ports: Ports, processes: Tree, person: Person) -> None:
        self.opened = opened
        self.person = person
        self.ports = ports
        self.tree = processes

    def execute(self, image: str, command: str = "true") -> ExecutionRow:
        """Create one execution, wake the controller, and wait until it is final."""
        created = self.create(image, command)
        from queues import wake

        wake.wake(self.ports.redis)
        return self.wait(created.id)

    def create(self, image: str, command: str = "true") -> ExecutionRow:
        """An execution of one command at the repository's commit, queued in the ledger."""
        with self.ports.ledger.read() as connection:
            repository = repositories.by_name(connection, NAME)
            assert repository is not None
            project = repositories.projects_of(connection, repository.id)[0]
            sha = next(iter(observations.heads(connection, repository.id).values()))
            snapshot = verdicts.snapshot(connection, repository.id, sha)
        assert snapshot is not None
        environment = self.ports.settings.environments[0]
        spec = {
            "kind": "step",
            "project": project.id,
            "project_name": project.name,
            "step": "empty",
            "commit": sha,
            "image": image,
            "commands": [command],
            "archive": codec.to_json(Archive(snapshot.key, snapshot.digest, snapshot.size)),
            "created": moments.to_text(moments.now()),
        }
        new = NewExecution(project.id, environment.id, "step", "empty", sha, spec)
        with self.ports.ledger.write() as connection:
            return executions.create(connection, new, moments.now())

    def wait(self, execution_id: str) -> ExecutionRow:
        """The execution, once it is final."""
        until(
            lambda: self._execution(execution_id).state in FINAL_EXECUTION, PATIENCE, execution_id, pace=PACE
        )
        return self._execution(execution_id)

    def _execution(self, execution_id: str) -> ExecutionRow:
        with self.ports.ledger.read() as connection:
            return executions.by_id(connection, execution_id)

    def end_endpoints(self) -> None:
        """End everything that serves. The controller is over by now: it would start them again."""
        for cluster in self.ports.clusters.values():
            names = [observed.name for observed in cluster.observe()]

            def ended(cluster: Cluster = cluster, names: list[str] = names) -> bool:
                return all(map(cluster.end, names))

            until(ended, PATIENCE, "the end of the endpoints")


@contextlib.contextmanager
def house(
    folder: Path, runtime: Mapping[str, object], controller: bool = True, **settings: object
) -> Iterator[House]:
    """An installation whose agent uses this runtime; with `controller=False` the caller takes the turns.

    `settings` are added to luotsi.yaml, or replace what stands there. The repository is called `bench`.
    """
    person = Person(folder / "repositories" / "bench.git", folder / "clone")
    person.commit({"README.md": "Nothing runs here by itself.\n"}, "Begin")
    person.push()
    values = {
        "web": {"listen": f"127.0.0.1:{free_port()}"},
        "repositories": [{"name": "bench", "address": "repositories/bench.git"}],
        "environments": [
            {"name": "local", "runtime": dict(runtime), "agents": [{"name": "agent-1", "slots": 2}]}
        ],
        "clusters": {"local": {"kind": "local", "listen": f"127.0.0.1:{free_port()}"}},
        **settings,
    }
    file = folder / "luotsi.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    opened = installation.opened(file)
    parts = tuple(part for part in tree.parts_of(opened) if controller or part.name != "controller")
    processes = Tree(opened.workspace, parts, {"LUOTSI_SETTINGS": str(file)})
    processes.claim()
    ports = wiring.controller_ports(opened)
    loop.prepare(ports)
    made = House(opened, ports, processes, person)
    processes.start()
    try:
        _ready(made, controller)
        yield made
    finally:
        processes.stop()
        made.end_endpoints()
        ports.ledger.close()
        if opened.embedded_redis:
            valkey.end(opened.workspace)


def _ready(made: House, controller: bool) -> None:
    """Wait until the commit has its snapshot and the agent was heard of."""

    def ready() -> bool:
        if not controller:
            loop.turn(made.ports, set())
        with made.ports.ledger.read() as connection:
            bench = repositories.by_name(connection, NAME)
            seen = bench is not None and observations.heads(connection, bench.id)
            alive = agents.free_slots(connection, moments.now().replace(year=2000))
            return bool(seen and alive and not verdicts.unjudged(connection, 1))

    until(ready, PATIENCE, f"the installation in {made.opened.workspace.root}")
