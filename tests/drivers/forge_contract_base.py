"""What the parts of the forges' contract share."""

from collections.abc import Iterator

import pytest

from forges.port import CommentSeen, Delivery, MergeGroupSeen, PullRequestSeen, RepositorySeen, RerunAsked
from tests.builders.forge_site import ForgeSite


class SiteContract:
    @pytest.fixture
    def site(self) -> ForgeSite:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def as_described(self, site: ForgeSite) -> Iterator[None]:
        """Every request of the test was one that the forge's description has."""
        yield
        assert site.violations == []

    @pytest.fixture
    def hook(self, site: ForgeSite) -> str:
        """Our hook, and what its making brought is heard already."""
        made = site.api.ensure_hook(site.name, site.hook_url, site.secret)
        site.raw()
        return made.id


def pushes(heard: list[Delivery]) -> list[tuple[str | None, str | None, str | None]]:
    return [(one.ref, one.before, one.after) for one in heard if one.event == "push"]


def pulls(heard: list[Delivery]) -> list[PullRequestSeen]:
    return [one.pull for one in heard if one.pull is not None]


def comments(heard: list[Delivery]) -> list[CommentSeen]:
    return [one.comment for one in heard if one.comment is not None]


def reruns(heard: list[Delivery]) -> list[RerunAsked]:
    return [one.rerun for one in heard if one.rerun is not None]


def groups(heard: list[Delivery]) -> list[MergeGroupSeen]:
    return [one.queue for one in heard if one.queue is not None]


def repositories(heard: list[Delivery]) -> list[RepositorySeen]:
    return [one.repository for one in heard if one.repository is not None]
