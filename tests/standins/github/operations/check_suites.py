"""Check suites: one for an app and a commit, made by GitHub on a push or by the app."""

from tests.standins.github import checking
from tests.standins.github.answers import Answer, Page, not_found
from tests.standins.github.model import CheckRun, CheckSuite
from tests.standins.github.pushes import new_suite
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import checks


def suite(call: Call) -> CheckSuite:
    found = call.repo.suites.get(call.path["check_suite_id"])
    if found is None:
        raise not_found()
    return found


def installed_suite(call: Call, sha: str) -> CheckSuite:
    """The caller's suite for a commit, made where there is none yet."""
    for one in call.repo.suites.values():
        if one.app is call.app and one.head_sha == sha:
            return one
    assert call.grant.token is not None
    assert call.grant.token.installation is not None
    heads = [name for name, head in call.bare.refs().items() if head == sha and name.startswith("refs/heads/")]  # fmt: skip
    branch = heads[0][11:] if heads else None
    return new_suite(call.world, call.repo, call.grant.token.installation, sha, branch)


def of_app(call: Call, one: CheckSuite) -> bool:
    return call.query.get("app_id") in (None, one.app.id)


def chosen(call: Call, runs: list[CheckRun]) -> list[CheckRun]:
    """Runs as the query filters them: by name and status, and the latest of each name unless all are asked for."""
    name, status = call.query.get("check_name"), call.query.get("status")
    if call.query.get("filter", "latest") == "latest":
        runs = list({(run.suite.app.id, run.name): run for run in sorted(runs, key=lambda run: run.id)}.values())  # fmt: skip
    found = [run for run in runs if name in (None, run.name) and status in (None, run.status)]
    return sorted(found, key=lambda run: run.id, reverse=True)


@operation("checks/create-suite", app="checks:write", role=None)
def create(call: Call) -> Answer:
    sha = call.bare.resolve(call.body["head_sha"])
    if sha is None:
        raise call.invalid("CheckSuite", "head_sha", f"No commit found for SHA: {call.body['head_sha']}")
    known = {one.id for one in call.repo.suites.values()}
    one = installed_suite(call, sha)
    view = checks.suite(call.links, call.repo, call.bare, one)
    return Answer(200 if one.id in known else 201, view)


@operation("checks/get-suite", app="checks:read")
def get(call: Call) -> Answer:
    return Answer(200, checks.suite(call.links, call.repo, call.bare, suite(call)))


@operation("checks/list-suites-for-ref", app="checks:read")
def list_of_ref(call: Call) -> Page:
    sha = call.commit(call.path["ref"])
    name = call.query.get("check_name")
    found = [
        one
        for one in call.repo.suites.values()
        if one.head_sha == sha
        and of_app(call, one)
        and (name is None or any(run.name == name for run in one.runs.values()))
    ]
    return Page(found, lambda one: checks.suite(call.links, call.repo, call.bare, one), "check_suites")


@operation("checks/list-for-suite", app="checks:read")
def list_runs(call: Call) -> Page:
    found = chosen(call, list(suite(call).runs.values()))
    return Page(found, lambda one: checks.run(call.links, call.repo, one), "check_runs")


@operation("checks/rerequest-suite", app="checks:write", role="write")
def rerequest(call: Call) -> Answer:
    """Asks the suite's app to run it again, without a push."""
    checking.rerequest_suite(call.world, call.repo, call.actor, suite(call))
    return Answer(201, {})
