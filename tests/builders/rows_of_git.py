"""Rows of what was seen in git: repositories, commits with their verdicts, tags."""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger import tables
from stores import keys
from tests.builders.row_writer import Repository, Writer, sha256


class GitRows(Writer):
    """Repositories, commits and tags."""

    def repository(self, name: str = "wine", **values: Any) -> Repository:
        """A watched repository with a project at its top."""
        identity, project = self.next_id(), self.next_id()
        defaults = {
            "address": f"/srv/git/{name}.git",
            "forge": "bare",
            "default_branch": "main",
            "added_at": self.ago(86_400),
            "baseline_at": self.ago(86_390),
            "looked_at": self.ago(3),
        }
        self.put(tables.repositories, id=identity, name=name, **{**defaults, **values})
        self.put(tables.projects, id=project, repository_id=identity, root="", name=name)
        return Repository(identity, name, project)

    def commit(
        self,
        of: Repository,
        subject: str = "Train a little longer",
        seconds: float = 600,
        verdict: str | None = "success",
        problems: Sequence[Mapping[str, Any]] = (),
        text: str | None = None,
        **values: Any,
    ) -> str:
        """A commit seen so many seconds ago, with its snapshot and, unless None, its verdict."""
        sha = values.pop("sha", None) or self.next_sha()
        judged = None if verdict is None else self.ago(seconds - 1)
        defaults = {
            "ref": "refs/heads/main",
            "author": "Aino Virtanen",
            "message": f"{subject}\n\nIt had not converged.\n",
            "committed_at": self.ago(seconds + 30),
        }
        self.put(
            tables.commits,
            repository_id=of.id,
            sha=sha,
            subject=subject,
            seen_at=self.ago(seconds),
            judged_at=judged,
            **{**defaults, **values},
        )
        if verdict is None:
            return sha
        self.put(
            tables.snapshots,
            repository_id=of.id,
            sha=sha,
            key=keys.code(of.id, sha),
            digest=sha256(sha),
            size=48_213,
            files=17,
            made_at=judged,
        )
        summary = "valohai.yaml is fine: 2 steps, 1 trigger, 1 model"
        if problems:
            summary = f"valohai.yaml has {len(problems)} problems; the first is on line {problems[0]['line']}"
        self.put(
            tables.verdicts,
            project_id=of.project,
            sha=sha,
            state=verdict,
            summary=summary,
            problems=list(problems),
            text=text,
            judged_at=judged,
        )
        return sha

    def tag(self, of: Repository, name: str, target: str, **values: Any) -> str:
        """A tag that was observed; its object."""
        defaults: dict[str, Any] = {
            "tag_object": self.next_sha(),
            "annotated": True,
            "tagged_at": self.ago(310),
            "tagger": "Aino Virtanen",
            "message": "",
            "first_seen": self.ago(305),
            "decision": "accepted",
            "reason": None,
        }
        self.put(
            tables.tag_observations,
            repository_id=of.id,
            name=name,
            target=target,
            **(defaults := {**defaults, **values}),
        )
        return str(defaults["tag_object"])
