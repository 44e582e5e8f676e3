"""Keeps an eye on replicas from the side: whether a new one is fit, and whether one that serves still takes connections."""

from collections.abc import Mapping
from dataclasses import replace

from controller.inference.background import Background
from controller.inference.checks import Check, Fitness, check, listens
from controller.inference.instances import Instance
from controller.inference.port import Serving

DEAF_AFTER = 3
"""Looks in a row at which a replica took no connection, after which it counts as dead."""


class Probes:
    """Results of looks that run beside the turn. All of it may be forgotten: a look is made again."""

    def __init__(self, smoke_seconds: float) -> None:
        self._seconds = smoke_seconds
        self._looks: Background[Check] = Background("check")
        self._checks: dict[str, Check] = {}
        self._deaf: dict[str, int] = {}

    def look(self, wanted: Serving, instance: Instance) -> None:
        """Begin to find out whether the replica is fit, unless that is under way."""
        self._looks.run(
            ("fit", instance.id), lambda: check(instance.host, instance.port, wanted, self._seconds)
        )

    def checks(self, instances: list[Instance]) -> Mapping[str, Check]:
        """What the last look at each said, by id."""
        for instance in instances:
            done = self._looks.take(("fit", instance.id))
            if done is not None and done.value is not None:
                self._checks[instance.id] = done.value
        return self._checks

    def hear(self, instance: Instance) -> Instance:
        """The replica as it is; as dead when it has taken no connection for several looks."""
        key = ("hears", instance.id)
        done = self._looks.take(key)
        if done is not None and done.value is not None:
            deaf = done.value.fitness is not Fitness.FIT
            self._deaf[instance.id] = self._deaf.get(instance.id, 0) + 1 if deaf else 0
        self._looks.run(key, lambda: listens(instance.host, instance.port))
        if self._deaf.get(instance.id, 0) >= DEAF_AFTER:
            return replace(instance, alive=False, ending="it takes no connections any more")
        return instance

    def forget(self, found: set[str]) -> None:
        """Drop what is known of all but these."""
        self._checks = {key: value for key, value in self._checks.items() if key in found}
        self._deaf = {key: value for key, value in self._deaf.items() if key in found}
