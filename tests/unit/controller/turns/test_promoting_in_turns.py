"""A person asks for a promotion: the next tag is made and pushed once, or refused with the reason."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from controller.ports import Watched
from controller.pulls import commands
from controller.pulls.asker import Asker
from controller.serving import promoting
from forges.port import ForgeApi
from ledger.tables import audit
from schemas.values import short
from tests.builders.git_server import serve
from tests.builders.mortal import Died, MortalLedger
from tests.builders.registry_talk import CONFIG, RegistryTalk


@pytest.fixture
def stage(tmp_path: Path) -> RegistryTalk:
    return RegistryTalk(tmp_path)


def test_the_next_tag_is_made_pushed_and_promotes(stage: RegistryTalk) -> None:
    said = stage.say("/promote churn prod")
    assert "the tag `churn#prod#1` is pushed; it asks for v1.0.0 of churn in prod" in said
    assert stage.tags() == ["refs/tags/churn#prod#1", "refs/tags/churn@v1.0.0"]
    assert stage.serving() == [("prod", "churn#prod#1")]
    stage.train()
    assert "`churn#staging#2`" in stage.say("/promote churn staging")
    stage.mind.person.git("fetch", "--quiet", "--tags")
    shown = stage.mind.person.git("tag", "--list", "churn#prod#1", "--format=%(*objectname) %(contents)")
    assert shown.split()[0] == stage.head
    assert "Asked for by bare:17, comment c1 line 0" in shown
    with stage.mind.ports.ledger.read() as connection:
        rows = connection.execute(select(audit).where(audit.c.what == "promote")).all()
    assert [(row.who, row.subject) for row in rows] == [
        ("bare:17", "shop churn#prod#1"),
        ("bare:17", "shop churn#staging#2"),
    ]


def test_a_stage_that_is_there_already_is_said_and_no_tag_is_made(stage: RegistryTalk) -> None:
    stage.say("/promote churn prod")
    said = stage.say("/promote churn prod")
    assert "prod is at v1.0.0 of churn already, by churn#prod#1" in said
    assert len(stage.tags()) == 2


def test_a_promotion_that_failed_may_be_asked_for_again(stage: RegistryTalk) -> None:
    stage.say("/promote churn prod")
    [build] = stage.mind.waiting()
    stage.mind.finish(build, "error")
    assert "`churn#prod#2`" in stage.say("/promote churn prod")


@pytest.mark.parametrize("dies_at", range(3))
def test_wherever_a_controller_dies_there_is_one_tag(stage: RegistryTalk, dies_at: int) -> None:
    """The transactions: that it was begun, what was pushed meanwhile, and the answer."""
    comment = stage.comment("/promote churn prod")
    ports = stage.mind.ports
    with pytest.raises(Died):
        commands.answer(replace(ports, ledger=MortalLedger(ports.ledger, dies_at)), stage.repository, comment)
    # Meanwhile somebody tags, and time passes.
    stage.mind.person.tag("churn#staging#9", stage.head)
    stage.mind.turns()
    said = commands.answer(ports, stage.repository, comment)
    stage.mind.turns()
    mine = "churn#prod#1" if dies_at else "churn#prod#10"
    assert f"`{mine}`" in said
    assert [tag for tag in stage.tags() if "#prod#" in tag] == [f"refs/tags/{mine}"]
    assert commands.answer(ports, stage.repository, comment) == said


REFUSED = {
    "/promote": "name a model and a stage",
    "/promote churn": "name a model and a stage",
    "/promote churn prod now": "name a model and a stage",
    "/promote chrn prod": "has no model item named chrn",
    "/promote churn moon": "the model churn has no stage moon",
    "/promote churn sealed": "the stage sealed requires a signed tag, and Luotsi signs none",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_promoted_is_refused_with_the_reason(stage: RegistryTalk, text: str) -> None:
    said = stage.say(text)
    assert REFUSED[text] in said
    assert stage.tags() == ["refs/tags/churn@v1.0.0"]
    assert stage.serving() == []


def test_the_line_for_a_signed_tag_is_given(stage: RegistryTalk) -> None:
    words = "-m 'Promote churn to sealed'"
    assert f"git tag -s 'churn#sealed#1' {words} {stage.head}" in stage.say("/promote churn sealed")


def test_a_commit_without_a_version_is_refused(stage: RegistryTalk) -> None:
    head = stage.mind.push(CONFIG, a="1")
    assert f"no version of churn is registered at {short(head)}" in stage.say("/promote churn prod", head)
    stage.mind.person.tag("churn@v1.1.0")
    stage.mind.turns()
    said = stage.say("/promote churn prod", head)
    assert "v1.1.0 of churn is not there yet: waits for train" in said
    assert len(stage.tags()) == 2


@pytest.mark.parametrize("fork", [False, True])
def test_a_head_that_is_not_merged_is_refused(stage: RegistryTalk, fork: bool) -> None:
    mind = stage.mind
    mind.person.git("checkout", "--quiet", "-B", "topic")
    head = mind.person.commit({"a": "1"})
    mind.person.push("HEAD:refs/heads/topic")
    mind.turns()
    stage.tell(head, fork)
    said = stage.say("/promote churn prod", head)
    wanted = "is untrusted and not in main" if fork else "is not reachable from main"
    assert f"{short(head)} {wanted}" in said
    assert len(stage.tags()) == 1


def test_a_push_that_is_refused_is_answered_with_what_a_person_can_type(stage: RegistryTalk) -> None:
    bare = stage.mind.person.bare
    # git keeps no ref beside a folder of its name.
    stage.mind.person.git("update-ref", "refs/tags/churn#prod#1/@ada", stage.head, cwd=bare)
    said = commands.answer(stage.mind.ports, stage.repository, stage.comment("/promote churn prod"))
    assert "does not take the tag" in said
    assert "@ada" not in said
    line = said[said.index("git tag -a") : said.rindex("`")]
    stage.mind.person.git("update-ref", "-d", "refs/tags/churn#prod#1/@ada", cwd=bare)
    stage.mind.person.git("-c", f"alias.typed=!{line}", "typed")
    stage.mind.turns()
    assert stage.serving() == [("prod", "churn#prod#1")]


def test_a_repository_that_cannot_be_reached_is_answered(stage: RegistryTalk) -> None:
    bare = stage.mind.person.bare
    gone = bare.rename(bare.with_suffix(".gone"))
    said = commands.answer(stage.mind.ports, stage.repository, stage.comment("/promote churn prod"))
    assert "no tag was made: there is no repository" in said
    gone.rename(bare)
    assert stage.tags() == ["refs/tags/churn@v1.0.0"]


def test_whoever_is_faster_keeps_the_number_and_the_next_one_is_taken(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        stage = RegistryTalk(tmp_path, repositories=(Watched("shop", f"{server.address}/shop.git"),))
        stage.mind.person.git("config", "http.receivepack", "true", cwd=stage.mind.person.bare)
        eve = ["-c", "user.name=Eve", "-c", "user.email=eve@example.org"]
        server.before_push = [[*eve, "tag", "-a", "-m", "Theirs", "churn#prod#1", stage.head]]
        comment = stage.comment("/promote churn prod")
        said = commands.answer(stage.mind.ports, stage.repository, comment)
        assert "`churn#prod#2` is pushed" in said
        assert server.before_push == []
        assert [tag for tag in stage.tags() if "#prod#" in tag] == [
            "refs/tags/churn#prod#1",
            "refs/tags/churn#prod#2",
        ]


def test_the_same_wish_is_the_same_tag_and_another_is_not(stage: RegistryTalk) -> None:
    wish = promoting.Wish("churn", "prod", stage.head, datetime(2030, 1, 1, tzinfo=UTC))
    who = Asker("bare:17", "ada", "comment 1")
    first = promoting.promote(stage.mind.ports, stage.repository, wish, who)
    assert promoting.promote(stage.mind.ports, stage.repository, wish, who) == first
    other = promoting.promote(stage.mind.ports, stage.repository, wish, replace(who, key="comment 2"))
    assert (first.tag, other.tag) == ("churn#prod#1", "churn#prod#2")
    assert len(stage.tags()) == 3


class AsApp:
    """What says of a forge that an App speaks there."""

    checks = True


def test_an_app_says_that_it_pushes_nothing_and_a_token_what_the_forge_said(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        stage = RegistryTalk(tmp_path, repositories=(Watched("shop", f"{server.address}/shop.git"),))
        stage.mind.person.git("config", "http.receivepack", "false", cwd=stage.mind.person.bare)
        ports = stage.mind.ports
        said = commands.answer(ports, stage.repository, stage.comment("/promote churn prod"))
        assert "status code: 403" in said
        forges = {stage.repository.forge: cast(ForgeApi, AsApp())}
        app = replace(ports, forges=forges)
        said = commands.answer(app, stage.repository, stage.comment("/promote churn prod"))
        assert "is here as an App, which may read the repository and pushes nothing to it" in said
        assert "status code: 403" not in said
        assert f"git tag -a 'churn#prod#1' -m 'Promote churn to prod' {stage.head}" in said


@pytest.mark.parametrize("fork", [False, True])
def test_before_there_is_a_version_the_commit_that_merged_the_pull_request_is_named(
    stage: RegistryTalk, fork: bool
) -> None:
    """It is what main holds; of a fork's own commit no version is made, also when it is merged."""
    git = stage.mind.person.git
    git("checkout", "--quiet", "-B", "topic")
    head = stage.mind.person.commit({"a": "1"})
    git("checkout", "--quiet", "main")
    stage.mind.person.commit({"b": "1"})
    git("merge", "--quiet", "--no-ff", "-m", "Merge", "topic")
    merge = git("rev-parse", "HEAD").strip()
    stage.mind.person.commit({"b": "2"})
    stage.mind.person.push("main")
    stage.mind.turns()
    stage.tell(head, fork)
    said = stage.say("/promote churn prod", head)
    assert f"git tag -a 'churn@v1.1.0' -m 'Register churn' {merge} && " in said
    assert f"or at {short(merge)}, which merged it" in said


@pytest.mark.parametrize("fork", [False, True])
def test_a_commit_to_which_the_branch_just_moved_is_named_itself(stage: RegistryTalk, fork: bool) -> None:
    head = stage.mind.push(CONFIG, a="1")
    stage.tell(head, fork)
    assert f"-m 'Register churn' {head} && " in stage.say("/promote churn prod", head)
