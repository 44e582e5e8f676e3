"""Makes the next tag of a stage for a person who asks, and pushes it. The tag is then judged as anybody's is.

The tag comes last, after everything that could make it useless: it is refused with the reason where it would not count.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from controller.core.checks import markdown
from controller.core.serving import promote as core
from controller.core.serving.promote import Action, ParsedTag
from controller.core.serving.registry import VersionState
from controller.core.serving.tags import semver_key
from controller.git import tagging
from controller.git.mirror import Mirror
from controller.git.tagging import NewTag
from controller.ports import Ports
from controller.pulls import approved, asker
from controller.pulls.asker import Asker
from controller.serving import promotions
from controller.serving.promotions import Scene
from ledger import inbox, registry
from ledger.repositories import RepositoryRow
from schemas.errors import ConfigError, LuotsiError, Stalled
from schemas.repo_config import Stage
from schemas.states import PromotionState
from schemas.values import RefName, Sha, short

log = structlog.get_logger()

SIGNED = "signed-tag"
TRIES = 5
"""Numbers that are tried while others are faster."""
TAGS = "refs/tags/"
FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wish:
    """`model` as a tag's artifact or as the file calls it; `sha`: the whole id of the commit whose version is meant.

    `begun`: the moment when it was first heard, by which the same wish is the same tag. `pull_request`: below which it
    was written, if it was.
    """

    model: str
    stage: str
    sha: str
    begun: datetime
    pull_request: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The tag that was pushed, and what it asks for; or why there is none, and by hand: the command that would make one."""

    tag: str = ""
    words: str = ""
    command: str = ""


def promote(ports: Ports, repository: RepositoryRow, wish: Wish, who: Asker) -> Answer:
    """Make and push the tag. Asked again with the same wish and key it finds its own tag, and makes no other."""
    try:
        return _promote(ports, repository, wish, who)
    except _Untagged as error:
        return Answer(words=error.message, command=error.command)
    except LuotsiError as error:
        return Answer(words=str(error))


class _Untagged(ConfigError):
    """Nobody has made a version of the commit yet. `command`: what makes one."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message)
        self.command = command


def _promote(ports: Ports, repository: RepositoryRow, wish: Wish, who: Asker) -> Answer:
    scene = promotions.scene_of(ports, repository)
    model = wish.model.replace("=", ":")
    project, item = promotions.model_at(ports, scene, model, wish.sha)
    policy = promotions.policy(ports, scene, project, item, wish.stage)
    _check_reachable(ports, scene, wish)
    names = {model, item.name, f"{project.root}:{item.name}"}
    merge = ""
    if wish.pull_request is not None:
        wish = replace(wish, sha=_merged(scene, names, wish.sha))
        merge = _merge_of(ports, scene, wish.sha)
    name, version = _version(scene, names, wish.sha, merge)
    asked = ParsedTag(Action.ASSIGN, name, stage=wish.stage)
    message = f"Promote {name} {version.version} to {wish.stage}\n\nAsked for by {markdown.line(who.account)}, {markdown.line(who.key)}"
    there = scene.mirror.look()
    mine = _mine(there, asked, wish, message)
    if mine is None:
        refusal = _refusal(ports, scene, asked, version, policy, there)
        if refusal is not None:
            return refusal
        try:
            mine = _push(scene.mirror, there, asked, wish, message)
        except LuotsiError as error:
            words = _not_pushed(ports, repository, error)
            return Answer(words=words, command=_by_hand("-a", asked, wish.sha, there))
    _note(ports, repository, mine, wish, who)
    return Answer(mine, f"asks for {version.version} of {name} in {wish.stage}")


def _not_pushed(ports: Ports, repository: RepositoryRow, error: LuotsiError) -> str:
    """Why the tag did not get there. An App's login for git only reads, whatever the operator grants it."""
    api = ports.forges.get(repository.forge)
    if isinstance(error, Stalled) and api is not None and api.checks:
        return "Luotsi is here as an App, which may read the repository and pushes nothing to it. Whoever may push tags can make it"
    return f"{str(error).rstrip('.')}. Whoever may push tags can make it"


