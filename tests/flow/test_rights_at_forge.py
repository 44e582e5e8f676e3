"""A login that is refused, or may do less than before: said wherever people look at once, and mended without waiting."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.forge import talk
from ledger import owed
from luotsi import cli, installation, web_app
from luotsi.repos import listing
from tests.builders.mind import ENVIRONMENT
from tests.builders.pull_mind import FORGE, PullMind, pull_mind
from tests.flow.test_polling_at_forge import CONFIG
from tests.parts.github_description import GitHubDescription
from tests.parts.process import until
from tests.standins.github.service import PERMISSIONS


@pytest.fixture
def app(github_description: GitHubDescription, tmp_path: Path) -> Iterator[PullMind]:
    with pull_mind(tmp_path, str(github_description.address)) as made:
        yield made


@pytest.fixture
def token(github_description: GitHubDescription, tmp_path: Path) -> Iterator[PullMind]:
    with pull_mind(tmp_path, str(github_description.address), "token") as made:
        yield made


def said(mind: PullMind) -> list[str]:
    with mind.ports.ledger.read() as connection:
        return owed.unheard(connection)


def permit(mind: PullMind, **changes: str | None) -> None:
    given = {name: level for name, level in {**PERMISSIONS, **changes}.items() if level is not None}
    mind.site.there.installation.permit(mind.site.there.ada.account, given)
    mind.ports = replace(mind.ports, forges={FORGE: mind.site.fresh()})  # its logins of the hour end


def test_a_revoked_token_is_said_when_a_word_is_refused_and_words_are_due_with_the_next(
    token: PullMind,
) -> None:
    good = token.ports
    token.ports = replace(good, forges={FORGE: token.site.with_token("ghp_" + "0" * 36)})
    sha = token.land(CONFIG)
    assert token.shown(sha) == {}
    (words,) = said(token)
    assert words.startswith("shop at github: GitHub does not accept who we say we are")
    talking = talk.Talk(token.ports, lambda name: None)
    talking.start()
    try:
        talking.use(good)
        until(lambda: token.shown(sha), what="the words are said, and do not wait for five minutes")
    finally:
        talking.stop()
    token.ports = good
    token.later(70)
    assert said(token) == []


def test_a_permission_that_the_app_loses_is_said_when_a_check_is_refused(app: PullMind) -> None:
    permit(app, checks=None)
    sha = app.land(CONFIG)
    assert app.shown(sha) == {}
    (words,) = said(app)
    assert words.startswith("shop at github: The App lacks the permission")
    permit(app)
    app.later(70)
    assert app.shown(sha)["luotsi/config"] == "success"
    app.later(70)
    assert said(app) == []


def test_a_permission_that_the_app_loses_is_said_within_a_round_without_any_word(app: PullMind) -> None:
    app.land(CONFIG)
    app.later(700)
    assert said(app) == []
    permit(app, pull_requests="read")
    app.later(700)
    assert len(said(app)) == 1


def test_people_see_it_in_status_in_repo_list_and_on_the_first_page(
    app: PullMind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    permit(app, checks=None)
    app.land(CONFIG)
    (words,) = said(app)
    file = tmp_path / "luotsi.yaml"
    file.write_text(
        f"ledger: {app.ports.ledger.engine.url}\nredis: redis://127.0.0.1:1/0\nenvironments: [{{name: local, id: {ENVIRONMENT}}}]\n"
    )
    capsys.readouterr()
    with pytest.raises(SystemExit):
        cli.main(["status", "--json", "--settings", str(file)])
    assert json.loads(capsys.readouterr().out)["at_forges"] == [words]
    with pytest.raises(SystemExit):
        cli.main(["status", "--settings", str(file)])
    assert words in " ".join(capsys.readouterr().out.split())
    page = web_app.build(installation.opened(file)).test_client().get("/home.json").get_json()
    assert words in [one["text"] for one in page["notices"]]
    (line,) = listing.lines(app.ports.ledger, app.ports.settings.repositories)
    assert line.deaf in words
