"""What a push changes, whoever made it and however: deliveries, check suites, and the pull requests of that branch."""

from collections.abc import Sequence
from typing import Any

from tests.standins.github import pulls
from tests.standins.github.bare import NOTHING, Bare
from tests.standins.github.model import Account, Activity, CheckSuite, Installation, Repository
from tests.standins.github.views import checks, commits, repositories
from tests.standins.github.world import World

MOST_TAGS = 3
"""More tags in one push, and GitHub tells nobody of any of them (the documentation of `push` and `create`)."""
MOST_COMMITS = 2048
"""Commits that a push lists."""

Moved = tuple[str, str | None, str | None]
"""A ref, what it named before, and what it names now; None where there is none."""


def differing(before: dict[str, str], after: dict[str, str]) -> list[Moved]:
    """What changed between two listings of refs. Only branches and tags are told of."""
    names = sorted(before.keys() | after.keys())
    moved = [(name, before.get(name), after.get(name)) for name in names]
    return [one for one in moved if one[1] != one[2] and one[0].startswith(("refs/heads/", "refs/tags/"))]


def pushed(
    world: World, where: Repository, actor: Account, moved: Sequence[Moved], how: str = "push"
) -> None:
    """Tells of refs that have moved, in GitHub's order: the ref's own events, then checks, then pull requests.

    `how`: the word of the activity list for a branch that moved forward.
    """
    if not moved:
        return
    where.pushed_at = where.updated_at = world.clock.now()
    tags = [one for one in moved if one[0].startswith("refs/tags/")]
    for one in moved:
        if one not in tags:
            _note(world, where, actor, one, how)
        if one not in tags or len(tags) <= MOST_TAGS:
            _tell(world, where, actor, one)
    for ref, before, after in moved:
        if ref.startswith("refs/heads/"):
            if after:
                for installation in world.installations(where):
                    request_suite(world, where, installation, actor, after, ref[11:], before)
            pulls.branch_moved(world, where, actor, ref[11:], before, after)


def move(
    world: World, where: Repository, actor: Account, ref: str, new: str | None, how: str = "push"
) -> None:
    """Moves a ref on the server's side, and tells of it."""
    bare = world.bare(where)
    before = bare.refs().get(ref)
    bare.update(ref, new)
    pushed(world, where, actor, [(ref, before, new)], how)


def _note(world: World, where: Repository, actor: Account, moved: Moved, how: str) -> None:
    """The activity list keeps every move of a branch."""
    ref, before, after = moved
    if before is None or after is None:
        how = "branch_creation" if before is None else "branch_deletion"
    elif not world.bare(where).is_ancestor(before, after):
        how = "force_push"
    made = Activity(
        world.ids.new("activity"), ref, before or NOTHING, after or NOTHING, how, actor, world.clock.now()
    )
    where.activities.append(made)


def _tell(world: World, where: Repository, actor: Account, moved: Moved) -> None:
    ref, before, after = moved
    kind, name = ("branch", ref[11:]) if ref.startswith("refs/heads/") else ("tag", ref[10:])
    if before is None or after is None:
        parts: dict[str, Any] = {"ref": name, "ref_type": kind, "pusher_type": "user"}
        if after is not None:
            parts |= {"master_branch": where.default_branch, "description": None}
        world.webhooks.emit("create" if after else "delete", None, actor, parts, where)
    world.webhooks.emit("push", None, actor, _push(world, where, actor, moved), where)


def _push(world: World, where: Repository, actor: Account, moved: Moved) -> dict[str, Any]:
    ref, before, after = moved
    links, bare = world.webhooks.links, world.bare(where)
    head = bare.resolve(after) if after else None
    listed = _commits(bare, ref, before, head)[-MOST_COMMITS:]
    view = [
        commits.pushed(links, where, bare, bare.commit(sha), world.who, distinct) for sha, distinct in listed
    ]
    last = (
        view[-1]
        if view
        else head and commits.pushed(links, where, bare, bare.commit(head), world.who, distinct=False)
    )
    same = [name for name, sha in bare.refs().items() if sha == head and name.startswith("refs/heads/")]
    short = ref.split("/", 2)[2]
    span = f"{before[:12]}...{after[:12]}" if before and after else short
    old = bare.resolve(before) if before else None
    return {
        "ref": ref,
        "before": before or NOTHING,
        "after": after or NOTHING,
        "created": before is None,
        "deleted": after is None,
        "forced": bool(old and head and not bare.is_ancestor(old, head)),
        "base_ref": next((name for name in same if name != ref), None) if before is None else None,
        "compare": f"{links.page(where)}/compare/{span}",
        "commits": view,
        "head_commit": last or None,
        "repository": repositories.pushed(links, where),
        "pusher": {
            "name": actor.login,
            "email": actor.email or f"{actor.id}+{actor.login}@users.noreply.github.com",
        },
    }


def _commits(bare: Bare, ref: str, before: str | None, head: str | None) -> list[tuple[str, bool]]:
    """What a push brought, oldest first, and whether no other branch has it. A tag lists none."""
    if head is None or not ref.startswith("refs/heads/"):
        return []
    others = [sha for name, sha in bare.refs().items() if name.startswith("refs/heads/") and name != ref]
    known = others if before is None else [before]
    brought = [one.sha for one in bare.log(head, *(f"^{sha}" for sha in known))]
    fresh = {one.sha for one in bare.log(head, *(f"^{sha}" for sha in others))}
    return [(sha, sha in fresh) for sha in reversed(brought)]


def request_suite(
    world: World, where: Repository, installation: Installation, actor: Account,
    sha: str, branch: str | None, before: str | None,
) -> CheckSuite | None:  # fmt: skip
    """The suite that GitHub makes for an app that writes checks, once for a commit; tells the app to run its checks."""
    if installation.permissions.get("checks") != "write":
        return None
    for suite in where.suites.values():
        if suite.app is installation.app and suite.head_sha == sha:
            return None
    made = new_suite(world, where, installation, sha, branch, before)
    view = checks.suite(world.webhooks.links, where, world.bare(where), made)
    world.webhooks.emit(
        "check_suite", "requested", actor, {"check_suite": view}, where, only=installation.app
    )
    return made


def new_suite(
    world: World, where: Repository, installation: Installation, sha: str, branch: str | None, before: str | None = None
) -> CheckSuite:  # fmt: skip
    now = world.clock.now()
    made = CheckSuite(
        world.ids.new("check_suite"), installation.app, sha, branch, before or NOTHING, now, now
    )
    where.suites[made.id] = made
    return made
