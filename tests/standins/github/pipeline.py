"""What happens to each request, in order: who calls, their budget, which operation, may they, is it right; then it is done."""

import hashlib
import json
import re
import traceback
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote

from tests.standins.github import operations  # noqa: F401 - it registers what is implemented
from tests.standins.github.answers import Answer, Page, Refusal, error, not_found, refused
from tests.standins.github.auth import Grant, identify
from tests.standins.github.description import Description, Operation, Problem
from tests.standins.github.model import Repository
from tests.standins.github.paging import MOST, by_cursor, by_neighbour, numbered
from tests.standins.github.rates import Rates
from tests.standins.github.registry import DOINGS, Call, Doing
from tests.standins.github.views.links import Links
from tests.standins.github.world import World

VERSIONS = frozenset({"2022-11-28", "2026-03-10"})
ACCEPTED = re.compile(r"\*/\*|application/(\*|json|vnd\.github(\.v3)?\+json)")
"""GitHub has raw files, differences and more as well; the stand-in has JSON alone, and says so."""
BY_ID = re.compile(r"/repositories/(\d+)(/.*)?")
BY_NAME = re.compile(r"/repos/([^/]+)/([^/]+)(/.*)?")
FREE = "rate-limit/get"
PAGINGS = {"deliveries": by_cursor, "activity": by_neighbour}
"""By the end of the path, where lists are not numbered."""
ROLE_WORDS = {
    "write": "Must have push access to repository",
    "admin": "Must have admin rights to Repository.",
}


