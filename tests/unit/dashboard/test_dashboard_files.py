"""Outputs: only what the ledger lists, under its own name, never as something that runs."""

import pytest

from schemas.errors import Waiting
from tests.builders.dashboard_house import FilledHouse, House


def place(filled: FilledHouse, output: str) -> str:
    return f"/r/wine/executions/{filled.sample.trained.number}/outputs/{output}"


def test_a_download_is_the_very_bytes(filled: FilledHouse) -> None:
    answer = filled.client.get(place(filled, filled.sample.model))
    assert answer.data == b'{"weights": []}' * 900
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="model.json"')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Length"] == "13500"


def test_a_download_is_sent_once_to_who_has_it(filled: FilledHouse) -> None:
    answer = filled.client.get(place(filled, filled.sample.model))
    again = filled.client.get(
        place(filled, filled.sample.model), headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    head = filled.client.head(place(filled, filled.sample.model))
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", "13500")


def test_a_picture_can_run_nothing(filled: FilledHouse) -> None:
    answer = filled.client.get(place(filled, filled.sample.picture) + "/picture")
    assert answer.content_type.startswith("image/svg+xml")
    policy = answer.headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_no_picture_is_not_shown(filled: FilledHouse) -> None:
    page = filled.client.get(place(filled, filled.sample.model) + "/picture")
    assert page.status_code == 415
    assert "It can be downloaded." in page.text


def test_a_huge_picture_is_a_download_only(house: House) -> None:
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of))
    house.rows.output(done, "a.png", b"x" * 4_000_001, house.artifacts)
    assert "<img" not in house.get(f"/r/wine/executions/{done.number}")


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("lost", 502, "nothing is stored"),
        ("elsewhere", 404, "lies in the store far-away"),
        ("unreachable", 503, "the store does not answer"),
    ],
)
def test_bytes_that_cannot_be_had_are_a_page(house: House, how: str, status: int, words: str) -> None:
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of))
    store = "far-away" if how == "elsewhere" else "artifacts"
    output = house.rows.output(done, "m.bin", b"x", None if how == "lost" else house.artifacts, store=store)
    if how == "unreachable":
        house.artifacts.trouble = Waiting("the store does not answer", 5)
    page = house.client.get(f"/r/wine/executions/{done.number}/outputs/{output}")
    assert page.status_code == status
    assert words in page.text
    assert "attachment" not in page.headers.get("Content-Disposition", "")


@pytest.mark.parametrize(
    "tail", ["..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e", "model.json", "a;b", "%252e%252e"]
)
def test_an_output_is_named_by_its_id_only(filled: FilledHouse, tail: str) -> None:
    """Threats row 25: no spelling of a path reaches a store."""
    assert filled.client.get(place(filled, tail)).status_code == 404
