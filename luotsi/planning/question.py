"""The event that a person asks about, in their own repository: what would be pushed, tagged, merged or written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.core import grants
from controller.core.events import BRANCHES, TAGS, Comment, PullRequest, Push, Tagged
from controller.core.foresee import Event, Scheduled, World
from controller.core.foresee_tags import Registry
from controller.core.serving.tags import parse_tag
from controller.git import snapshot
from controller.git.local import LocalRepository
from controller.git.revisions import commit_named
from luotsi.linting.names import Known
from luotsi.planning import tags
from schemas import moments
from schemas.errors import ConfigError, LuotsiError
from schemas.parse_config import FILE_NAME, parse_config
from schemas.repo_config import RepoConfig
from schemas.values import RefName, Sha, short
from schemas.yaml_limits import DEFAULT_LIMITS

KINDS = ("push", "pull-request", "tag", "schedule", "comment")


@dataclass(frozen=True, slots=True)
class Options:
    """As the command line has them. `event` "" is what the other options say."""

    rev: str = "HEAD"
    event: str = ""
    branch: str = ""
    tag: str = ""
    target: str = ""
    comment: str = ""
    base: str = ""
    working_tree: bool = False

    @property
    def kind(self) -> str:
        """The kind of event: the one named, else the one that the options belong to."""
        if self.event:
            return self.event
        meant = {"tag": self.tag, "comment": self.comment, "pull-request": self.target}
        return next((kind for kind, given in meant.items() if given), "push")


@dataclass(frozen=True, slots=True)
class Question:
    """The event, the config at its commit, and what is known. `title` says it in words, `compared` what paths are judged by."""

    event: Event
    config: RepoConfig
    world: World
    title: str
    compared: str = ""
    path: str = FILE_NAME
    text: str = field(default="", repr=False)
    registry: Registry | None = None
    """The registry tags that are asked about, if there are any."""


def ask(place: Path, options: Options, known: Known | None) -> Question:
    """What a person's options mean in the repository around `place`. Raises `ConfigError`."""
    return _Asker(LocalRepository(place), place, options).question(known)


