"""No variable group reaches code that is not of its branches: whatever happens in whatever order, and whatever names are chosen."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.core import grants
from controller.core.events import QUEUE, PullRequest
from tests.builders.fork_mind import FORKS
from tests.builders.grant_mind import CANARY, PROD, GrantMind

BRANCHES = ("main", "feature", "main2", "refs/heads/main", f"{QUEUE.removeprefix('refs/heads/')}main/pr-7-x")


class Story:
    """People and a forge who do this and that; the commits that ever were main's are remembered beside the controller."""

    def __init__(self, mind: GrantMind) -> None:
        self.mind = mind
        self.mains = {mind.root}
        self.heads = {"main": mind.root}
        self.pulls = 7

    def push(self, pick: int) -> None:
        branch = BRANCHES[pick % len(BRANCHES)]
        sha = self.mind.on(branch, rest=pick % 2 == 0)
        self.heads[branch] = sha
        if branch == "main":
            self.mains.add(sha)

    def pull_request(self, pick: int) -> None:
        """Of a branch other than main, into main; every third by a fork that calls its branch main."""
        branch = self._other(pick)
        if branch is not None:
            facts = {"fork": True, "head_ref": "main"} if pick % 3 == 0 else {}
            self.mind.pull(self.heads[branch], branch, self.pulls + pick % 3, rest=pick % 2 == 0, **facts)
            if facts and pick % 2 == 0:
                self.mind.approve(self.heads[branch], number=self.pulls + pick % 3)

    def comment(self, pick: int) -> None:
        branch = self._other(pick)
        if branch is not None:
            self.mind.said("/train", self.heads[branch], rest=pick % 2 == 0, number=self.pulls + pick % 3)

    def tag(self, pick: int) -> None:
        heads = sorted(self.heads.values())
        self.mind.tag(f"main-{len(self.mind.runs())}", heads[pick % len(heads)], rest=pick % 2 == 0)

    def finish(self, pick: int) -> None:
        waiting = [each for each in self.mind.waiting() if each.environment_id != FORKS]
        for execution in waiting[:1]:
            self.mind.finish(execution, rest=pick % 2 == 0)

    def settings(self, pick: int) -> None:
        """The operator takes away and gives back: never to more than main."""
        self.mind.limit(events=(("push",), ("push", "pull-request", "tag", "comment"), ())[pick % 3])

    def night(self, pick: int) -> None:
        self.mind.now += timedelta(days=1)
        self.mind.turns()

    def merge(self, pick: int) -> None:
        """Main takes over what another branch has, without a commit of its own: that is main's code from now on."""
        branch = self._other(pick)
        if branch is not None:
            self.mind.put(self.heads[branch], "main")
            self.heads["main"] = self.heads[branch]
            reached = self.mind.person.git("rev-list", self.heads["main"]).split()
            self.mains |= set(reached)

    def _other(self, pick: int) -> str | None:
        others = [branch for branch in sorted(self.heads) if branch != "main"]
        return others[pick % len(others)] if others else None

    def check(self) -> None:
        """A group of main's is with main's code alone; whoever is without it has none of its secrets either."""
        for execution in self.mind.executions():
            if execution.spec["commit"] not in self.mains:
                assert "prod" not in execution.spec["variable_groups"]
                assert "STAGE" not in execution.spec["environment_variables"]
                assert CANARY not in self.mind.secrets(execution).values()


STEPS = ("push", "merge", "pull_request", "comment", "tag", "finish", "settings", "night")


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 29)), min_size=4, max_size=9))
def test_secrets_are_granted_by_branch_and_event_whatever_happens(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        story = Story(GrantMind(Path(folder)))
        assert story.mind.has(story.mind.of(story.mind.root)), "it does reach main's own push"
        for step, pick in [("push", 1), *steps]:
            getattr(story, step)(pick)
            story.mind.turns()
            story.check()


# The rules alone, for every name that there can be.

NAMES = st.sampled_from(
    ["main", "feature", "refs/heads/main", "", "Main", "main\n", "gh-readonly-queue/main/pr-7-x"]
) | st.text(max_size=6)
EVENTS = st.sampled_from(["push", "pull-request", "tag", "schedule", "comment", "merge-group", ""])
REFS: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [
        lambda name: f"refs/heads/{name}",
        lambda name: f"refs/tags/{name}",
        lambda name: "refs/pull/7/head",
        lambda name: name,
    ]
)


@given(event=EVENTS, ref=REFS, name=NAMES, head=NAMES, fork=st.booleans(), told=st.booleans(), first=NAMES)
def test_secrets_are_granted_by_branch_and_event_for_every_name(
    event: str, ref: Callable[[str], str], name: str, head: str, fork: bool, told: bool, first: str
) -> None:
    pull = PullRequest(7, "a" * 40, "refs/heads/main", "b" * 40, fork, head_ref=head) if told else None
    origin = grants.of_run(event, ref(name), "trusted", pull, f"refs/heads/{first}")
    if not grants.refusal(PROD, origin):
        pushed = ref(name) == "refs/heads/main" and event != "tag"
        assert pushed or (told and head == "main" and not fork)
    assert grants.refusal(PROD, grants.of_run(event, ref(name), "untrusted", pull))
    narrow = replace(PROD, branches=(), events=("push",))
    if not grants.refusal(narrow, origin):
        assert event == "push" or (event == "pull-request" and ref(name).startswith("refs/heads/"))