def _check_reachable(ports: Ports, scene: Scene, wish: Wish) -> None:
    """A tag counts only where a protected branch leads to its commit; a version, only where trusted code made it."""
    if promotions.is_protected(ports, scene.repository, scene.mirror, wish.sha):
        return
    where = " and ".join(promotions.protected(ports, scene.repository))
    if wish.pull_request is not None and not _is_trusted(ports, scene, wish.pull_request):
        raise ConfigError(f"{short(wish.sha)} is untrusted and not in {where}, so nothing of it is served")
    raise ConfigError(
        f"{short(wish.sha)} is not reachable from {where}, so a tag on it would not count",
        hint="Merge it first. A squashed or rebased one is another commit, with a version of its own.",
    )


def _is_trusted(ports: Ports, scene: Scene, number: int) -> bool:
    """Whether what is told of a pull request lets its commits run by themselves; one that is not known at all is no fork."""
    with ports.ledger.read() as connection:
        pull = approved.newest(connection, scene.repository.id, number)
    return pull is None or approved.as_now(ports, scene.repository, pull).trust == "trusted"


def _merge_of(ports: Ports, scene: Scene, sha: str) -> str:
    """The commit of a protected branch that brought a pull request's there, itself where a branch was just moved to it.

    It is what the branch holds and what runs there; of an untrusted head no version is made at all.
    """
    refs = scene.mirror.refs()
    for name in promotions.protected(ports, scene.repository):
        head = refs.get(RefName(f"refs/heads/{name}"))
        if head is not None and (found := scene.mirror.merged_by(Sha(sha), head)) is not None:
            return found
    return sha


def _merged(scene: Scene, names: set[str], sha: str) -> str:
    """The commit whose version a pull request's is: its head, or else the first registered one that its head was merged into."""
    found = [
        version
        for name in names & scene.state.keys()
        for version in scene.state[name].versions.values()
        if version.named and version.registered
    ]
    if any(version.target == sha for version in found):
        return sha
    later = [one for one in found if scene.mirror.merge_base(Sha(one.target), Sha(sha)) == sha]
    first = min(later, key=lambda one: one.tag.committed_at or one.tag.tagged_at or FAR, default=None)
    return first.target if first is not None else sha


def _version(scene: Scene, names: set[str], sha: str, merge: str = "") -> tuple[str, VersionState]:
    """The artifact and the version that is registered at this commit and bound to what made it.

    `merge`: the commit to register where there is none, if that is another one.
    """
    for name in sorted(names & scene.state.keys()):
        for version in scene.state[name].versions.values():
            if version.target != sha or not version.named or not version.registered:
                continue
            if (name, version.version) not in scene.bound:
                row = scene.rows[version.tag.tag_object]
                raise ConfigError(f"{version.version} of {name} is not there yet: {row.reason}")
            return name, version
    plain = min(names, key=len)
    tag = f"{plain.replace(':', '=')}@{_next_version(scene, names)}"
    if merge and merge != sha:
        where = f"{short(sha)} or at {short(merge)}, which merged it"
    else:
        where = short(sha)
    raise _Untagged(
        f"no version of {plain} is registered at {where}. Whoever may push tags registers one",
        f"git tag -a '{tag}' -m 'Register {plain}' {merge or sha} && git push origin 'refs/tags/{tag}'",
    )


def _next_version(scene: Scene, names: set[str]) -> str:
    """A version that nobody has registered yet: the next minor one."""
    there = (each for name in names & scene.state.keys() for each in scene.state[name].versions.values())
    known = [semver_key(each.version)[0] for each in there if each.named]
    if not known:
        return "v1.0.0"
    major, minor, _ = max(known)
    return f"v{major}.{minor + 1}.0"


def _refusal(
    ports: Ports,
    scene: Scene,
    asked: ParsedTag,
    version: VersionState,
    policy: Stage,
    there: dict[RefName, Sha],
) -> Answer | None:
    """Why there is no need for the tag, or why Luotsi cannot make it."""
    stage = scene.state[asked.model].stages.get(asked.stage)
    if stage is not None and stage.version.target == version.target:
        with ports.ledger.read() as connection:
            rows = registry.promotions_of(connection, scene.repository.id)
        failed = {row.tag_object for row in rows if row.state is PromotionState.FAILED}
        if stage.tag.tag_object not in failed:
            words = f"{asked.stage} is at {version.version} of {asked.model} already, by {stage.tag.name}"
            return Answer(words=words)
    if SIGNED in policy.require:
        return Answer(
            words=f"the stage {asked.stage} requires a signed tag, and Luotsi signs none. Whoever may sign can make it",
            command=_by_hand("-s", asked, version.target, there),
        )
    return None


