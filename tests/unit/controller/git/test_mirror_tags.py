"""Tags as they are read: what they point at in the end, who made them, and when."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from controller.git.mirror import Mirror
from tests.builders.git_repository import GitRepository

MirrorOf = Callable[[GitRepository], Mirror]


def annotate(
    work: GitRepository, name: str, target: str = "HEAD", when: str = "2030-01-01T12:00:00+02:00"
) -> None:
    work.git("tag", "--annotate", "--message", f"About {name}", name, target, when=when)


def test_annotated_and_lightweight_tags(work: GitRepository, mirror_of: MirrorOf) -> None:
    first = work.commit()
    work.git("tag", "light")
    annotate(work, "wine@v0.1.0", when="2030-06-01T12:00:00+05:30")
    heavy, light = sorted(mirror_of(work).tags(), key=lambda tag: not tag.annotated)
    assert (light.name, light.tag_object, light.target) == ("light", first, first)
    assert (light.annotated, light.tagged_at, light.tagger, light.message) == (False, None, "", "")
    assert (heavy.name, heavy.target, heavy.annotated) == ("wine@v0.1.0", first, True)
    assert heavy.tag_object == work.head("refs/tags/wine@v0.1.0")
    assert heavy.tagged_at == datetime(2030, 6, 1, 6, 30, tzinfo=UTC)
    assert heavy.tagged_at is not None
    assert heavy.tagged_at.utcoffset() == timedelta(hours=5, minutes=30)
    assert (heavy.tagger, heavy.message) == ("Ada Lovelace <ada@example.org>", "About wine@v0.1.0\n")


def test_a_tag_of_a_tag_leads_to_the_commit_and_keeps_its_own_date(
    work: GitRepository, mirror_of: MirrorOf
) -> None:
    first = work.commit()
    annotate(work, "inner", when="2030-01-01T00:00:00+00:00")
    annotate(work, "outer", "refs/tags/inner", when="2030-02-02T00:00:00+00:00")
    outer = {tag.name: tag for tag in mirror_of(work).tags()}["outer"]
    assert (outer.target, outer.tag_object) == (first, work.head("refs/tags/outer"))
    assert outer.tagged_at == datetime(2030, 2, 2, tzinfo=UTC)


def test_tags_of_other_things_come_only_when_asked_for(work: GitRepository, mirror_of: MirrorOf) -> None:
    work.commit({"a": "1"})
    annotate(work, "good")
    annotate(work, "tree", "HEAD^{tree}")
    work.git("tag", "blob", "HEAD:a")
    mirror = mirror_of(work)
    assert [tag.name for tag in mirror.tags()] == ["good"]
    assert {tag.name: tag.commit for tag in mirror.tags(others=True)} == {
        "good": True,
        "tree": False,
        "blob": False,
    }


def test_a_tag_without_tagger_has_no_date(work: GitRepository, mirror_of: MirrorOf) -> None:
    first = work.commit()
    raw = f"object {first}\ntype commit\ntag old\n\nMade by an old git\n"
    work.git("update-ref", "refs/tags/old", work.write_object("tag", raw.encode()))
    (tag,) = mirror_of(work).tags()
    assert (tag.annotated, tag.tagged_at, tag.tagger, tag.message) == (True, None, "", "Made by an old git\n")


def test_the_refs_name_counts_not_the_tag_objects(work: GitRepository, mirror_of: MirrorOf) -> None:
    work.commit()
    annotate(work, "wine#dev#1")
    work.git("update-ref", "refs/tags/wine#prod#2", "refs/tags/wine#dev#1")
    assert [tag.name for tag in mirror_of(work).tags()] == ["wine#dev#1", "wine#prod#2"]
