"""The web side follows luotsi.yaml while it runs: who may deliver, which agents are known, what the first page says."""

import hashlib
import hmac
from pathlib import Path

import pytest
import yaml
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from luotsi import installation, web_app
from luotsi.reloading import Reloading

TOKEN = "a-token-of-sixteen-and-more"


class Side:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "luotsi.yaml"
        self.values: dict[str, object] = {"redis": "redis://127.0.0.1:1/0", "repositories": []}
        self.write()
        opened = installation.opened(self.file)
        self.client: FlaskClient = web_app.build(
            opened, Reloading(opened, every=0.0, settled=0.0)
        ).test_client()

    def write(self, **values: object) -> None:
        self.values |= values
        self.file.write_text(yaml.safe_dump(self.values))

    def deliver(self, name: str, secret: str) -> TestResponse:
        signed = "sha256=" + hmac.new(secret.encode(), b"", hashlib.sha256).hexdigest()
        return self.client.post(f"/hooks/{name}", data=b"", headers={"X-Luotsi-Signature": signed})

    def page(self) -> str:
        return self.client.get("/").get_data(as_text=True)


@pytest.fixture
def side(tmp_path: Path) -> Side:
    return Side(tmp_path)


def entry(*secrets: str) -> dict[str, object]:
    return {"name": "wine", "address": "/srv/wine.git", "secrets": list(secrets)}


def test_who_may_deliver_follows_the_settings(side: Side) -> None:
    assert side.deliver("wine", "one").status_code == 401
    side.write(repositories=[entry("one")])
    assert side.deliver("wine", "one").status_code == 202
    side.write(repositories=[entry("two", "one")])
    assert [side.deliver("wine", each).status_code for each in ("one", "two", "three")] == [202, 202, 401]
    side.write(repositories=[entry("two")])
    assert [side.deliver("wine", each).status_code for each in ("one", "two")] == [401, 202]
    side.write(repositories=[])
    assert side.deliver("wine", "two").status_code == 401


def test_a_new_environments_agent_is_known(side: Side) -> None:
    def renew() -> int:
        body: dict[str, list[str]] = {"attempts": []}
        return side.client.post(
            "/agent/v1/renew", json=body, headers={"Authorization": f"Bearer {TOKEN}"}
        ).status_code

    assert renew() == 401
    side.write(environments=[{"name": "gpu", "agents": [{"name": "one", "token": TOKEN}]}])
    assert renew() != 401


def test_the_first_page_says_maintenance_and_settings_that_are_not_in_use(side: Side) -> None:
    assert "Maintenance" not in side.page()
    side.write(maintenance="the disk is being moved")
    assert "Maintenance: the disk is being moved. What comes in is kept" in side.page()
    assert side.client.get("/home.json").get_json()["notices"][0]["kind"] == "maintenance"
    side.write(environments=[{"name": "gpu", "agents": [{"name": "one", "token": "sh0rt"}]}])
    page = side.page()
    assert "not in use" in page
    assert "luotsi.yaml:" in page
    assert "sh0rt" not in page
    assert "the disk is being moved" in page, "the settings of before hold"
    side.write(environments=[{"name": "gpu"}], maintenance="")
    page = side.page()
    assert "not in use" not in page
    assert "Maintenance" not in page
