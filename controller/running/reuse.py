"""When an old result serves: the content key of an execution, and the earlier one that has it.

Only complete executions of the same project and trust class serve, with the image that the environment has now. A result
is taken from where it was made: an execution that itself took an old result is nobody's source.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from controller.core import reuse as core
from controller.ports import Environment, Ports
from controller.reporting import statuses
from controller.running.scene import Scene
from ledger import executions, images
from ledger.executions import ExecutionRow, NewExecution

NEAREST = 10
"""Earlier executions of a step that are compared to say what differs."""

_PURPOSE = b"luotsi: secrets of variable groups in content keys, 1"


@dataclass(frozen=True, slots=True)
class Old:
    """The execution whose result serves, or None; and the sentence that says so, or what differed."""

    execution: ExecutionRow | None
    reason: str


def key(ports: Ports, spec: dict[str, Any]) -> str | None:
    """The content key, without the image's digest; None when an input has no content version."""
    if core.obstacle(spec):
        return None
    return core.key(core.parts(spec, _secrets(ports, spec)))


class Earlier:
    """What the ledger has of earlier executions, asked once in a transaction however many are compared with it.

    What starts in the same transaction changes no answer: it is not complete, or nobody's source.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keyed: dict[tuple[str, str, str], list[ExecutionRow]] = {}
        self._pins: dict[tuple[str, str], str] = {}
        self._nearest: dict[tuple[str, str, str], list[tuple[core.Parts, ExecutionRow]]] = {}

    def with_key(self, project: str, reuse_key: str, trust: str) -> list[ExecutionRow]:
        """Complete executions with a content key, the newest first."""
        asked = (project, reuse_key, trust)
        if asked not in self._keyed:
            self._keyed[asked] = executions.complete_with_key(self._connection, *asked)
        return self._keyed[asked]

    def pinned(self, environment: str, image: str) -> str:
        """The digest of an image's name in an environment; "" for none."""
        asked = (environment, image)
        if asked not in self._pins:
            self._pins[asked] = images.pinned(self._connection, *asked) or ""
        return self._pins[asked]

    def of_step(self, project: str, step: str, trust: str) -> list[tuple[core.Parts, ExecutionRow]]:
        """The last complete executions of a step, with their content."""
        asked = (project, step, trust)
        if asked not in self._nearest:
            found = executions.complete_of_step(self._connection, *asked, NEAREST)
            self._nearest[asked] = [(core.parts(old.spec), old) for old in found]
        return self._nearest[asked]


def find(earlier: Earlier, scene: Scene, environment: Environment, new: NewExecution) -> Old:
    """An earlier complete execution with the same content, of the same trust; else why there is none."""
    obstacle = core.obstacle(new.spec)
    if obstacle or new.reuse_key is None:
        return Old(None, f"not reused: {obstacle or 'it has no content key'}")
    found = earlier.with_key(new.project_id, new.reuse_key, scene.run.trust)
    pinned = earlier.pinned(environment.id, new.spec["image"])
    for old in found:
        if _same_image(old, environment, pinned, new.spec["image"]):
            return Old(old, f"reused #{old.number}: {core.same_words(old.spec, new.spec)}")
    if found:
        return Old(None, f"not reused: {_image_words(found[0], environment, pinned, new.spec['image'])}")
    return Old(None, f"not reused: {_nearest(earlier, scene, new)}")


def record(connection: Connection, scene: Scene, created: ExecutionRow, now: datetime) -> None:
    """An execution that took an old result, as a record: it has no attempt whose end would leave one."""
    body = {
        "project": created.project_id,
        "number": created.number,
        "run": created.run_id,
        "kind": created.kind,
        "step": created.step,
        "sha": created.sha,
        "state": created.state.value,
        "reason": created.reason,
        "spec": created.spec,
        "reused": created.reused_id,
    }
    statuses.record(connection, scene.repository.id, "execution", created.id, body, now)


def _same_image(old: ExecutionRow, environment: Environment, pinned: str, image: str) -> bool:
    """Whether the image is what the environment would take now. Without images (processes), the machines must be the same."""
    if not old.image_digest:
        return not pinned and old.environment_id == environment.id
    return old.image_digest == (pinned or image.rpartition("@")[2])


def _image_words(old: ExecutionRow, environment: Environment, pinned: str, image: str) -> str:
    if not old.image_digest or (not pinned and old.environment_id == environment.id):
        return (
            f"#{old.number} ran in another environment, and no image says that {environment.name} is the same"
        )
    if not pinned:
        return f"no agent of {environment.name} has resolved the image {image} yet, so it cannot be compared with #{old.number}"
    return f"image differs from #{old.number} ({image} means another one now)"


def _nearest(earlier: Earlier, scene: Scene, new: NewExecution) -> str:
    """What differs from the most similar of the last executions of the step."""
    compared = earlier.of_step(new.project_id, new.step, scene.run.trust)
    if not compared:
        return f"there is no earlier complete execution of {new.step}"
    wanted = core.parts(new.spec)
    content, old = min(compared, key=lambda pair: len(core.differences(pair[0], wanted)))
    archive = core.FILES if new.spec["archive"].get("content") else "archive"
    return core.in_words(content, wanted, old.number, archive) or f"secrets differ from #{old.number}"


def _secrets(ports: Ports, spec: dict[str, Any]) -> str:
    """A digest of the secrets that the spec's groups bring, which only this installation can make; empty without any."""
    groups = [ports.settings.variable_groups.get(name) for name in spec.get("variable_groups") or ()]
    secrets: dict[str, str] = {}
    for group in groups:
        if group is not None:
            secrets |= {name: secret.reveal() for name, secret in group.secrets.items()}
    if not secrets:
        return ""
    derived = hmac.digest(ports.key.private.private_bytes_raw(), _PURPOSE, "sha256")
    return hmac.new(derived, json.dumps(secrets, sort_keys=True).encode(), hashlib.sha256).hexdigest()