def _by_hand(kind: str, asked: ParsedTag, sha: str, there: dict[RefName, Sha]) -> str:
    """What a person types for the next tag: GTO's names have nothing that a shell reads inside of quotes."""
    name = _spelled(asked, _counter(asked.model, there))
    words = f"Promote {asked.model} to {asked.stage}"
    return f"git tag {kind} '{name}' -m '{words}' {sha} && git push origin 'refs/tags/{name}'"


def _mine(there: dict[RefName, Sha], asked: ParsedTag, wish: Wish, message: str) -> str | None:
    """The tag that this very wish made before a crash."""
    for ref, tag in there.items():
        parsed = core.parse_tag(ref.removeprefix(TAGS)) if ref.startswith(TAGS) else None
        if parsed is None or (parsed.action, parsed.model, parsed.stage) != (
            Action.ASSIGN,
            asked.model,
            asked.stage,
        ):
            continue
        name = ref.removeprefix(TAGS)
        if _tag(name, wish, message).id == tag:
            return name
    return None


def _push(mirror: Mirror, there: dict[RefName, Sha], asked: ParsedTag, wish: Wish, message: str) -> str:
    counter = _counter(asked.model, there)
    for number in range(counter, counter + TRIES):
        name = _spelled(asked, number)
        words = tagging.push(mirror, _tag(name, wish, message))
        if words is None:
            return name
        if words:
            raise ConfigError(f"the repository does not take the tag {name}: {words}")
    raise ConfigError(f"others push tags of {asked.model} all the time; ask again in a moment")


def _tag(name: str, wish: Wish, message: str) -> NewTag:
    return NewTag(name, Sha(wish.sha), message, wish.begun)


def _counter(model: str, there: dict[RefName, Sha]) -> int:
    return core.next_counter(model, [ref.removeprefix(TAGS) for ref in there if ref.startswith(TAGS)])


def _spelled(asked: ParsedTag, counter: int) -> str:
    wanted = ParsedTag(asked.action, asked.model, stage=asked.stage, counter=counter)
    name = core.spell(wanted)
    if core.parse_tag(name) != wanted:
        raise ConfigError(f"{asked.model} and {asked.stage} cannot be written in a tag")
    return name


def _note(ports: Ports, repository: RepositoryRow, tag: str, wish: Wish, who: Asker) -> None:
    """Into the audit, and a hint to look: the tag is not told by anybody else where no webhook comes in."""
    now = ports.clock()
    with ports.ledger.write() as connection:
        if inbox.receive(
            connection, "delivery", repository.name, f"{tag} {int(wish.begun.timestamp())}"[-200:], b"", now
        ):
            asker.note(connection, who, "promote", f"{repository.name} {tag}", {"sha": wish.sha}, now)
    log.info("tag pushed", repository=repository.name, tag=tag, commit=short(wish.sha), who=who.account)


def commit_of(ports: Ports, repository: RepositoryRow, model: str, version: str = "") -> Sha:
    """The commit of a version of a model, of the latest one where none is named. Raises `ConfigError` when there is none."""
    state = promotions.scene_of(ports, repository).state
    wanted = model.replace("=", ":")
    names = [name for name in state if name == wanted] or [
        name for name in state if name.rpartition(":")[2] == wanted
    ]
    if not names:
        known = f"It has versions of: {', '.join(state)}." if state else "It has no version of any model."
        raise ConfigError(f"{repository.name} has no version of {model}", hint=known)
    if len(names) > 1:
        raise ConfigError(f"several folders have a model {model}", hint=f"Name one: {', '.join(names)}.")
    found = state[names[0]]
    chosen = version or found.latest
    target = next(
        (each.target for each in found.versions.values() if each.named and each.version == chosen), None
    )
    if target is None:
        known = ", ".join(each.version for each in found.versions.values() if each.named) or "none"
        raise ConfigError(
            f"there is no version {chosen or ''} of {names[0]}".replace("  ", " "),
            hint=f"There are: {known}.",
        )
    return Sha(target)
