"""Pull requests: opened, moved with their branch, mergeable or not, merged and closed."""

from typing import Any

from tests.standins.github import pushes
from tests.standins.github.bare import Signature
from tests.standins.github.model import Account, Pull, Repository
from tests.standins.github.views import threads
from tests.standins.github.world import World

GITHUB = Signature("GitHub", "noreply@github.com")
GOOD = ("success", "neutral", "skipped")


def emit(world: World, action: str, actor: Account, pull: Pull, **parts: Any) -> None:
    view = threads.full_pull(world.webhooks.links, pull, counts(world, pull), mergeable_state(world, pull))
    told = {"number": pull.number, **parts, "pull_request": view}
    world.webhooks.emit("pull_request", action, actor, told, pull.repository)


def opened(
    world: World, actor: Account, base: tuple[Repository, str], head: tuple[Repository, str], title: str, body: str | None, *, draft: bool = False
) -> Pull:  # fmt: skip
    """Opens one; the commits of a fork can be had from the repository afterwards, under `refs/pull/N/head`."""
    (where, base_ref), (source, head_ref) = base, head
    sha = world.bare(source).refs()[f"refs/heads/{head_ref}"]
    now = world.clock.now()
    number = max(where.threads, default=0) + 1
    pull = Pull(
        world.ids.new("pull"), number, where, actor, title, body, now, now,
        head_repository=source, head_ref=head_ref, head_label=f"{source.owner.login}:{head_ref}", head_sha=sha,
        base_ref=base_ref, base_sha=world.bare(where).refs()[f"refs/heads/{base_ref}"], draft=draft,
    )  # fmt: skip
    where.threads[number] = pull
    _take(world, pull)
    emit(world, "opened", actor, pull)
    return pull


def branch_moved(
    world: World, where: Repository, actor: Account, branch: str, before: str | None, after: str | None
) -> None:
    """Follows a branch: its pull requests get the new head, are merged by what the base got, or close with the branch."""
    for pull in [one for repo in world.repositories.values() for one in repo.pulls() if one.state == "open"]:
        if pull.head_repository is where and pull.head_ref == branch:
            if after is None:
                close(world, actor, pull)
            elif after != pull.head_sha:
                _follow(world, actor, pull, after)
        elif pull.repository is where and pull.base_ref == branch:
            if after is None:
                close(world, actor, pull)
            elif world.bare(where).is_ancestor(pull.head_sha, after):
                merged(world, actor, pull, after)
            else:
                pull.base_sha = after
                _test_merge(world, pull)


def _follow(world: World, actor: Account, pull: Pull, after: str) -> None:
    before, pull.head_sha = pull.head_sha, after
    pull.updated_at = world.clock.now()
    _take(world, pull)
    emit(world, "synchronize", actor, pull, before=before, after=after)


def _take(world: World, pull: Pull) -> None:
    assert pull.head_repository is not None
    bare = world.bare(pull.repository)
    bare.take(world.bare(pull.head_repository), pull.head_sha, f"refs/pull/{pull.number}/head")
    _test_merge(world, pull)


def _test_merge(world: World, pull: Pull) -> None:
    """`refs/pull/N/merge`: what a merge would give, as long as there is no conflict."""
    bare = world.bare(pull.repository)
    ref = f"refs/pull/{pull.number}/merge"
    tree = bare.merged_tree(pull.base_sha, pull.head_sha)
    if tree is None:
        pull.merge_sha = None
        if ref in bare.refs():
            bare.update(ref, None)
        return
    message = f"Merge {pull.head_sha} into {pull.base_sha}"
    pull.merge_sha = bare.commit_tree(tree, [pull.base_sha, pull.head_sha], message, GITHUB)
    bare.update(ref, pull.merge_sha)


def retarget(world: World, pull: Pull, base: str) -> None:
    """Makes it one for another branch."""
    pull.base_ref, pull.base_sha = base, world.bare(pull.repository).refs()[f"refs/heads/{base}"]
    _test_merge(world, pull)


def counts(world: World, pull: Pull) -> dict[str, int]:
    """What the pull request brings, since it left its base."""
    bare = world.bare(pull.repository)
    base = bare.merge_base(pull.base_sha, pull.head_sha)
    changes = bare.changes(base, pull.head_sha, patches=False) if base else []
    return {
        "commits": bare.count(f"{pull.base_sha}..{pull.head_sha}"),
        "additions": sum(one.additions for one in changes),
        "deletions": sum(one.deletions for one in changes),
        "changed_files": len(changes),
    }


def missing_checks(where: Repository, sha: str) -> set[str]:
    """Required checks that a commit does not have: a status or the newest check run of that name that is good."""
    newest = {status.context: status.state for status in where.statuses if status.sha == sha}
    newest_runs = {
        run.name: run.conclusion for run in where.runs().values() if run.suite.head_sha == sha
    }  # by ascending id: the last one counts
    good = {name for name, conclusion in newest_runs.items() if conclusion in GOOD}
    good |= {context for context, state in newest.items() if state == "success"}
    bad = {name for name in where.required_checks if newest.get(name, "success") != "success"}
    bad |= {name for name in where.required_checks if newest_runs.get(name, "success") not in GOOD}
    return (where.required_checks - good) | bad


def mergeable_state(world: World, pull: Pull) -> str:
    if pull.state == "closed":
        return "unknown"
    if pull.merge_sha is None:
        return "dirty"
    if pull.draft:
        return "draft"
    return "blocked" if missing_checks(pull.repository, pull.head_sha) else "clean"


def close(world: World, actor: Account, pull: Pull) -> None:
    pull.state, pull.closed_at = "closed", world.clock.now()
    pull.updated_at = pull.closed_at
    emit(world, "closed", actor, pull)


def merged(world: World, actor: Account, pull: Pull, sha: str) -> None:
    """Marks one as merged by a commit that its base has."""
    pull.merged_at, pull.merged_by, pull.merge_sha = world.clock.now(), actor, sha
    close(world, actor, pull)


def reopen(world: World, actor: Account, pull: Pull) -> None:
    """Opens one again whose branch is still there; what was pushed meanwhile is its head."""
    assert pull.merged_at is None
    assert pull.head_repository is not None
    pull.state, pull.closed_at, pull.updated_at = "open", None, world.clock.now()
    pull.head_sha = world.bare(pull.head_repository).refs()[f"refs/heads/{pull.head_ref}"]
    pull.base_sha = world.bare(pull.repository).refs()[f"refs/heads/{pull.base_ref}"]
    _take(world, pull)
    emit(world, "reopened", actor, pull)


def merge(world: World, actor: Account, pull: Pull, method: str, title: str, text: str) -> str | None:
    """Merges into the base branch; the commit, or None where there is a conflict."""
    bare = world.bare(pull.repository)
    author = Signature(
        actor.name or actor.login, actor.email or f"{actor.id}+{actor.login}@users.noreply.github.com"
    )
    message = f"{title}\n\n{text}".rstrip()
    if method == "rebase":
        made = bare.rebased(pull.base_sha, pull.head_sha)
    else:
        tree = bare.merged_tree(pull.base_sha, pull.head_sha)
        parents = [pull.base_sha] if method == "squash" else [pull.base_sha, pull.head_sha]
        made = bare.commit_tree(tree, parents, message, author) if tree else None
    if made is None:
        return None
    pull.merged_at, pull.merged_by, pull.merge_sha = world.clock.now(), actor, made
    pull.state = "closed"  # before its base moves, so that the move does not merge it again
    pushes.move(world, pull.repository, actor, f"refs/heads/{pull.base_ref}", made, "pr_merge")
    close(world, actor, pull)
    return made
