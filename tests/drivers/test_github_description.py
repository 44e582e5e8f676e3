"""GitHub's published description says what is wrong with a request, and with an answer."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.parts.github_description import FLAVOURS, RECORDED, GitHubDescription
from tests.standins.github.description import Description
from tests.standins.github.reduce import schema, strict

NOTE = {"path": "train.py", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "No."}
RUN = {"name": "luotsi", "head_sha": "0" * 40}


@pytest.fixture(scope="module", params=list(FLAVOURS))
def description(request: pytest.FixtureRequest, github_description: GitHubDescription) -> Description:
    return Description(Path(github_description.address) / f"{request.param}.json")


@pytest.mark.parametrize(
    ("method", "path", "id", "values"),
    [
        ("GET", "/repos/acme/models", "repos/get", {"owner": "acme", "repo": "models"}),
        ("GET", "/repos/a/b/commits/heads/x%2Fy/z/status", "repos/get-combined-status-for-ref", {"ref": "heads/x/y/z"}),
        ("GET", "/repos/a/b/commits/heads/x", "repos/get-commit", {"ref": "heads/x"}),
        ("GET", "/repos/a/b/compare/a/b...c/d", "repos/compare-commits-with-basehead", {"basehead": "a/b...c/d"}),
        ("GET", "/repos/a/b/git/ref/tags/v1", "git/get-ref", {"ref": "tags/v1"}),
        ("GET", "/repos/a/b/issues/comments/7", "issues/get-comment", {"comment_id": "7"}),
        ("GET", "/repos/a/b/issues/7/comments", "issues/list-comments", {"issue_number": "7"}),
        ("POST", "/repos/a/b/check-runs", "checks/create", {"owner": "a", "repo": "b"}),
    ],
)  # fmt: skip
def test_a_request_means_one_operation(
    description: Description, method: str, path: str, id: str, values: dict[str, str]
) -> None:
    found = description.find(method, path)
    assert found is not None
    assert found[0].id == id
    assert values.items() <= found[1].items()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/repos/a"), ("PUT", "/repos/a/b/check-runs"), ("GET", "/repos/a/b/checkruns"), ("GET", "/repos/a//check-runs")],
)  # fmt: skip
def test_what_the_description_does_not_have_is_not_found(
    description: Description, method: str, path: str
) -> None:
    assert description.find(method, path) is None


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({**RUN, "state": "x"}, "", "custom"),
        ({"name": "luotsi"}, "", "missing_field"),
        ({**RUN, "name": 7}, "name", "invalid"),
        ({**RUN, "status": "done"}, "status", "invalid"),
        ({**RUN, "started_at": "yesterday"}, "started_at", "invalid"),
        ({**RUN, "started_at": "2026-02-30T00:00:00Z"}, "started_at", "invalid"),
        ({**RUN, "output": {"title": "t"}}, "output", "missing_field"),
        ({**RUN, "output": {"title": "t", "summary": "s", "colour": "red"}}, "output", "custom"),
        ({**RUN, "output": {"title": "t", "summary": "s", "annotations": [NOTE] * 51}}, "output.annotations", "custom"),
        ({**RUN, "output": {"title": "t", "summary": "s", "annotations": [{**NOTE, "start_line": 1.0}]}}, "output.annotations.0.start_line", "invalid"),
        ({**RUN, "output": {"title": "t", "summary": "s" * 65536}}, "output.summary", "custom"),
        ([RUN], "", "invalid"),
    ],
)  # fmt: skip
def test_a_wrong_body_has_a_problem_at_its_field(
    description: Description, body: Any, field: str, code: str
) -> None:
    found = description.operations["checks/create"].check_body(body)
    assert [(problem.field, problem.code) for problem in found] == [(field, code)]


def test_a_right_body_has_no_problem(description: Description) -> None:
    output = {"title": "t", "summary": "s" * 65535, "annotations": [NOTE] * 50}
    right = {**RUN, "started_at": "2026-02-28T00:00:00Z", "output": output}
    assert description.operations["checks/create"].check_body(right) == []
    assert description.operations["repos/create-webhook"].check_body({"config": {"url": "http://x"}}) == []
    assert description.operations["repos/create-webhook"].check_body({"config": {"uri": "http://x"}}) != []


def test_queries_have_types_and_unknown_ones_are_problems(description: Description) -> None:
    comments = description.operations["issues/list-comments"]
    values, problems = comments.check_query({"since": ["2026-01-01T00:00:00Z"], "per_page": ["7"]})
    assert (values, problems) == ({"since": "2026-01-01T00:00:00Z", "per_page": 7}, [])
    _, problems = comments.check_query({"since": ["yesterday"], "per_page": ["many"], "state": ["open"]})
    assert [problem.field for problem in problems] == ["since", "per_page", "state"]


def test_answers_are_checked_by_status(description: Description) -> None:
    tags = description.operations["git/get-ref"]
    ref = {"ref": "refs/tags/v1", "node_id": "x", "url": "http://x"}
    right = {**ref, "object": {"type": "commit", "sha": "0" * 40, "url": "http://x"}}
    assert tags.check_answer(200, right) == []
    assert tags.check_answer(200, ref) != []
    assert tags.check_answer(204, None) != []


def test_recorded_deliveries_are_nearly_as_described(github_description: GitHubDescription) -> None:
    """They are older than the description, which now asks for fields that they lack; what we overwrite mends that."""
    folder = Path(github_description.address)
    description = Description(folder / "cloud.json")
    recorded = {one["name"]: one["examples"] for one in json.loads((folder / RECORDED).read_text())}
    for body in recorded["merge_group"] + recorded["create"] + recorded["repository"]:
        event = next(name for name, bodies in recorded.items() if body in bodies)
        assert description.check_delivery(event, body.get("action"), body) == []
    (push, *_) = recorded["push"]
    assert description.check_delivery("push", None, {**push, "ref": None})
    assert description.check_delivery("no_such_event", None, {}) is None


@pytest.mark.parametrize(
    ("told", "made"),
    [
        ({"type": "string", "nullable": True, "description": "x"}, {"type": ["string", "null"]}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"allOf": [{"type": "object"}], "nullable": True}, {"anyOf": [{"allOf": [{"type": "object"}]}, {"type": "null"}]}),
        ({"properties": {"title": {"type": "string", "title": "Title"}}}, {"properties": {"title": {"type": "string"}}}),
    ],
)  # fmt: skip
def test_the_dialect_of_openapi_becomes_json_schema(told: Any, made: Any) -> None:
    assert schema(told) == made


def test_strictness_leaves_free_objects_free_and_looks_into_unions() -> None:
    free = {"type": "object", "additionalProperties": True}
    told = {
        "properties": {"payload": free},
        "anyOf": [{"properties": {"a": {}}, "additionalProperties": True}],
    }
    assert strict(told) == {
        "properties": {"payload": free},
        "anyOf": [{"properties": {"a": {}}}],
        "unevaluatedProperties": False,
    }


def test_every_call_that_the_documentation_lists_is_githubs(description: Description) -> None:
    page = (Path(__file__).parents[2] / "docs" / "github.md").read_text(encoding="utf-8")
    listed = re.findall(
        r"`(GET|POST|PATCH|DELETE) (\S+)`", page.partition("## Every call")[2].partition("\n## ")[0]
    )
    assert len(listed) > 30
    for method, path in listed:
        asked = re.sub(r"{\w+}", "7", path.replace("...", "/repos/a/b"))
        found = description.find(method, asked)
        assert found is not None, (method, path)
        assert found[0].path == path.replace("...", "/repos/{owner}/{repo}")
