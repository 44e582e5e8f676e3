"""The demonstration from beginning to end. Every step looks first whether it is done, so that a killed one goes on."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from ledger.database import Ledger
from ledger.tables import promotions, repositories, runs, statuses, tag_observations, versions
from luotsi import answering, endpoints, tree, wiring
from luotsi.demo import images, summary
from luotsi.demo import workspace as demo_workspace
from luotsi.demo.follow import Event, Follower
from luotsi.demo.person import STAGE_TAG, VERSION_TAG, Person
from luotsi.installation import Installation
from luotsi.supervise import Tree
from queues.connection import connect
from schemas.errors import Stalled
from schemas.states import FINAL_RUN

PACE = 0.1
"""Seconds between two looks at the ledger."""
PATIENCE = 600.0
"""Seconds that the whole path may take before the demonstration says where it stands and gives up."""


class Screen(Protocol):
    """Where events are shown."""

    def show(self, event: Event) -> None:
        """Show one event."""
        ...


class Story:
    """One demonstration in one workspace. `tell` goes the whole path; `stop` ends what it started."""

    def __init__(self, root: Path, screen: Screen) -> None:
        self._root = root
        self._screen = screen
        self._began = time.monotonic()
        self._tree: Tree | None = None
        self.person = Person(root / "repositories" / f"{demo_workspace.REPOSITORY}.git", root / "person")
        self.opened: Installation | None = None

    def tell(self) -> Event:
        """The whole path; the summary. Raises `Stalled` when it cannot go on."""
        opened = self._start()
        ledger = wiring.ledger(opened, read_only=True)
        redis = connect(opened.redis_url())
        self._until(lambda: _looked_at(ledger), None, "the controller looks at the repository")
        image = self._image(opened)
        before = self.person.head()
        self._began = time.monotonic()
        commit = self.person.commit(image)
        self._say("pushed", commit=commit, image=image, before=before is not None)
        follower = Follower(ledger, redis, commit)
        self._until(lambda: _run_ended(ledger, commit), follower, "the run ends")
        self._show_notes(ledger, commit, follower)
        self._promote(ledger, commit, follower)
        self._news(follower)
        found = summary.gather(opened, ledger, commit, time.monotonic() - self._began)
        if found["prediction"]:
            self._say("prediction", answer=found["prediction"])
        ledger.close()
        return {**found, "before": before is not None}

    def stop(self) -> None:
        """End what was started: processes, endpoint, Valkey."""
        if self._tree is not None:
            self._tree.stop()
        if self.opened is not None:
            endpoints.end(self.opened)
            from luotsi import valkey

            valkey.end(self.opened.workspace)

    def _start(self) -> Installation:
        opened = demo_workspace.existing(self._root)
        if opened is None:
            choice = images.choose(lambda words: self._say("note", text=words))
            self._say("runtime", kind=choice.runtime, image=choice.image, why=choice.why)
            opened = demo_workspace.settings_of(self._root, choice)
            (self._root / "image").write_text(choice.image, encoding="utf-8")
        else:
            self._say("note", text=f"going on in {self._root}")
        tree.refuse_a_second(opened)  # before anything of the workspace is ours to end
        self.opened = opened
        self.person.prepare()
        self._say("note", text="starting web side, gateway, controller and agent")
        self._tree = tree.tree_of(opened)
        self._tree.start()
        answering.until_it_answers(opened, self._tree, threading.Event())
        self._say("started", workspace=str(self._root), dashboard=opened.address)
        return opened

    def _image(self, opened: Installation) -> str:
        file = self._root / "image"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def _show_notes(self, ledger: Ledger, commit: str, follower: Follower) -> None:
        def delivered() -> bool:
            with ledger.read() as connection:
                rows = connection.execute(
                    select(statuses.c.delivered_at).where(statuses.c.sha == commit, statuses.c.final)
                ).all()
            return len(rows) == 2 and all(row.delivered_at for row in rows)

        self._until(delivered, follower, "the verdicts reach the repository")
        self._say("notes", text=self.person.notes())

    def _promote(self, ledger: Ledger, commit: str, follower: Follower) -> None:
        with ledger.read() as connection:
            state = connection.execute(select(runs.c.state).where(runs.c.sha == commit)).scalar()
        if state != "success":
            raise Stalled(f"the run ended as {state}: there is nothing to promote")
        fresh = self.person.tag(VERSION_TAG, "First version", commit)
        self._say("tagged", tag=VERSION_TAG, before=not fresh)
        follower.told |= {"version"}
        self._until(lambda: _exists(ledger, versions.c.sha == commit), follower, "the version is registered")
        fresh = self.person.tag(STAGE_TAG, "Serve it", commit)
        self._say("tagged", tag=STAGE_TAG, before=not fresh)
        follower.told |= {"build", "promotion"}
        self._until(lambda: _promoted(ledger), follower, "the endpoint serves")

    def _until(self, done: Callable[[], bool], follower: Follower | None, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            self._news(follower)
            if time.monotonic() > end:
                raise Stalled(f"gave up waiting until {what}; the logs are in {self._root / 'logs'}")
            time.sleep(PACE)
        self._news(follower)

    def _news(self, follower: Follower | None) -> None:
        for event in follower.news() if follower else []:
            self._screen.show(event)

    def _say(self, event: str, **facts: object) -> None:
        self._screen.show({"event": event, **facts})


def _looked_at(ledger: Ledger) -> bool:
    """A commit pushed before the first look would be part of the baseline, which starts nothing."""
    return _exists(ledger, repositories.c.baseline_at.is_not(None))


def _exists(ledger: Ledger, where: object) -> bool:
    with ledger.read() as connection:
        return connection.execute(select(1).where(where)).first() is not None  # type: ignore[arg-type]  # a column expression


def _run_ended(ledger: Ledger, commit: str) -> bool:
    with ledger.read() as connection:
        states = connection.execute(select(runs.c.state).where(runs.c.sha == commit)).scalars().all()
    return bool(states) and all(state in FINAL_RUN for state in states)


def _promoted(ledger: Ledger) -> bool:
    with ledger.read() as connection:
        row = connection.execute(select(promotions.c.state, promotions.c.reason)).first()
        tag = connection.execute(
            select(tag_observations.c.decision, tag_observations.c.reason).where(
                tag_observations.c.name == STAGE_TAG
            )
        ).first()
    if row is not None and row.state == "failed":
        raise Stalled(f"the promotion failed: {row.reason}")
    if tag is not None and tag.decision == "refused":
        raise Stalled(f"the tag was refused: {tag.reason}")
    return row is not None and row.state == "serving"
