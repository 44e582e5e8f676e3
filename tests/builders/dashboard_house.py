"""A dashboard for tests: a real Flask application over a real SQLite ledger, read-only as in production."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from dashboard.app import blueprint
from dashboard.parts import DashboardParts
from ledger.database import open_ledger
from ledger.tables import metadata
from tests.builders.ledger_rows import NOW, Rows
from tests.builders.sample_ledger import Sample
from tests.fakes.memory_store import MemoryStore


@dataclass
class House:
    """A dashboard and what it looks at. `rows` writes; `client` reads."""

    rows: Rows
    parts: DashboardParts
    system: MemoryStore
    artifacts: MemoryStore
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app().test_client()

    def app(self, **changes: object) -> Flask:
        """An application of its own, with some of the parts changed."""
        made = Flask("web", static_folder=None)
        made.register_blueprint(blueprint(replace(self.parts, **changes)))  # type: ignore[arg-type]  # names of parts
        return made

    def get(self, address: str, status: int = 200) -> str:
        """The text of an answer, which has this status."""
        answer = self.client.get(address)
        assert answer.status_code == status, answer.text
        return answer.text


@dataclass
class FilledHouse(House):
    """A dashboard over the sample ledger."""

    sample: Sample


def build(folder: Path) -> House:
    """A dashboard over an empty ledger in this folder."""
    address = f"sqlite:///{folder}/ledger.sqlite"
    ledger = open_ledger(address)
    metadata.create_all(ledger.engine)
    system, artifacts = MemoryStore("system"), MemoryStore("artifacts")
    reading = open_ledger(address, read_only=True)
    stores = {"system": system, "artifacts": artifacts}
    return House(Rows(ledger), DashboardParts(reading, stores, now=lambda: NOW), system, artifacts)


def close(house: House) -> None:
    """Give its connections back."""
    house.rows.ledger.close()
    house.parts.ledger.close()


TOP = {
    "home": "/",
    "commits": "/commits",
    "runs": "/runs",
    "executions": "/executions",
    "promotions": "/promotions",
    "agents": "/agents",
    "repositories": "/repositories",
    "search": "/search?q=nothing-has-this-name",
}
"""Pages that are there without any row."""


def deep(sample: Sample) -> dict[str, str]:
    """Pages of rows, by endpoint and, where one has several faces, what it shows."""
    wine, lab, releases = "/r/wine", "/r/lab/penguins", sample.releases
    return {
        "repository": wine,
        "repository_commits": f"{wine}/commits",
        "commit": f"{wine}/commit/{sample.sha}",
        "commit broken": f"{wine}/commit/{sample.broken}",
        "repository_runs": f"{wine}/runs",
        "run": f"{wine}/run/{sample.run}",
        "repository_executions": f"{wine}/executions",
        "execution": f"{wine}/executions/{sample.trained.number}",
        "execution running": f"{wine}/executions/{sample.running.number}",
        "execution failed": f"{wine}/executions/{sample.failed.number}",
        "execution waiting": f"{wine}/executions/{sample.waiting.number}",
        "log": f"{wine}/executions/{sample.trained.number}/log",
        "run task": f"{wine}/run/{sample.tuning}",
        "task": f"{wine}/tasks/{sample.task}",
        "execution task": f"{wine}/executions/{sample.trial.number}",
        "repository two": lab,
        "repository_executions two": f"{lab}/executions?root=models/eu",
        "run going": f"{lab}/run/{releases.going}",
        "run broken": f"{lab}/run/{releases.broken}",
        "run shipped": f"{lab}/run/{releases.shipped}",
        "run replaced": f"{lab}/run/{releases.replaced}",
        "execution retried": f"{lab}/executions/{releases.retried.number}",
        "execution talking": f"{lab}/executions/{releases.talking.number}",
        "execution below": f"{lab}/executions/1?root=models/eu",
        "deployments": f"{lab}/deployments",
        "deployments none": f"{wine}/deployments",
        "data": f"{lab}/data",
        "data none": f"{wine}/data",
    }
