"""Comments and reactions, by whoever writes them: kept, and told of."""

from typing import Any

from tests.standins.github.model import Account, App, Comment, Reaction, Thread
from tests.standins.github.views import threads
from tests.standins.github.world import World


def comment(world: World, actor: Account, thread: Thread, body: str, app: App | None = None) -> Comment:
    now = world.clock.now()
    made = Comment(world.ids.new("comment"), thread, actor, body, now, now, app)
    thread.comments[made.id] = made
    thread.updated_at = now
    _emit(world, "created", actor, made)
    return made


def edit(world: World, actor: Account, one: Comment, body: str) -> None:
    """Somebody else than the author may have written what a comment says now."""
    was, one.body, one.updated_at = one.body, body, world.clock.now()
    one.thread.updated_at = one.updated_at
    _emit(world, "edited", actor, one, {"changes": {"body": {"from": was}}})


def delete(world: World, actor: Account, one: Comment) -> None:
    del one.thread.comments[one.id]
    one.thread.updated_at = world.clock.now()
    _emit(world, "deleted", actor, one)


def react(world: World, actor: Account, one: Comment, content: str) -> Reaction:
    """GitHub tells nobody of reactions."""
    made = Reaction(world.ids.new("reaction"), actor, content, world.clock.now())
    one.reactions[made.id] = made
    return made


def _emit(
    world: World, action: str, actor: Account, one: Comment, more: dict[str, Any] | None = None
) -> None:
    links = world.webhooks.links
    parts = {
        **(more or {}),
        "issue": threads.issue(links, one.thread),
        "comment": threads.comment(links, one),
    }
    world.webhooks.emit("issue_comment", action, actor, parts, one.thread.repository)
