"""A forge where people do what they like, in any order, while deliveries are lost, doubled, late and out of order."""

import random
from collections.abc import Callable

from sqlalchemy import select

from forges.port import Delivery
from ledger import tables
from schemas import codec
from schemas.values import NULL_SHA
from tests.builders.pull_mind import PullMind
from tests.standins.github.model import Pull, Repository
from tests.standins.github.sending import Sending

BRANCHES = ("main", "one", "two", "three")
DAY = 86_400.0


class Weather:
    """`step` does one thing, chosen by `chance`; `clear` lets everything arrive and come to its end."""

    def __init__(self, mind: PullMind, chance: random.Random) -> None:
        self.mind = mind
        self.chance = chance
        self.there = mind.site.there
        self.repo: Repository = mind.site.repo
        self.fork: Repository | None = None
        self.pulls: list[Pull] = []
        self.pushed = [self.refs()["main"]]
        self.count = 0
        self.done: list[str] = []
        """What was done, for people who read a failure."""

    def refs(self) -> dict[str, str]:
        """Branch -> commit, as the forge has them now."""
        found = self.mind.site.github.bare(self.repo).refs()
        return {ref.removeprefix("refs/heads/"): sha for ref, sha in found.items() if ref.startswith("refs/heads/")}  # fmt: skip

    def step(self) -> None:
        """One thing that happens."""
        act = self.chance.choices(*zip(*self._acts().items(), strict=True))[0]
        self.done.append(act.__name__)
        act()

    def clear(self) -> None:
        """The controller is there again, what was held arrives or is lost, and all that waits is run."""
        self.mind.site.github.post.release(self._arranged)
        self.mind.later(5)
        self.mind.later(700)
        for _ in range(300):
            if not (waiting := self.mind.waiting()):
                break
            self.mind.finish(waiting[0], rest=False)
            self.mind.turn()
        self.mind.later(700)

    def named(self) -> set[str]:
        """Every commit that a delivery named which arrived: the heads of branches and of open pull requests."""
        with self.mind.ports.ledger.read() as connection:
            bodies = connection.scalars(select(tables.inbox.c.body)).all()
        found = set()
        for body in bodies:
            delivery = codec.read(Delivery, body)
            if delivery.event == "push" and (delivery.ref or "").startswith("refs/heads/"):
                found.add(delivery.after or "")
            if delivery.pull is not None and delivery.pull.open:
                found.add(delivery.pull.head)
        return found - {"", NULL_SHA}

    def _acts(self) -> dict[Callable[[], None], int]:
        return {
            self.turn: 9, self.push: 6, self.force: 3, self.delete: 2, self.make_again: 2, self.rename: 2, self.merge: 2,
            self.tag: 1, self.open: 3, self.open_fork: 1, self.push_fork: 1, self.close: 1, self.end: 3, self.lose: 2,
            self.double: 2, self.hold: 2, self.release: 3, self.pass_time: 2, self.be_away: 1,
        }  # fmt: skip

    def turn(self) -> None:
        self.mind.turn()

    def push(self) -> None:
        self._commit(self.chance.choice(BRANCHES))

    def force(self) -> None:
        self._commit(self.chance.choice(BRANCHES), onto=self.chance.choice(self.pushed))

    def delete(self) -> None:
        if branch := self._side():
            self.there.bob.push_ref(self.repo, f"refs/heads/{branch}", None)

    def make_again(self) -> None:
        """A branch at any commit that there ever was."""
        branch, sha = self.chance.choice(BRANCHES[1:]), self.chance.choice(self.pushed)
        if self.refs().get(branch) != sha:
            self.there.bob.push_ref(self.repo, f"refs/heads/{branch}", sha)

    def rename(self) -> None:
        branch = self._side()
        free = [name for name in BRANCHES if name not in self.refs()]
        if branch and free:
            moved = {f"refs/heads/{branch}": None, f"refs/heads/{free[0]}": self.refs()[branch]}
            self.there.bob.push_refs(self.repo, moved)

    def merge(self) -> None:
        if branch := self._side():
            self._commit("main", merging=self.refs()[branch])

    def tag(self) -> None:
        self.count += 1
        self.there.bob.push_ref(self.repo, f"refs/tags/t{self.count}", self.chance.choice(self.pushed))

    def open(self) -> None:
        branch = self._side()
        if branch and not any(pull.state == "open" and pull.head_ref == branch for pull in self.pulls):
            self._commit(branch)
            self.pulls.append(self.there.bob.open_pull_request(self.repo, branch))

    def open_fork(self) -> None:
        if self.fork is None:
            self.fork = self.there.eve.fork(self.repo)
            self.push_fork()
            self.pulls.append(self.there.eve.open_pull_request(self.repo, "fix", source=self.fork))

    def push_fork(self) -> None:
        if self.fork is not None:
            self.count += 1
            self.there.eve.push(self.fork, "fix", {f"fix-{self.count}": "x\n"})

    def close(self) -> None:
        if opened := [pull for pull in self.pulls if pull.state == "open"]:
            self.there.ada.close(self.chance.choice(opened))

    def end(self) -> None:
        """An agent ends something."""
        if waiting := self.mind.waiting():
            outcome = self.chance.choice(["complete", "error"])
            self.mind.finish(self.chance.choice(waiting), outcome, rest=False)  # type: ignore[arg-type]

    def lose(self) -> None:
        self.mind.site.github.post.lose(self.chance.randint(1, 3), trace=self.chance.random() < 0.5)

    def double(self) -> None:
        self.mind.site.github.post.double(self.chance.randint(1, 3))

    def hold(self) -> None:
        self.mind.site.github.post.hold()

    def release(self) -> None:
        self.mind.site.github.post.release(self._arranged)

    def pass_time(self) -> None:
        self.mind.site.advance(self.chance.choice([1, 61, 700]))

    def be_away(self) -> None:
        """The controller is down for a day, in which people go on."""
        for _ in range(self.chance.randint(2, 5)):
            self.chance.choice([self.push, self.force, self.delete, self.rename, self.merge, self.open])()
        self.mind.site.advance(DAY)

    def _arranged(self, held: list[Sending]) -> list[Sending]:
        """In any order, and not always all of them."""
        some = [one for one in held if self.chance.random() < 0.8]
        self.chance.shuffle(some)
        return some

    def _side(self) -> str | None:
        """A branch that is there and that people may delete."""
        found = sorted(self.refs().keys() & set(BRANCHES[1:]))
        return self.chance.choice(found) if found else None

    def _commit(self, branch: str, onto: str | None = None, merging: str | None = None) -> None:
        self.count += 1
        files: dict[str, str | bytes | None] = {f"file-{self.count}": "x\n"}
        self.pushed.append(self.there.bob.push(self.repo, branch, files, onto=onto, merging=merging))
