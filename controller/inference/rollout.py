"""The next step of a rollout on a local cluster, decided from what runs, what is routed and what the checks said. Pure.

The new one is started beside the old and takes over only when every replica of it is fit; one that fails is ended and
leaves the old one serving. After any restart the same facts give the same step, so nothing is started twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from controller.inference.checks import Check, Fitness
from controller.inference.instances import Instance, exposure
from controller.inference.port import Serving, ServingState
from controller.inference.routes import Route, Upstream


@dataclass(frozen=True, slots=True)
class Rules:
    """Seconds: until a new replica must be fit, and for which a replaced one may answer what it had begun."""

    start: float = 120.0
    drain: float = 5.0


@dataclass(frozen=True, slots=True)
class View:
    """All that a step is decided from. `instances` are those of the wanted name; `starting` counts starts under way.

    `pause`: seconds before another start may be tried, because the last ones failed. `now` is Unix time.
    """

    wanted: Serving
    instances: tuple[Instance, ...]
    route: Route | None
    now: float
    starting: int = 0
    checks: Mapping[str, Check] = field(default_factory=dict)
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now. `failed` names the replica whose log says why. `route`: what the routes should say; None is none."""

    state: ServingState
    reason: str
    route: Route | None
    start: int = 0
    check: tuple[Instance, ...] = ()
    end: tuple[Instance, ...] = ()
    failed: Instance | None = None


def decide(view: View, rules: Rules) -> Step:
    """The next step towards `view.wanted`."""
    failed = _failure(view, rules)
    if failed is not None:
        return _give_up(view, *failed)
    fit = _fit(view)
    if len(fit) >= view.wanted.replicas and not view.starting:
        return _serve(view, fit[: view.wanted.replicas], rules)
    return _go_on(view, fit, rules)


def _routed(view: View) -> set[str]:
    return {upstream.instance for upstream in view.route.upstreams} if view.route else set()


def _ours(view: View) -> list[Instance]:
    return [instance for instance in view.instances if instance.digest == view.wanted.digest]


def _failure(view: View, rules: Rules) -> tuple[Instance, str] | None:
    """A new replica that cannot come to serve, and why. One that served already and died is drift, not a failure.

    Where enough of them serve, none is new: what else there is was asked to leave, perhaps by a controller before this one.
    """
    ours, routed = _ours(view), _routed(view)
    if sum(instance.alive for instance in ours if instance.id in routed) >= view.wanted.replicas:
        return None
    for instance in ours:
        if instance.id in routed:
            continue
        if not instance.alive:
            return instance, f"it ended before it took requests ({instance.ending})"
        check = view.checks.get(instance.id)
        if check is not None and check.fitness is Fitness.UNFIT:
            return instance, check.reason
        if (
            check is not None
            and check.fitness is Fitness.NOT_YET
            and view.now > instance.started + rules.start
        ):
            return instance, f"it was not ready after {rules.start:.0f} s: {check.reason}"
    return None


def _give_up(view: View, failed: Instance, why: str) -> Step:
    routed = _routed(view)
    ending = tuple(instance for instance in _ours(view) if instance.id not in routed)
    still = f" {view.route.version} keeps serving." if view.route and view.route.upstreams else ""
    reason = f"{view.wanted.model} {view.wanted.version} does not serve: {why}.{still}"
    return Step(ServingState.FAILED, reason, view.route, end=ending, failed=failed)


def _fit(view: View) -> list[Instance]:
    """Replicas that may take requests: those that do already, first, and those whose check passed."""
    routed = _routed(view)
    alive = [instance for instance in _ours(view) if instance.alive]
    serving = [instance for instance in alive if instance.id in routed]
    passed = [
        instance
        for instance in alive
        if instance.id not in routed
        and (check := view.checks.get(instance.id)) is not None
        and check.fitness is Fitness.FIT
    ]
    return serving + passed


def _serve(view: View, chosen: list[Instance], rules: Rules) -> Step:
    """Everything is fit: see that the routes say so, and end what is left over once it has had its time."""
    route = _route(view, chosen)
    kept = {instance.id for instance in chosen}
    others = [instance for instance in view.instances if instance.id not in kept]
    drained = view.now >= route.changed + rules.drain
    ending = tuple(instance for instance in others if drained or not instance.alive)
    draining = len(others) - len(ending)
    name = f"{view.wanted.model} {view.wanted.version}"
    if draining:
        return Step(
            ServingState.SWITCHED, f"{name} serves; the one before ends what it had begun.", route, end=ending
        )
    reason = f"{name} serves {view.wanted.stage}.{exposure(chosen)}"
    return Step(ServingState.SERVING, reason, route, end=ending)


def _route(view: View, chosen: list[Instance]) -> Route:
    wanted, before = view.wanted, view.route
    upstreams = tuple(Upstream(instance.id, instance.host, instance.port) for instance in chosen)
    since = before.since if before and before.digest == wanted.digest else view.now
    gone = bool(before) and not _routed(view) <= {upstream.instance for upstream in upstreams}
    changed = view.now if before is None or gone else before.changed
    return Route(
        wanted.name,
        wanted.prefix,
        wanted.model,
        wanted.stage,
        wanted.version,
        wanted.digest,
        upstreams,
        since,
        changed,
        wanted.aliases,
    )


def _go_on(view: View, fit: list[Instance], rules: Rules) -> Step:
    """Not all there yet: start what is missing, check what is new, end what nobody asks for any more."""
    routed = _routed(view)
    waiting = tuple(instance for instance in _ours(view) if instance.alive and instance not in fit)
    missing = max(0, view.wanted.replicas - len(fit) - len(waiting) - view.starting)
    drained = view.route is None or view.now >= view.route.changed + rules.drain
    ending = tuple(
        instance
        for instance in view.instances
        if not instance.alive
        or (instance.id not in routed and instance.digest != view.wanted.digest and drained)
    )
    step = Step(ServingState.STARTING, "", _without_dead(view), check=waiting, end=ending)
    name = f"{view.wanted.model} {view.wanted.version}"
    if missing and view.pause > 0:
        return replace(step, reason=f"{name} failed; it is started again in {view.pause:.0f} s.")
    if missing or view.starting or not waiting:
        return replace(step, start=missing, reason=f"{name} is being started.")
    look = view.checks.get(waiting[0].id)
    why = f": {look.reason}" if look and look.reason else ""
    return replace(step, state=ServingState.CHECKING, reason=f"{name} runs; it is being checked{why}.")


def _without_dead(view: View) -> Route | None:
    """The route without replicas that died, so that no request is tried on them."""
    if view.route is None:
        return None
    alive = {instance.id for instance in view.instances if instance.alive}
    return replace(view.route, upstreams=tuple(u for u in view.route.upstreams if u.instance in alive))
