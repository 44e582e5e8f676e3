"""What was seen in git: repositories, observations of their refs and tags, the commits, and what was found in them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from ledger.tables.base import identifier, json_column, metadata, moment, reference

repositories = Table(
    "repositories",
    metadata,
    identifier(),
    Column("name", String(200), nullable=False, unique=True),
    Column("address", Text, nullable=False, unique=True),
    Column("forge", String(60), nullable=False, default="bare"),  # a forge of the settings; bare: plain git
    Column(
        "forge_id", String(100)
    ),  # the forge's own id: it stays when the repository is renamed or transferred
    Column("slug", String(300)),  # its name there now: owner/name
    Column("spelling", Text, unique=True),  # the address as all its spellings are compared
    Column("default_branch", String(250), nullable=False, default="main"),
    moment("added_at"),
    moment("baseline_at", nullable=True),  # set by the first observation
    moment("tried_at", nullable=True),  # the last look, answered or not
    moment("looked_at", nullable=True),  # the last look that was answered
    Column("trouble", Text),  # why the last look failed, for people; NULL when it succeeded
    moment("trouble_since", nullable=True),
    moment("removed_at", nullable=True),
    moment("asked_at", nullable=True),  # the last time that the forge told all its open pull requests
    moment("heard_until", nullable=True),  # comments and lost deliveries are asked for from here on
    Column("hook", String(100)),  # the forge's id of our hook
    Column("deaf", Text),  # what the forge does not let us do, for people; NULL: nothing
    UniqueConstraint("forge", "forge_id"),
)

projects = Table(
    "projects",
    metadata,
    identifier(),
    reference("repository_id", "repositories.id"),
    Column("root", String(500), nullable=False, default=""),  # folder of valohai.yaml; "" is the top
    Column("name", String(200), nullable=False),
    Column("executions_numbered", Integer, nullable=False, default=0),
    Column("pipelines_numbered", Integer, nullable=False, default=0),
    Column("tasks_numbered", Integer, nullable=False, default=0),
    UniqueConstraint("repository_id", "root"),
)

baseline_tips = Table(
    "baseline_tips",
    metadata,
    Column("repository_id", String(36), ForeignKey("repositories.id"), primary_key=True),
    Column("ref", String(500), primary_key=True),
    Column("sha", String(64), nullable=False),
)

ref_observations = Table(
    "ref_observations",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    reference("repository_id", "repositories.id"),
    Column("ref", String(500), nullable=False),
    Column("sequence", Integer, nullable=False),  # per (repository, ref), from 1
    Column("sha", String(64)),  # NULL: the ref is gone
    Column("before", String(64)),  # what the ref held at the observation before; NULL: it is new
    Column("baseline", Boolean, nullable=False, default=False),
    moment("observed_at"),
    moment("handled_at", nullable=True),  # its events have become runs
    UniqueConstraint("repository_id", "ref", "sequence"),
    Index("ix_ref_observations_unhandled", "handled_at", "repository_id", "id"),
)

commits = Table(
    "commits",
    metadata,
    Column("repository_id", String(36), ForeignKey("repositories.id"), primary_key=True),
    Column("sha", String(64), primary_key=True),
    Column("ref", String(500), nullable=False),  # where it was first seen
    moment("seen_at", index=True),
    Column("author", String(300), nullable=False, default=""),
    Column("subject", String(500), nullable=False, default=""),
    Column("message", Text, nullable=False, default=""),
    moment("committed_at", nullable=True),
    moment("judged_at", nullable=True),  # every project of the repository has its verdict
    Index("ix_commits_unjudged", "judged_at", "repository_id"),
    Index("ix_commits_author", "author", "seen_at"),
    Index("ix_commits_page", "repository_id", "seen_at", "sha"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("repository_id", String(36), ForeignKey("repositories.id"), primary_key=True),
    Column("sha", String(64), primary_key=True),
    Column("key", Text, nullable=False),
    Column("digest", String(80), nullable=False),  # of the uncompressed tar
    Column("size", BigInteger, nullable=False),  # stored bytes
    Column("files", Integer, nullable=False),
    moment("made_at"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("project_id", String(36), ForeignKey("projects.id"), primary_key=True),
    Column("sha", String(64), primary_key=True),
    Column("state", String(10), nullable=False),  # success, failure, error, neutral
    Column("summary", Text, nullable=False),  # the sentence that a forge shows
    json_column("problems"),  # list of {path, line, column, message, hint, severity}
    Column("text", Text),  # valohai.yaml as it was judged, for showing lines with a caret; NULL: none
    moment("judged_at", index=True),
)

tag_observations = Table(
    "tag_observations",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    reference("repository_id", "repositories.id"),
    Column("name", String(500), nullable=False),
    Column("tag_object", String(64), nullable=False),  # equals target for a lightweight tag
    Column("target", String(64), nullable=False),
    Column("annotated", Boolean, nullable=False),
    moment("tagged_at", nullable=True),  # the tagger's date
    Column("tagger", String(300), nullable=False, default=""),
    Column("message", Text, nullable=False, default=""),
    moment("first_seen"),
    moment("vanished_at", nullable=True),
    Column("decision", String(20)),  # NULL: not yet looked at; accepted, ignored, refused, waiting
    Column("reason", Text),
    UniqueConstraint("repository_id", "name", "tag_object"),
    Index("ix_tag_observations_decision", "decision", "id"),
)
