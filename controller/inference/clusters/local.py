"""The embedded cluster: containers of an engine on this machine, or plain processes from bundles where there is none.

Settings: `folder` (state and bundles), `routes` (file for the gateway; default `folder`/routes.json), `engine` (address; none
where there is none), `gateway` (its base URL), `start_seconds`, `drain_seconds`, `smoke_seconds`, `grace_seconds`.
What runs is known from labels and pid files, what was switched to from the routes file; nothing else is remembered that a
new controller would miss, so it goes on where the one before stopped.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from controller.inference import routes
from controller.inference.background import Background
from controller.inference.clusters import Fetch
from controller.inference.instances import Instance, Runner, exposure
from controller.inference.pauses import Pauses
from controller.inference.port import Applied, Observed, Serving, ServingState
from controller.inference.probes import Probes
from controller.inference.processes import Processes
from controller.inference.rollout import Rules, Step, View, decide
from controller.inference.routes import Route
from schemas.errors import LuotsiError, Refused, Stalled

LOG_LINES = 10


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: for a rollout, for one smoke request, and between asking a replica to leave and making it."""

    rules: Rules = field(default_factory=Rules)
    smoke: float = 30.0
    grace: float = 10.0


class LocalCluster:
    """A `Cluster` on one machine. `runners` by the kind of what they run."""

    def __init__(
        self, name: str, runners: Mapping[str, Runner], routes_file: Path, address: str,
        times: Times = Times(), clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.name = name
        self._runners = runners
        self._file = routes_file
        self._address = address.rstrip("/")
        self._times = times
        self._clock = clock
        self._starts: Background[None] = Background("start")
        self._probes = Probes(times.smoke)
        self._pauses = Pauses(clock)
        self._ending: dict[str, float] = {}
        self._ended: set[str] = set()

    def apply(self, wanted: Serving) -> Applied:
        """See `Cluster.apply`."""
        self._ended.discard(wanted.name)
        known = self._routes()
        route = known.get(wanted.name)
        if wanted.kind not in self._runners:
            missing = (
                f"{wanted.model} {wanted.version} is an {wanted.kind}, and cluster {self.name} has no engine."
            )
            return self._answer(ServingState.FAILED, missing, route)
        # Counted before the look: a start that ends in between is then in both for one step, never in neither and doubled.
        starting = sum(map(self._starts.running, _keys(wanted)))
        present = self._sweep(known)
        trouble = self._take_starts(wanted)
        if trouble is not None:
            return self._answer(ServingState.FAILED, trouble, route)
        step = decide(self._view(wanted, present, route, starting), self._times.rules)
        reason = self._with_log(step)
        self._perform(wanted, step, known)
        return self._answer(step.state, reason, step.route)

    def observe(self) -> tuple[Observed, ...]:
        """See `Cluster.observe`."""
        known = self._routes()
        present = self._sweep(known)
        found = {instance.id: instance for instance in present}
        routed = [self._observed(route, found) for route in known.values()]
        unrouted = {instance.name: instance for instance in present if instance.name not in known}
        return (*routed, *map(_unrouted, unrouted.values()))

    def end(self, name: str) -> bool:
        """See `Cluster.end`."""
        self._ended.add(name)
        known = self._routes()
        if known.pop(name, None) is not None:
            routes.write(self._file, known.values())
        self._sweep(known)
        return not any(instance.name == name for instance in self._find())

    def _routes(self) -> dict[str, Route]:
        try:
            return {route.name: route for route in routes.read(self._file).routes}
        except Refused:
            return {}  # what is wanted is applied in every turn, so each route is made again from what runs

    def _find(self) -> list[Instance]:
        return [instance for runner in self._runners.values() for instance in runner.find()]

    def _sweep(self, known: Mapping[str, Route]) -> list[Instance]:
        """Everything that runs and was not asked to leave. Those that were are made to, once their grace is over."""
        found, now = self._find(), self._clock()
        routed = {upstream.instance for route in known.values() for upstream in route.upstreams}
        present: list[Instance] = []
        for instance in found:
            asked = self._ending.get(instance.id)
            if asked is not None:
                if not instance.alive or now >= asked + self._times.grace:
                    self._runners[instance.kind].end(instance, now=True)
            elif instance.name in self._ended:
                self._end(instance)
            else:
                present.append(
                    self._probes.hear(instance) if instance.alive and instance.id in routed else instance
                )
        identities = {instance.id for instance in found}
        self._probes.forget(identities)
        self._ending = {key: asked for key, asked in self._ending.items() if key in identities}
        return present

    def _take_starts(self, wanted: Serving) -> str | None:
        """What a start that ended raised: the reason when it was refused. Raises `Waiting` and `Stalled` as they came."""
        for key in _keys(wanted):
            done = self._starts.take(key)
            if done is None or done.error is None:
                continue
            self._pauses.failed((wanted.name, wanted.digest))
            if not isinstance(done.error, Refused):
                raise done.error
            return f"{wanted.model} {wanted.version} does not serve: {done.error}."
        return None

    def _view(self, wanted: Serving, present: list[Instance], route: Route | None, starting: int) -> View:
        return View(
            wanted=wanted,
            instances=tuple(instance for instance in present if instance.name == wanted.name),
            route=route,
            now=self._clock(),
            starting=starting,
            checks=self._probes.checks(present),
            pause=self._pauses.left((wanted.name, wanted.digest)),
        )

    def _perform(self, wanted: Serving, step: Step, known: Mapping[str, Route]) -> None:
        """The dead go before the routes are written and the living after: a crash in between reads as nothing worse."""
        route = known.get(wanted.name)
        serving = {upstream.instance for upstream in route.upstreams} if route else set()
        dead = [instance for instance in step.end if not instance.alive]
        if step.state is ServingState.FAILED or any(instance.id in serving for instance in dead):
            self._pauses.failed((wanted.name, wanted.digest))
        for instance in dead:
            self._end(instance)
        if step.route != route:
            others = [other for name, other in known.items() if name != wanted.name]
            routes.write(self._file, [*others, step.route] if step.route else others)
        for instance in step.end:
            if instance.alive:
                self._end(instance)
        for instance in step.check:
            self._probes.look(wanted, instance)
        free = [key for key in _keys(wanted) if not self._starts.running(key)]
        for key in free[: step.start]:
            self._starts.run(key, lambda: self._runners[wanted.kind].start(wanted))

    def _end(self, instance: Instance) -> None:
        if not instance.alive:
            self._runners[instance.kind].end(instance, now=True)
        elif instance.id not in self._ending:
            self._ending[instance.id] = self._clock()
            self._runners[instance.kind].end(instance, now=False)

    def _with_log(self, step: Step) -> str:
        if step.failed is None:
            return step.reason
        with suppress(LuotsiError):
            lines = self._runners[step.failed.kind].log(step.failed, LOG_LINES)
            return (
                f"{step.reason} The last lines of its log:\n{lines}"
                if lines
                else f"{step.reason} It printed nothing."
            )
        return step.reason

    def _answer(self, state: ServingState, reason: str, route: Route | None) -> Applied:
        if route is None or not route.upstreams:
            return Applied(state, reason)
        return Applied(state, reason, digest=route.digest, address=self._address + route.prefix)

    def _observed(self, route: Route, found: Mapping[str, Instance]) -> Observed:
        running = [found[upstream.instance] for upstream in route.upstreams if upstream.instance in found]
        alive = [instance for instance in running if instance.alive]
        healthy = len(alive) == len(route.upstreams) > 0
        places = ", ".join(f"{instance.host}:{instance.port}" for instance in alive)
        return Observed(
            name=route.name,
            model=route.model,
            stage=route.stage,
            version=route.version,
            digest=",".join(sorted({instance.digest for instance in alive})),
            address=self._address + route.prefix,
            healthy=healthy,
            detail=f"It answers at {places}.{exposure(alive)}"
            if healthy
            else f"{len(alive)} of {len(route.upstreams)} replicas run.",
            aliases=route.aliases,
        )


def _keys(wanted: Serving) -> list[tuple[str, str, int]]:
    return [(wanted.name, wanted.digest, number) for number in range(wanted.replicas)]


def _unrouted(instance: Instance) -> Observed:
    detail = (
        "It runs, and no request reaches it yet."
        if instance.alive
        else "It ended before any request reached it."
    )
    return Observed(instance.name, instance.model, instance.stage, instance.version, "", "", False, detail)


def connect(name: str, settings: Mapping[str, object], fetch: Fetch) -> LocalCluster:
    """The local cluster of these settings. Raises `Stalled` when its folder cannot be used."""
    folder = Path(str(settings["folder"]))
    runners: dict[str, Runner] = {"bundle": Processes(folder, fetch)}
    engine = str(settings.get("engine") or "")
    if engine:
        from controller.inference.containers import Containers

        runners["image"] = Containers(engine, _identity(folder))
    return LocalCluster(
        name=name,
        runners=runners,
        routes_file=Path(str(settings.get("routes") or folder / "routes.json")),
        address=str(settings.get("gateway") or ""),
        times=Times(
            Rules(_seconds(settings, "start_seconds", 120.0), _seconds(settings, "drain_seconds", 5.0)),
            _seconds(settings, "smoke_seconds", 30.0),
            _seconds(settings, "grace_seconds", 10.0),
        ),
    )


def _seconds(settings: Mapping[str, object], key: str, default: float) -> float:
    value = settings.get(key, default)
    if not isinstance(value, int | float) or value < 0:
        raise Stalled(f"{key} of the cluster must be a number of seconds, not {value!r}")
    return float(value)


def _identity(folder: Path) -> str:
    """An id of this cluster, made once: it tells its containers from those of others on the same engine."""
    path = folder / "cluster-id"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(uuid4().hex)
        return path.read_text().strip()
    except OSError as error:
        raise Stalled(f"the cluster's folder {folder} cannot be used: {error.strerror or error}") from error
