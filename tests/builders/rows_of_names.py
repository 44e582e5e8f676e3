"""Rows of what executions and pipelines have named: deployments, datasets, candidates of models, files; and further projects."""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger import tables
from tests.builders.row_writer import Execution, Repository, Writer


class NameRows(Writer):
    """Projects in folders, deployments and names for data."""

    def project(self, of: Repository, root: str) -> Repository:
        """Another project of a repository, in a folder."""
        below = Repository(of.id, of.name, self.next_id())
        self.put(tables.projects, id=below.project, repository_id=of.id, root=root, name=root)
        return below

    def deployment(
        self,
        of: Repository,
        pipeline: str,
        sha: str,
        state: str = "serving",
        name: str = "20300314.0",
        leading: Sequence[str] = (),
        **values: Any,
    ) -> str:
        """A version of the deployment `wine-api` with one endpoint; the aliases in `leading` lead to it."""
        identity = self.next_id()
        deployment = values.get("deployment", "wine-api")
        address = f"http://127.0.0.1:8081/{of.name}/{deployment}/{name}/predict/"
        defaults: dict[str, Any] = {
            "deployment": deployment,
            "node": "serve",
            "cluster": "local",
            "endpoints": {
                "predict": {"files": {"model": {}}, "address": address if state == "serving" else ""}
            },
            "aliases": list(leading),
            "reason": "",
            "created_at": self.ago(300),
            "finished_at": self.ago(200) if state in ("retired", "failed") else None,
        }
        self.put(
            tables.deployment_versions,
            id=identity,
            project_id=of.project,
            pipeline_id=pipeline,
            sha=sha,
            state=state,
            name=name,
            **{**defaults, **values},
        )
        for alias in leading if state == "serving" else ():
            row = {"project_id": of.project, "deployment": deployment, "name": alias}
            self.put(tables.deployment_aliases, version_id=identity, moved_at=self.ago(250), **row)
        return identity

    def dataset(
        self, of: Execution, name: str, files: Sequence[str], aliases: Sequence[str] = (), **values: Any
    ) -> str:
        """A version of the dataset `penguins`."""
        identity = self.next_id()
        project = of.repository.project
        defaults: Mapping[str, Any] = {"dataset": "penguins", "tags": [], "created_at": self.ago(260)}
        row = {**defaults, **values}
        self.put(
            tables.dataset_versions,
            id=identity,
            project_id=project,
            name=name,
            execution_id=of.id,
            files=list(files),
            **row,
        )
        for alias in aliases:
            key = {"project_id": project, "dataset": row["dataset"], "name": alias}
            self.put(tables.dataset_aliases, version_id=identity, moved_at=self.ago(255), **key)
        return identity

    def candidate(self, of: Execution, number: int, files: Sequence[str], **values: Any) -> str:
        """A candidate of the model `penguin`."""
        identity = self.next_id()
        defaults: Mapping[str, Any] = {
            "model": "penguin",
            "tags": [],
            "note": "",
            "created_at": self.ago(250),
        }
        self.put(
            tables.model_versions,
            id=identity,
            project_id=of.repository.project,
            number=number,
            execution_id=of.id,
            files=list(files),
            **{**defaults, **values},
        )
        return identity

    def file_alias(self, of: Execution, name: str, output: str) -> None:
        """A name of one file."""
        self.put(
            tables.datum_aliases,
            project_id=of.repository.project,
            name=name,
            output_id=output,
            moved_at=self.ago(240),
        )