@dataclass
class Request:
    """`path` is without `base`, which is empty or `/api/v3`; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    base: str = ""


@dataclass(frozen=True)
class Record:
    """A request. `status` is 0 where a fault let it fall; `who` is `user:ID`, `installation:ID`, `app:ID` or `ip`; `cost` in calls of its budget."""

    operation: str
    method: str
    path: str
    status: int
    who: str
    cost: int


@dataclass
class Pipeline:
    """`violations` are requests that the description does not allow, each in a sentence; `flaws` answers of ours like that."""

    world: World
    cloud: Description
    enterprise: Description
    rates: Rates
    web: str
    check_answers: bool = True
    violations: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    log: list[Record] = field(default_factory=list)

    def name(self, request: Request) -> str:
        """The operation that a request means; empty where it means none."""
        found = self._description(request).find(request.method, self._named(request.path))
        return found[0].id if found else ""

    def answer(self, request: Request) -> Answer:
        grant, answer, cost = Grant("none"), Answer(), 0
        with self.world.lock:
            try:
                self._check_headers(request)
                grant = identify(self.world, request.headers.get("authorization"))
                if (refusal := self.rates.charge(grant.key)) is not None:
                    raise Refusal(refusal)
                cost = 1
                answer = self._done(request, grant)
            except Refusal as refusal_:
                answer = refusal_.answer
            except Exception as failure:  # noqa: BLE001 - whatever the stand-in cannot do is its own mistake, and told
                answer = error(500, "Server Error")
                place = f"{request.method} {request.path}"
                self.flaws.append(f"{place}: {''.join(traceback.format_exception(failure))}")
            self._tag(request, answer)
            if cost and (answer.status == 304 or self.name(request) == FREE):
                self.rates.refund(grant.key)
                cost = 0
            answer.headers |= self._headers(request, grant)
            record = Record(self.name(request), request.method, request.path, answer.status, grant.key, cost)
            self.log.append(record)
        return answer

    def _done(self, request: Request, grant: Grant) -> Answer:
        path = self._named(request.path)
        found = self._description(request).find(request.method, path)
        if found is None:
            self._violated(request, "the description has no such path or method")
            raise not_found()
        operation, values = found
        doing = DOINGS.get(operation.id)
        if doing is None:
            self._violated(request, f"the stand-in does not do {operation.id} yet")
            raise refused(501, "Not Implemented")
        typed = operation.check_path(values)
        if typed is None:
            self._violated(request, f"a value of the path has the wrong type: {values}")
            raise not_found()
        repository, moved = self._repository(typed, grant)
        if moved and repository is not None:
            return self._redirect(request, repository)
        _authorize(doing, grant, repository)
        query, body = self._checked(request, operation)
        links = Links(self.web + request.base, self.web)
        window = self.rates.window(grant.key)
        rate = {"limit": window.limit, "used": window.used - 1, "reset": int(window.reset)}
        rate["remaining"] = rate["limit"] - rate["used"]
        call = Call(self.world, operation, grant, links, typed, query, body, repository, rate)
        result = doing.handler(call)
        if isinstance(result, Page):
            result = self._paged(result, call, request)
        self._check_answer(request, operation, result)
        return result

    def _check_headers(self, request: Request) -> None:
        if not request.headers.get("user-agent"):
            self._violated(request, "there is no User-Agent")
            raise refused(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.")  # fmt: skip
        version = request.headers.get("x-github-api-version")
        if version is not None and version not in VERSIONS:
            self._violated(request, f"there is no API version {version}")
            raise refused(400, f"The API version {version} is not supported")
        for one in request.headers.get("accept", "*/*").split(","):
            if not ACCEPTED.fullmatch(one.split(";", maxsplit=1)[0].strip()):
                self._violated(request, f"nothing is answered as {one.strip()}")
                raise refused(415, "Unsupported 'Accept' header: Must accept 'application/json'.")

    def _named(self, path: str) -> str:
        """Paths below `/repositories/ID`, where redirects and `Link` headers lead, mean those below `/repos/OWNER/NAME`."""
        if match := BY_ID.fullmatch(path):
            repository = self.world.by_id(int(match[1]))
            return f"/repos/{repository.full_name}{match[2] or ''}" if repository else path
        return path

    def _repository(self, values: dict[str, Any], grant: Grant) -> tuple[Repository | None, bool]:
        if "owner" not in values or "repo" not in values:
            return None, False
        repository, moved = self.world.find(values["owner"], values["repo"])
        if repository is None or not (grant.kind == "app" or grant.sees(repository)):
            raise not_found()
        return repository, moved

    def _redirect(self, request: Request, repository: Repository) -> Answer:
        """301 for reading; 307 for all else, which is to be repeated as it was."""
        match = BY_NAME.fullmatch(request.path)
        assert match is not None
        place = f"{self.web}{request.base}/repositories/{repository.id}{match[3] or ''}"
        place += f"?{request.query}" if request.query else ""
        status, message = (301, "Moved Permanently") if request.method == "GET" else (307, "Temporary Redirect")  # fmt: skip
        answer = error(status, message, headers={"Location": place})
        answer.body["url"] = place
        return answer

    def _checked(self, request: Request, operation: Operation) -> tuple[dict[str, Any], dict[str, Any]]:
        query, problems = operation.check_query(parse_qs(request.query, keep_blank_values=True))
        if isinstance(size := query.get("per_page"), int) and not 1 <= size <= MOST:
            self._violated(request, f"per_page is 1 to {MOST}, and not {size}")
        body: Any = None
        if request.body:
            try:
                body = json.loads(request.body)
            except ValueError:
                self._violated(request, "the body is not JSON")
                raise refused(400, "Problems parsing JSON") from None
            if not isinstance(body, dict | list):
                self._violated(request, "the body is no JSON object")
                raise refused(400, "Body should be a JSON object")
        problems += operation.check_body(body)
        if problems:
            for one in problems:
                self._violated(request, f"{one.field or 'the body'}: {one.message}")
            raise refused(422, "Validation Failed", [_error(operation, one) for one in problems])
        return query, body or {}

    def _paged(self, page: Page, call: Call, request: Request) -> Answer:
        path = request.path
        if call.repository is not None and (match := BY_NAME.fullmatch(path)):
            path = f"/repositories/{call.repository.id}{match[3] or ''}"
        address = f"{self.web}{request.base}{path}"
        by = PAGINGS.get(call.operation.path.rpartition("/")[2], numbered)
        return by(page, call.query, address)

    def _check_answer(self, request: Request, operation: Operation, answer: Answer) -> None:
        if self.check_answers:
            for one in operation.check_answer(answer.status, answer.body):
                self.flaws.append(
                    f"{operation.id} ({request.base or 'cloud'}) {answer.status}: {one.field}: {one.message}"
                )

    def _tag(self, request: Request, answer: Answer) -> None:
        """The entity tag, and 304 where the caller has it already."""
        if request.method != "GET" or answer.status != 200:
            return
        content = json.dumps(answer.body).encode()
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        answer.headers |= {"ETag": f"W/{tag}", "Cache-Control": "private, max-age=60, s-maxage=60"}
        known = [
            one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")
        ]
        if tag in known or "*" in known:
            answer.status, answer.body = 304, None
            answer.headers.pop("Link", None)

    def _headers(self, request: Request, grant: Grant) -> dict[str, str]:
        made = {**self.rates.headers(grant.key), "X-GitHub-Media-Type": "github.v3; format=json"}
        made["X-GitHub-Request-Id"] = f"{len(self.log):04X}:STANDIN"
        if grant.kind == "classic" and grant.token is not None:
            made["X-OAuth-Scopes"] = ", ".join(grant.token.scopes)
            doing = DOINGS.get(self.name(request))
            made["X-Accepted-OAuth-Scopes"] = ", ".join(doing.scopes) if doing else ""
        if request.base:
            made["X-GitHub-Enterprise-Version"] = "enterprise-server@3.19.0"
        return made

    def _description(self, request: Request) -> Description:
        return self.enterprise if request.base else self.cloud

    def _violated(self, request: Request, why: str) -> None:
        place = quote(request.path) + (f"?{request.query}" if request.query else "")
        self.violations.append(f"{request.method} {request.base}{place}: {why}")


def _error(operation: Operation, one: Problem) -> dict[str, Any]:
    resource = "".join(word.capitalize() for word in re.split(r"[-_/]", operation.id.split("/")[0]))
    return {"resource": resource, "field": one.field, "code": one.code, "message": one.message}


def _authorize(doing: Doing, grant: Grant, repository: Repository | None) -> None:
    """Refuses who may not. What is hidden from the caller is not found, all else is forbidden."""
    if doing.jwt:
        if grant.kind != "app":
            raise refused(401, "A JSON web token could not be decoded")
        return
    if grant.kind == "app":
        raise refused(401, "Bad credentials")
    if grant.kind == "none":
        if doing.writes or repository is None or doing.hidden:
            raise refused(401, "Requires authentication")
        return
    if grant.kind in ("installation", "fine"):
        _authorize_permissions(doing, grant, repository)
    if grant.kind in ("classic", "fine"):
        _authorize_person(doing, grant, repository)


def _authorize_permissions(doing: Doing, grant: Grant, repository: Repository | None) -> None:
    what = "integration" if grant.kind == "installation" else "personal access token"
    forbidden = refused(403, f"Resource not accessible by {what}")
    if doing.app is None:
        raise forbidden
    if repository is not None and not grant.reaches(repository):
        if doing.writes or doing.hidden:
            raise forbidden
        return  # what is public anybody reads
    if doing.app and not grant.has(doing.app):
        raise forbidden


def _authorize_person(doing: Doing, grant: Grant, repository: Repository | None) -> None:
    if doing.role is None:
        raise refused(403, "You must authenticate via a GitHub App.")
    if repository is None:
        return
    needs_scope = doing.writes or doing.hidden or repository.private
    scopes = [one for one in doing.scopes if not (repository.private and one == "public_repo")]
    enough = any(grant.scopes >= set(one.split("+")) for one in scopes)
    if grant.kind == "classic" and needs_scope and not enough:
        raise not_found()
    if not grant.may(repository, doing.role):
        raise not_found() if doing.hidden else refused(403, ROLE_WORDS.get(doing.role, "Forbidden"))
