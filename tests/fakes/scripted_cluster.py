"""A cluster that runs nothing: each wanted version takes a set number of calls to become healthy, or fails as told."""

from collections.abc import Callable
from dataclasses import dataclass, field

from controller.inference.port import Applied, Observed, Serving, ServingState

ADDRESS = "http://cluster.example"


@dataclass
class ScriptedCluster:
    """Behaves as `Cluster` promises. `steps` calls pass until a version is healthy; `failing` maps a digest to its reason.

    `grace`: as many calls of `end` find that something of the name is left.
    """

    name: str = "scripted"
    steps: int = 2
    failing: dict[str, str] = field(default_factory=dict)
    served: dict[str, Serving] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    calls: list[Serving] = field(default_factory=list)
    grace: int = 0
    _begun: dict[str, tuple[Serving, int]] = field(default_factory=dict)
    _ending: dict[str, int] = field(default_factory=dict)

    def apply(self, wanted: Serving) -> Applied:
        self.calls.append(wanted)
        current = self.served.get(wanted.name)
        if current is not None and current.digest == wanted.digest and wanted.name not in self.dead:
            self.served[wanted.name] = wanted
            self._begun.pop(wanted.name, None)
            return self._answer(wanted.name, ServingState.SERVING, f"{wanted.model} {wanted.version} serves.")
        begun, count = self._begun.get(wanted.name, (wanted, 0))
        count = count + 1 if begun.digest == wanted.digest else 1
        self._begun[wanted.name] = (wanted, count)
        if count <= self.steps:
            return self._answer(wanted.name, ServingState.STARTING, f"{wanted.version} is being started.")
        del self._begun[wanted.name]
        if wanted.digest in self.failing:
            return self._answer(wanted.name, ServingState.FAILED, self.failing[wanted.digest])
        self.served[wanted.name] = wanted
        self.dead.discard(wanted.name)
        return self._answer(
            wanted.name, ServingState.SWITCHED, f"{wanted.version} serves; the one before leaves."
        )

    def observe(self) -> tuple[Observed, ...]:
        return tuple(
            Observed(
                name, serving.model, serving.stage, serving.version,
                "" if name in self.dead else serving.digest, ADDRESS + serving.prefix, name not in self.dead, "", serving.aliases,
            )
            for name, serving in self.served.items()
        )  # fmt: skip

    def end(self, name: str) -> bool:
        if self.runs(name):
            self._ending[name] = self.grace
        self.served.pop(name, None)
        self._begun.pop(name, None)
        self.dead.discard(name)
        if self._ending.get(name):
            self._ending[name] -= 1
            return False
        return True

    def runs(self, name: str) -> bool:
        """Whether anything of this name is started or serves, before `end` has asked it to leave."""
        return name in self.served or name in self._begun

    def kill(self, name: str) -> None:
        """What serves there dies."""
        self.dead.add(name)

    def _answer(self, name: str, state: ServingState, reason: str) -> Applied:
        now = self.served.get(name)
        if now is None or name in self.dead:
            return Applied(state, reason)
        return Applied(state, reason, now.digest, ADDRESS + now.prefix)


Kill = Callable[[str], None]
