"""The work: runs, the executions and pipelines they are made of, attempts at them, and the agents that try."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from ledger.tables.base import identifier, json_column, metadata, moment, reference

environments = Table(
    "environments",
    metadata,
    Column("id", String(12), primary_key=True),  # 12 hex characters, fixed for ever; names may change
    Column("name", String(100), nullable=False, unique=True),
    moment("added_at"),
)

agents = Table(
    "agents",
    metadata,
    identifier(),
    Column("environment_id", String(12), ForeignKey("environments.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("token_digest", String(80), nullable=False, unique=True),
    Column("runtime", String(200), nullable=False, default=""),
    Column("host", String(200), nullable=False, default=""),
    Column("version", String(50), nullable=False, default=""),
    Column("slots", Integer, nullable=False, default=0),
    Column("free_slots", Integer, nullable=False, default=0),
    Column("cpus", Float, nullable=False, default=0),  # cores of its machine; 0: not said
    Column("memory", Integer, nullable=False, default=0),  # MB; 0: not said
    json_column("devices", nullable=True),  # resource name -> count
    moment("added_at"),
    moment("renewed_at", nullable=True),
    moment("drained_at", nullable=True),
)

web_starts = Table(
    "web_starts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    moment("started_at"),
)

runs = Table(
    "runs",
    metadata,
    identifier(),
    reference("repository_id", "repositories.id"),
    reference("project_id", "projects.id"),
    Column("trigger", String(200), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("trust", String(10), nullable=False),  # trusted, untrusted
    Column("occurrence", String(200), nullable=False, default=""),  # "" for push and pull request
    Column("event", String(20), nullable=False),  # push, pull-request, tag, schedule, comment, merge-group
    Column("ref", String(500), nullable=False),
    Column("before", String(64)),  # the ref's previous head: where `base` starts to look
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),  # the sentence behind the state
    Column("round", Integer, nullable=False, default=1),
    json_column("rule"),  # what the trigger said when it fired: target, expect, required
    json_column("gate", nullable=True),  # the gate's answer, final runs only: metrics, base, lines
    Column("concurrency_group", String(400)),  # the trigger's group, filled in; NULL: none
    Column("pull_request", Integer),  # its number, for events of one
    reference("approval_id", "pull_approvals.id", nullable=True),  # by which untrusted code may run
    moment("created_at", index=True),
    moment("finished_at", nullable=True),
    UniqueConstraint("project_id", "trigger", "sha", "trust", "occurrence"),
    Index("ix_runs_open", "finished_at", "project_id"),
    Index("ix_runs_trigger", "project_id", "trigger", "created_at"),
    Index("ix_runs_commit", "project_id", "sha"),
    Index("ix_runs_group", "repository_id", "concurrency_group", "finished_at"),
    Index("ix_runs_page", "repository_id", "created_at", "id"),
)

pipelines = Table(
    "pipelines",
    metadata,
    identifier(),
    reference("run_id", "runs.id", index=True),
    reference("project_id", "projects.id"),
    Column("round", Integer, nullable=False, default=1),
    Column("number", Integer, nullable=False),
    Column("name", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    json_column("graph"),  # nodes and edges as planned: see controller/core/pipelines/pipeline
    moment("created_at"),
    moment("finished_at", nullable=True),
    UniqueConstraint("project_id", "number"),
    Index("ix_pipelines_name", "project_id", "name", "number"),
)

tasks = Table(
    "tasks",
    metadata,
    identifier(),
    reference("run_id", "runs.id", index=True),
    reference("project_id", "projects.id"),
    Column("round", Integer, nullable=False, default=1),
    Column("number", Integer, nullable=False),
    Column("name", String(200), nullable=False),  # of the task item, or of the node
    reference("pipeline_id", "pipelines.id", nullable=True, index=True),
    Column("node", String(200)),
    Column("step", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    json_column("plan"),  # type, seed, parameter sets, limits: see controller/core/tasks/expand
    moment("created_at"),
    moment("finished_at", nullable=True),
    UniqueConstraint("project_id", "number"),
    Index("ix_tasks_name", "project_id", "name", "number"),
    Index("ix_tasks_open", "finished_at"),
)

executions = Table(
    "executions",
    metadata,
    identifier(),
    reference("project_id", "projects.id"),
    Column("number", Integer, nullable=False),
    reference("run_id", "runs.id", nullable=True, index=True),
    Column("round", Integer, nullable=False, default=1),
    reference("pipeline_id", "pipelines.id", nullable=True, index=True),
    Column("node", String(200)),
    reference("task_id", "tasks.id", nullable=True, index=True),
    Column("child", Integer),  # place in its task, from 0
    Column("kind", String(10), nullable=False),  # step, build
    Column("step", String(200), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("environment_id", String(12), ForeignKey("environments.id"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("priority", Integer, nullable=False, default=0),
    json_column("spec"),  # the job's body without what an attempt adds: see controller/core/plan
    json_column("metadata"),  # last value of every key
    Column("exit_code", Integer),
    Column("image", Text, nullable=False, default=""),
    Column("image_digest", String(120), nullable=False, default=""),
    Column("runtime", String(200), nullable=False, default=""),
    Column("reuse_key", String(80)),  # content key without the image's digest; NULL: it cannot be reused
    reference("reused_id", "executions.id", nullable=True),  # whose result this one took
    Column("status_detail", Text, nullable=False, default=""),  # what the job says of itself
    Column("price", Float),  # of an hour of its machine, in the installation's currency; NULL: not known
    json_column("built", nullable=True),  # kind build: {kind, reference, digest, size}
    moment("created_at", index=True),
    moment("started_at", nullable=True),
    moment("finished_at", nullable=True),
    UniqueConstraint("project_id", "number"),
    Index("ix_executions_step", "project_id", "step", "number"),
    Index("ix_executions_open", "finished_at", "environment_id"),
    Index("ix_executions_reuse", "project_id", "reuse_key"),
)

attempts = Table(
    "attempts",
    metadata,
    identifier(),
    reference("execution_id", "executions.id", index=True),
    Column("environment_id", String(12), ForeignKey("environments.id"), nullable=False),
    Column("number", Integer, nullable=False),  # from 1; the highest is the current one
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    reference("agent_id", "agents.id", nullable=True, index=True),
    Column("delivery", Integer, nullable=False, default=0),  # wake-ups sent so far
    moment("created_at"),
    moment("sent_at", nullable=True),  # the last wake-up
    moment("claimed_at", nullable=True),
    moment("renewed_at", nullable=True),
    moment("stop_at", nullable=True),  # a stop was asked for
    moment("finished_at", nullable=True),
    json_column("manifest", nullable=True),
    Column("result_digest", String(80)),  # the agent says that the result is there
    json_column("log", nullable=True),  # {key, lines, bytes, dropped} once final
    json_column("events"),  # sentences for people: an output left out, and why
    Column("metrics_read", String(40), nullable=False, default="0-0"),  # how far the live stream was read
    UniqueConstraint("execution_id", "number"),
    Index("ix_attempts_live", "finished_at", "environment_id"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("attempt_id", String(36), ForeignKey("attempts.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("position", Integer, primary_key=True),  # the log record's number: unique, in order
    Column("value", Float, nullable=False),
    moment("at"),
)

metric_gaps = Table(
    "metric_gaps",
    metadata,
    Column("attempt_id", String(36), ForeignKey("attempts.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("position", Integer, primary_key=True),  # as in `metrics`, which has no row there
    Column("word", String(10), nullable=False),  # nan, inf, -inf
    moment("at"),
)

outputs = Table(
    "outputs",
    metadata,
    identifier(),  # the datum's UUID, minted by the agent
    reference("execution_id", "executions.id", index=True),
    reference("attempt_id", "attempts.id"),
    Column("name", Text, nullable=False),
    Column("store", String(64), nullable=False),
    Column("key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(80), nullable=False),
    Column("md5", String(32), nullable=False, default=""),
    Column("sha1", String(40), nullable=False, default=""),
    json_column("metadata"),
    moment("created_at"),
)

image_pins = Table(
    "image_pins",
    metadata,
    Column("environment_id", String(12), ForeignKey("environments.id"), primary_key=True),
    Column("image", String(500), primary_key=True),
    Column("digest", String(120), nullable=False),  # what its agents last resolved the name to
    moment("resolved_at"),
)

pull_approvals = Table(
    "pull_approvals",
    metadata,
    identifier(),
    reference("repository_id", "repositories.id"),
    Column("pull_request", Integer, nullable=False),
    Column("sha", String(64), nullable=False),
    Column("config_digest", String(80), nullable=False),  # of every valohai.yaml at the commit
    json_column("grants"),  # names of the variable groups that its runs get
    Column("environment", String(60), nullable=False),
    Column("cap", Float),  # machine hours of all that runs by it; NULL: no cap
    Column("who_id", String(100), nullable=False),  # the forge's id of the account
    Column("who", String(200), nullable=False),
    Column("comment_id", String(200), nullable=False),
    moment("approved_at"),
    moment("void_at", nullable=True),
    Column("void_reason", Text),
    UniqueConstraint("repository_id", "comment_id"),
    Index("ix_pull_approvals_commit", "repository_id", "sha"),
)

approvals = Table(
    "approvals",
    metadata,
    identifier(),
    reference("pipeline_id", "pipelines.id"),
    Column("node", String(200), nullable=False),
    Column("who", String(200), nullable=False),
    moment("approved_at"),
    UniqueConstraint("pipeline_id", "node"),
)