class _Asker:
    """One question, answered from the repository alone: nothing is fetched, nothing is written."""

    def __init__(self, repository: LocalRepository, place: Path, options: Options) -> None:
        self._repository = repository
        self._place = place
        self._options = options
        rev = (
            options.tag
            if options.tag and options.rev == "HEAD" and self._has_tag(options.tag)
            else options.rev
        )
        self._head = repository.resolve(rev)
        if options.working_tree and options.rev != "HEAD":
            raise ConfigError("--working-tree is about the files as they are now: it takes no revision")

    def question(self, known: Known | None) -> Question:
        """The whole of it."""
        path, text = self._file()
        config = parse_config(text, path)
        event, title, base = self._event()
        changed, compared = self._changed(base)
        codes, missing = self._commits(config, path)
        world = World(
            created=moments.now(),
            message="" if self._options.working_tree else self._repository.commit(self._head).message,
            changed=changed,
            default_branch=self._main(),
            **_names(known),
            origin=self._origin(event) if known is not None and known.limits else None,
            codes=codes,
            missing=missing,
            paths=self._files_of_commit() if any(trigger.reads for trigger in config.triggers) else None,
        )
        shown = text.decode("utf-8", "replace")
        return Question(
            event, config, world, title, compared, path, shown, self._registry(config, path, known)
        )

    def _registry(self, config: RepoConfig, path: str, known: Known | None) -> Registry | None:
        """A tag's registry when the event is one of its tags, and for a push, when tags are at its commit."""
        kind = self._options.kind
        name = (self._options.tag or self._options.rev) if kind == "tag" else ""
        if self._options.working_tree or kind not in ("push", "tag") or (name and not parse_tag(name)):
            return None
        main = self._repository.ref(f"refs/remotes/origin/{self._main()}", BRANCHES + self._main())
        found = tags.of_clone(self._repository, self._head, name, main)
        if not found[0]:
            return None
        roots = {path.removesuffix(FILE_NAME).rstrip("/"), *tags.folders(found[0])}
        clusters = known.names["cluster"] if known is not None else None
        return tags.registry(
            found,
            {**self._files(roots, self._head), path.removesuffix(FILE_NAME).rstrip("/"): config},
            self._files(roots, main) if main else {},
            clusters,
        )

    def _files(self, roots: set[str], sha: Sha) -> dict[str, RepoConfig]:
        texts = {root: self._read(f"{root}/{FILE_NAME}".lstrip("/"), sha) for root in sorted(roots)}
        return {root: parse_config(text) for root, text in texts.items() if text is not None}

    def _event(self) -> tuple[Event, str, Sha | None]:
        """The event, its words, and the commit that paths are compared with (None: no filter holds)."""
        what = self._what()
        match self._options.kind:
            case "tag":
                name = self._options.tag or self._options.rev
                if not self._options.tag and not self._has_tag(name):
                    raise ConfigError("which tag?", hint="Like this: luotsi plan --tag v1.0.0")
                return Tagged(RefName(TAGS + name), name, self._head), f"tag {name} at {what}", None
            case "comment":
                if not self._options.comment:
                    raise ConfigError("which comment?", hint="Like this: luotsi plan --comment /train")
                comment = Comment("plan", 0, self._head, self._options.comment, "you", may_write=True)
                return comment, f"comment `{self._options.comment}` on a pull request at {what}", None
            case "schedule":
                branch = self._options.branch or self._main()
                return Scheduled(branch, moments.now()), f"schedule of {branch} at {what}", None
            case "pull-request":
                return self._pull_request(what)
            case _:
                branch = self._options.branch or self._repository.branch() or self._main()
                base = self._old_head(branch)
                push = Push(RefName(BRANCHES + branch), branch, self._head, base)
                return push, f"push of {what} to {branch}", base

    def _pull_request(self, what: str) -> tuple[Event, str, Sha | None]:
        target = self._options.target or self._main()
        tip = self._repository.ref(f"refs/remotes/origin/{target}", BRANCHES + target)
        if tip is None and not self._options.base:
            raise ConfigError(
                f"there is no branch {target} here to compare with", hint="Name a commit: --base REV"
            )
        base = self._given_base() or self._repository.merge_base(tip or self._head, self._head)
        branch = self._options.branch or self._repository.branch() or ""
        event = PullRequest(0, self._head, BRANCHES + target, tip or self._head, head_ref=branch)
        return event, f"pull request of {what} to {target}", base

    def _origin(self, event: Event) -> grants.Origin:
        """Where the code comes from, as far as this repository tells: as it would be once all of it is pushed."""
        branch = self._options.branch or self._repository.branch() or ""
        match event:
            case Push():
                return grants.of_run("push", event.ref, "trusted")
            case Scheduled():
                return grants.of_run("schedule", BRANCHES + event.branch, "trusted")
            case Tagged():
                return grants.contained("tag", self._containing(), "the tagged commit")
            case PullRequest():
                return grants.of_run("pull-request", event.ref, "trusted", event)
            case Comment():
                told = PullRequest(0, self._head, "", self._head, head_ref=branch)
                return grants.of_run("comment", event.ref, "trusted", told)

    def _containing(self) -> list[str]:
        """Branches that contain the commit: of the clone's origin, and those that are only here."""
        remote = "refs/remotes/origin/"
        refs = [str(ref) for ref in self._repository.repository().references]
        names = {
            ref.removeprefix(remote).removeprefix(BRANCHES)
            for ref in refs
            if ref.startswith((remote, BRANCHES))
        }
        heads = {
            name: self._repository.ref(remote + name, BRANCHES + name) for name in sorted(names - {"HEAD"})
        }
        return [
            name
            for name, head in heads.items()
            if head is not None and self._repository.merge_base(head, self._head) == self._head
        ]

    def _what(self) -> str:
        return "the working tree" if self._options.working_tree else short(self._head)

    def _given_base(self) -> Sha | None:
        return self._repository.resolve(self._options.base) if self._options.base else None

    def _old_head(self, branch: str) -> Sha | None:
        """Where the branch would move from: its upstream; for a new branch the merge base with the default one."""
        given = self._given_base()
        if given:
            return given
        upstream = self._repository.ref(f"refs/remotes/origin/{branch}")
        if upstream is not None and (upstream != self._head or self._options.working_tree):
            return upstream
        if upstream is None:
            main = self._repository.ref(f"refs/remotes/origin/{self._main()}", BRANCHES + self._main())
            common = self._repository.merge_base(main, self._head) if main else None
            if common is not None and common != self._head:
                return common
        if self._options.working_tree:
            return self._head
        parents = self._repository.commit(self._head).parents
        return parents[0] if parents else None

    def _changed(self, base: Sha | None) -> tuple[frozenset[str] | None, str]:
        if self._options.kind not in ("push", "pull-request"):
            return None, ""
        if base is None:
            return None, "nothing to compare with: every path counts as changed"
        paths = self._repository.changed_paths(base, self._head) or set()
        if self._options.working_tree:
            paths |= self._repository.uncommitted()
        count = f"{len(paths)} path{'' if len(paths) == 1 else 's'} changed"
        return frozenset(paths), f"compared with {short(base)}: {count}"

    def _file(self) -> tuple[str, bytes]:
        """The config: the nearest file at or above the place, in the working tree or at the commit."""
        for path in self._paths():
            text = self._read(path)
            if text is not None:
                return path, text
        raise ConfigError(
            f"there is no {FILE_NAME} in {self._what()}", hint="Write one first: see the README."
        )

    def _paths(self) -> list[str]:
        top = self._repository.top
        here = self._place.resolve()
        below = here.relative_to(top.resolve()).parts if top and here.is_relative_to(top.resolve()) else ()
        return ["/".join((*below[:count], FILE_NAME)) for count in range(len(below), -1, -1)]

    def _read(self, path: str, sha: Sha | None = None) -> bytes | None:
        limit = DEFAULT_LIMITS.bytes + 1
        if self._options.working_tree and sha is None:
            file = (self._repository.top or self._place) / path
            if not file.is_file():
                return None
            with file.open("rb") as opened:
                return opened.read(limit)
        return self._repository.read_blob(sha or self._head, path, limit)

    def _commits(self, config: RepoConfig, path: str) -> tuple[dict[str, Any], dict[str, str]]:
        """The commits that pipelines' nodes name: official configs, and why one is missing."""
        pipelines = config.valohai.pipelines.values() if config.valohai else ()
        nodes = [node for pipeline in pipelines for node in pipeline.nodes]
        named = {str(node.commit) for node in nodes if getattr(node, "commit", None)}
        codes: dict[str, Any] = {}
        missing: dict[str, str] = {}
        for name in sorted(named):
            try:
                sha = self._named(name)
            except ConfigError as error:
                missing[name] = f"{error} `git fetch` brings what is new at origin."
                continue
            code = parse_config(self._read(path, sha) or b"").valohai
            codes |= {name: code} if code is not None else {}
        return codes, missing

    def _named(self, text: str) -> Sha:
        """What a node's `commit` means where this clone was pushed; a branch is as origin has it."""
        remote = f"refs/remotes/origin/{text}"
        found = self._repository.refs().get(RefName(remote))
        return commit_named(self._repository, text if found is None else remote)

    def _files_of_commit(self) -> tuple[bytes, ...] | None:
        """The paths that a job would find; None for what cannot be read here."""
        try:
            if self._options.working_tree:
                return tuple(each.path for each in self._repository.files())
            return tuple(each[0] for each in snapshot.entries(self._repository.path, self._head))
        except LuotsiError:
            return None

    def _main(self) -> str:
        return self._repository.main_branch() or self._repository.branch() or "main"

    def _has_tag(self, name: str) -> bool:
        return self._repository.ref(TAGS + name) is not None


def _names(known: Known | None) -> dict[str, Any]:
    if known is None:
        return {}
    names = known.names
    return {
        "environments": names["environment"],
        "groups": names["variable group"],
        "stores": names["store"],
        "limits": known.limits,
    }
