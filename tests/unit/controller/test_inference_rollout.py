"""The steps of a rollout, decided from facts alone."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.inference.checks import Check, Fitness
from controller.inference.instances import Instance
from controller.inference.pauses import LONGEST, Pauses
from controller.inference.port import Serving, ServingState
from controller.inference.rollout import Rules, Step, View, decide
from controller.inference.routes import Route, Upstream

RULES = Rules(start=60, drain=5)
NOW = 1000.0
OLD, NEW = "sha256:old", "sha256:new"
FIT, NOT_YET, UNFIT = (Check(fitness, "because") for fitness in Fitness)


def wanted(digest: str = NEW, replicas: int = 1) -> Serving:
    return Serving("r", "p", "m", "s", "v2", "bundle", "ref", digest, 8000, "/r/m/s/e", replicas=replicas)


def instance(identity: str, digest: str = NEW, *, alive: bool = True, started: float = NOW - 1) -> Instance:
    ending = "" if alive else "exit code 1"
    return Instance(
        identity,
        "bundle",
        "r/m/s",
        digest,
        "m",
        "s",
        "v",
        "127.0.0.1",
        5000,
        started,
        alive=alive,
        ending=ending,
    )


def route(*identities: str, digest: str = OLD, changed: float = 0.0) -> Route:
    upstreams = tuple(Upstream(identity, "127.0.0.1", 5000) for identity in identities)
    return Route("r/m/s", "/r/m/s/e", "m", "s", "v1", digest, upstreams, since=1.0, changed=changed)


def view(*instances: Instance, routed: Route | None = None, **more: object) -> View:
    return replace(View(wanted(), instances, routed, NOW), **more)  # type: ignore[arg-type]


def ids(instances: tuple[Instance, ...]) -> list[str]:
    return [instance.id for instance in instances]


def upstreams(step: Step) -> list[str]:
    return [upstream.instance for upstream in step.route.upstreams] if step.route else []


def test_the_first_one_is_started() -> None:
    step = decide(view(), RULES)
    assert (step.state, step.start, step.route) == (ServingState.STARTING, 1, None)


def test_a_start_under_way_is_not_doubled() -> None:
    assert decide(view(starting=1), RULES).start == 0
    assert decide(view(starting=1, wanted=wanted(replicas=3)), RULES).start == 2


def test_a_new_one_is_checked_beside_the_old() -> None:
    step = decide(view(instance("a", OLD), instance("b"), routed=route("a")), RULES)
    assert (step.state, ids(step.check), ids(step.end)) == (ServingState.CHECKING, ["b"], [])
    assert upstreams(step) == ["a"]


def test_it_takes_over_when_it_is_fit_and_the_old_one_drains() -> None:
    step = decide(view(instance("a", OLD), instance("b"), routed=route("a"), checks={"b": FIT}), RULES)
    assert (step.state, upstreams(step), ids(step.end)) == (ServingState.SWITCHED, ["b"], [])
    assert step.route is not None
    assert (step.route.since, step.route.changed, step.route.version) == (NOW, NOW, "v2")


def test_the_old_one_is_ended_when_it_has_drained() -> None:
    after = route("b", digest=NEW, changed=NOW - 5)
    step = decide(view(instance("a", OLD), instance("b"), routed=after), RULES)
    assert (step.state, ids(step.end)) == (ServingState.SERVING, ["a"])
    early = decide(
        view(instance("a", OLD), instance("b"), routed=route("b", digest=NEW, changed=NOW - 4.9)), RULES
    )
    assert (early.state, ids(early.end)) == (ServingState.SWITCHED, [])


def test_all_replicas_are_fit_before_any_takes_over() -> None:
    facts = view(
        instance("a", OLD), instance("b"), instance("c"),
        routed=route("a"), checks={"b": FIT}, wanted=wanted(replicas=2),
    )  # fmt: skip
    step = decide(facts, RULES)
    assert (step.state, upstreams(step), ids(step.check)) == (ServingState.CHECKING, ["a"], ["c"])


def test_one_that_ends_before_it_serves_has_failed() -> None:
    step = decide(view(instance("a", OLD), instance("b", alive=False), routed=route("a")), RULES)
    assert (step.state, ids(step.end), upstreams(step)) == (ServingState.FAILED, ["b"], ["a"])
    assert step.failed is not None
    assert "exit code 1" in step.reason
    assert step.reason.endswith("v1 keeps serving.")


def test_one_that_is_unfit_has_failed_at_once_and_one_that_is_not_ready_only_in_the_end() -> None:
    young, aged = instance("b", started=NOW - 59), instance("b", started=NOW - 61)
    assert decide(view(young, checks={"b": UNFIT}), RULES).state is ServingState.FAILED
    assert decide(view(young, checks={"b": NOT_YET}), RULES).state is ServingState.CHECKING
    assert decide(view(aged, checks={"b": NOT_YET}), RULES).state is ServingState.FAILED


def test_one_that_is_not_needed_cannot_fail_what_serves() -> None:
    facts = view(
        instance("a"), instance("b", alive=False), instance("c"),
        routed=route("a", digest=NEW), checks={"c": UNFIT},
    )  # fmt: skip
    step = decide(facts, RULES)
    assert (step.state, upstreams(step), ids(step.end)) == (ServingState.SERVING, ["a"], ["b", "c"])
    more = decide(replace(facts, wanted=wanted(replicas=2)), RULES)
    assert (more.state, upstreams(more)) == (ServingState.FAILED, ["a"])


def test_one_that_served_and_died_is_replaced() -> None:
    step = decide(view(instance("b", alive=False), routed=route("b", digest=NEW)), RULES)
    assert (step.state, step.start, ids(step.end), upstreams(step)) == (ServingState.STARTING, 1, ["b"], [])


def test_while_one_replica_is_replaced_the_other_serves() -> None:
    facts = view(
        instance("b", alive=False), instance("c"),
        routed=route("b", "c", digest=NEW), wanted=wanted(replicas=2),
    )  # fmt: skip
    step = decide(facts, RULES)
    assert (step.start, ids(step.end), upstreams(step)) == (1, ["b"], ["c"])


def test_after_failures_it_waits_before_it_starts_again() -> None:
    step = decide(view(pause=7.4), RULES)
    assert (step.state, step.start) == (ServingState.STARTING, 0)
    assert "again in 7 s" in step.reason


def test_fewer_replicas_end_the_surplus_after_their_drain() -> None:
    first = decide(view(instance("b"), instance("c"), routed=route("b", "c", digest=NEW)), RULES)
    assert (first.state, upstreams(first), first.end) == (ServingState.SWITCHED, ["b"], ())
    assert first.route is not None
    assert (first.route.since, first.route.changed) == (1.0, NOW)


def test_what_nobody_asks_for_any_more_is_ended() -> None:
    step = decide(view(instance("a", OLD), instance("x", "sha256:other"), routed=route("a")), RULES)
    assert (ids(step.end), upstreams(step), step.start) == (["x"], ["a"], 1)


@st.composite
def views(draw: st.DrawFn) -> View:
    identities = draw(st.lists(st.sampled_from("abcdef"), unique=True))
    found = tuple(
        instance(identity, draw(st.sampled_from([OLD, NEW])), alive=draw(st.booleans()))
        for identity in identities
    )
    routed = draw(st.lists(st.sampled_from("abcdefg"), unique=True, max_size=3))
    checks = {
        identity: draw(st.sampled_from([FIT, NOT_YET, UNFIT]))
        for identity in identities
        if draw(st.booleans())
    }
    return View(
        wanted=wanted(replicas=draw(st.integers(1, 3))),
        instances=found,
        route=draw(
            st.none() | st.builds(lambda digest: route(*routed, digest=digest), st.sampled_from([OLD, NEW]))
        ),
        now=NOW,
        starting=draw(st.integers(0, 2)),
        checks=checks,
        pause=draw(st.sampled_from([0.0, 3.0])),
    )


@given(views())
def test_whatever_the_facts_no_request_is_sent_to_what_is_dead_or_unproved(facts: View) -> None:
    step = decide(facts, RULES)
    known = {instance.id: instance for instance in facts.instances}
    before = {upstream.instance for upstream in facts.route.upstreams} if facts.route else set()
    for identity in upstreams(step):
        proved = facts.checks.get(identity) == FIT and known[identity].digest == facts.wanted.digest
        assert identity in before or proved
        assert step.state is ServingState.FAILED or known[identity].alive
    ended_alive = {instance.id for instance in step.end if instance.alive}
    assert not ended_alive & set(upstreams(step))
    assert len([i for i in facts.instances if i.digest == NEW and i.alive]) + step.start <= max(
        facts.wanted.replicas, len(facts.instances)
    )


@given(views())
def test_serving_is_said_only_when_all_of_the_wanted_and_nothing_else_runs(facts: View) -> None:
    step = decide(facts, RULES)
    if step.state is not ServingState.SERVING:
        return
    kept = [instance for instance in facts.instances if instance not in step.end]
    assert {instance.id for instance in kept} == set(upstreams(step))
    assert len(kept) == facts.wanted.replicas
    assert {instance.digest for instance in kept} == {facts.wanted.digest}
    again = decide(replace(facts, instances=tuple(kept), route=step.route), RULES)
    assert (again.state, again.route, again.end, again.start) == (ServingState.SERVING, step.route, (), 0)


def test_pauses_grow_and_are_forgotten() -> None:
    now = [0.0]
    pauses = Pauses(lambda: now[0])
    seen = []
    for _ in range(9):
        pauses.failed("key")
        seen.append(pauses.left("key"))
        now[0] += seen[-1]
    assert seen == [0, 1, 3, 7, 15, 31, LONGEST, LONGEST, LONGEST]
    assert pauses.left("other") == 0
    now[0] += 10 * LONGEST + 1
    pauses.failed("key")
    assert pauses.left("key") == 0
