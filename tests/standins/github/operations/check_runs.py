"""Check runs: written by apps alone, read by everybody who may read the repository."""

from typing import Any

from tests.standins.github import checking
from tests.standins.github.answers import Answer, Page, not_found, refused
from tests.standins.github.clock import written
from tests.standins.github.model import CheckRun
from tests.standins.github.operations.check_suites import chosen, installed_suite, of_app
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import checks

OUTPUT = 65535
"""Bytes of a summary and of a text, as GitHub counts them; the description counts characters."""
NOTE = 64 * 1024
TITLE = 255
ONLY_ACTIONS = frozenset({"waiting", "pending", "requested"})


@operation("checks/create", app="checks:write", role=None)
def create(call: Call) -> Answer:
    sha = call.bare.resolve(call.body["head_sha"])
    if sha is None:
        raise call.invalid("CheckRun", "head_sha", f"No commit found for SHA: {call.body['head_sha']}")
    _check(call, call.body)
    suite = installed_suite(call, sha)
    run = CheckRun(call.world.ids.new("check_run"), suite, call.body["name"], "queued", None, None, None, None, None, {}, [], [])  # fmt: skip
    suite.runs[run.id] = run
    _write(call, run)
    _tell(call, run, "created")
    if run.status == "completed":
        _tell(call, run, "completed")
    return Answer(201, checks.run(call.links, call.repo, run))


def _run(call: Call) -> CheckRun:
    found = call.repo.runs().get(call.path["check_run_id"])
    if found is None:
        raise not_found()
    return found


@operation("checks/update", app="checks:write", role=None)
def update(call: Call) -> Answer:
    run = _run(call)
    if run.suite.app is not call.app:
        raise refused(403, f"Invalid app_id `{call.app.id}` - check run can only be modified by the GitHub App that created it.")  # fmt: skip
    _check(call, call.body)
    was = run.status
    _write(call, run)
    if run.status == "completed" and was != "completed":
        _tell(call, run, "completed")
    return Answer(200, checks.run(call.links, call.repo, run))


def _check(call: Call, body: dict[str, Any]) -> None:
    """What the documentation asks for beyond the description's schema."""
    if (body.get("status") == "completed" or "completed_at" in body) and "conclusion" not in body:
        raise call.invalid("CheckRun", "conclusion", "conclusion is required when the run is completed")
    if body.get("conclusion") == "stale":
        raise call.invalid("CheckRun", "conclusion", "only GitHub can set stale")
    if body.get("status") in ONLY_ACTIONS:
        raise call.invalid("CheckRun", "status", "only GitHub Actions can set this status")
    output = body.get("output", {})
    for name in ("summary", "text"):
        if len(output.get(name, "").encode()) > OUTPUT:
            raise call.invalid("CheckRun", name, f"Only {OUTPUT} characters are allowed; {len(output[name].encode())} were supplied.")  # fmt: skip
    for one in output.get("annotations", []):
        _check_annotation(call, one)


def _check_annotation(call: Call, one: dict[str, Any]) -> None:
    for name, most in (("message", NOTE), ("raw_details", NOTE), ("title", TITLE)):
        if len((one.get(name) or "").encode()) > most:
            raise call.invalid("CheckRun", f"annotations.{name}", f"{name} exceeds a maximum bytesize of {most}")  # fmt: skip
    if one["start_line"] < 1 or one["end_line"] < one["start_line"]:
        raise call.invalid("CheckRun", "annotations", "lines start at 1, and end_line is not before start_line")  # fmt: skip
    columns = "start_column" in one or "end_column" in one
    if columns and one["start_line"] != one["end_line"]:
        raise call.invalid("CheckRun", "annotations", "columns are only for annotations of a single line")


def _write(call: Call, run: CheckRun) -> None:
    """Annotations are added to those that are there; the rest replaces what was there."""
    body, now = call.body, written(call.world.clock.now())
    for name in ("name", "details_url", "external_id", "started_at", "completed_at", "actions"):
        if name in body:
            setattr(run, name, body[name])
    run.status = "completed" if "conclusion" in body else body.get("status", run.status)
    if run.status == "completed":
        run.conclusion = body.get("conclusion", run.conclusion)
        run.completed_at = body.get("completed_at", run.completed_at or now)
    else:
        run.conclusion = run.completed_at = None
    if run.started_at is None:
        run.started_at = now
    output = dict(body.get("output", {}))
    run.annotations += output.pop("annotations", [])
    run.output |= output
    run.suite.asked, run.suite.updated_at = False, call.world.clock.now()


def _tell(call: Call, run: CheckRun, action: str) -> None:
    view = checks.delivered_run(call.world.webhooks.links, call.repo, call.bare, run)
    call.world.webhooks.emit("check_run", action, call.actor, {"check_run": view}, call.repo)
    if action == "completed" and checks.suite_state(run.suite)[0] == "completed":
        whole = checks.suite(call.world.webhooks.links, call.repo, call.bare, run.suite)
        call.world.webhooks.emit("check_suite", "completed", call.actor, {"check_suite": whole}, call.repo)


@operation("checks/get", app="checks:read")
def get(call: Call) -> Answer:
    return Answer(200, checks.run(call.links, call.repo, _run(call)))


@operation("checks/list-for-ref", app="checks:read")
def list_of_ref(call: Call) -> Page:
    sha = call.commit(call.path["ref"])
    runs = [run for run in call.repo.runs().values() if run.suite.head_sha == sha and of_app(call, run.suite)]
    return Page(chosen(call, runs), lambda one: checks.run(call.links, call.repo, one), "check_runs")


@operation("checks/list-annotations", app="checks:read")
def list_annotations(call: Call) -> Page:
    run = _run(call)
    return Page(run.annotations, lambda one: checks.annotation(call.links, call.repo, run, one))


@operation("checks/rerequest-run", app="checks:write", role="write")
def rerequest(call: Call) -> Answer:
    """Asks the run's app for it again."""
    run = _run(call)
    if run.status != "completed":
        raise refused(403, "This check run is not rerequestable")
    checking.rerequest_run(call.world, call.repo, call.actor, run)
    return Answer(201, {})
