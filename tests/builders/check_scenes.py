"""The checks that people meet, each from a real run: for tests that read them, and for the pictures of the documentation."""

from pathlib import Path

from controller.core.events import PullRequest
from controller.ports import Environment, PullPolicy, Watched
from forges.port import Check
from ledger import events
from schemas import codec
from tests.builders.check_mind import GATED, TRAIN, CheckMind
from tests.builders.mind import ENVIRONMENT

EVERY_PULL = TRAIN + "- trigger: {name: train, when: {pull-request: {}}, run: {step: train}}\n"
TROUBLE = (
    *(
        f"epoch {epoch}/12  loss {0.9 - epoch / 20:.3f}  accuracy {0.7 + epoch / 60:.3f}"
        for epoch in range(1, 10)
    ),
    "Traceback (most recent call last):",
    '  File "/valohai/repository/train.py", line 93, in <module>',
    "    main()",
    '  File "/valohai/repository/train.py", line 71, in main',
    "    model.fit(rows, labels)",
    '  File "/valohai/repository/wine/model.py", line 44, in fit',
    "    raise ValueError(f'{rows.shape} and {labels.shape} do not fit')",
    "ValueError: (4898, 11) and (4897,) do not fit",
    "!exit code 1",
)


def success(folder: Path) -> Check:
    """A gate that holds, against the run on main before it."""
    mind = CheckMind(folder)
    mind.push(GATED)
    mind.ran(15, metadata={"accuracy": 0.951, "loss": 0.124})
    mind.push(GATED, "Train longer", train="2")
    mind.ran(
        14,
        outputs={"model.onnx": b"x" * 1_234_567, "confusion.png": b"x" * 48_120},
        metadata={"accuracy": 0.962, "loss": 0.117, "epochs": 12},
    )
    return mind.check()


def broken_gate(folder: Path) -> Check:
    """The same, when the numbers are worse."""
    mind = CheckMind(folder)
    mind.push(GATED)
    mind.ran(15, metadata={"accuracy": 0.951, "loss": 0.124})
    mind.push(GATED, "Train shorter", train="2")
    mind.ran(14, metadata={"accuracy": 0.922, "loss": 0.31})
    return mind.check()


def failure(folder: Path) -> Check:
    """A command that fails."""
    mind = CheckMind(folder)
    mind.push(GATED)
    mind.printed(mind.waiting()[0], TROUBLE)
    return mind.check()


def waiting(folder: Path) -> Check:
    """All slots are busy; how long it usually takes is known."""
    mind = CheckMind(folder)
    mind.push(GATED)
    mind.ran(14, metadata={"accuracy": 0.951, "loss": 0.124})
    mind.push(GATED, "Another", train="2")
    mind.push(GATED, "And another", train="3")
    mind.agent_says(2, 0)
    return mind.check()


def held(folder: Path) -> Check:
    """A pull request from a fork."""
    policy = PullPolicy(environment="forks", cap=4.0)
    mind = CheckMind(
        folder,
        repositories=(Watched("shop", str(folder / "shop.git"), pulls=policy),),
        environments=(Environment(ENVIRONMENT, "gpu-large"), Environment("77aa88bb99cc", "forks")),
    )
    mind.push(EVERY_PULL)
    mind.person.git("checkout", "--quiet", "-B", "topic", "origin/main")
    sha = mind.person.commit({"train.py": "print(1)\n"}, "Train better")
    mind.person.push("+HEAD:refs/heads/topic")
    mind.turns()
    main = mind.head() or ""
    asked = PullRequest(7, sha, "main", main, fork=True, author="mona", head_ref="topic")
    with mind.ports.ledger.write() as connection:
        events.tell(
            connection, mind.repository_id(), events.PULL_REQUEST, asked.key, codec.to_json(asked), mind.now
        )
    mind.turns()
    return mind.check(sha=sha)


def config(folder: Path) -> Check:
    """A valohai.yaml with mistakes."""
    mind = CheckMind(folder)
    wrong = GATED.replace("image: python", "imge: python").replace("type: float", "type: flaot")
    mind.push(wrong)
    return mind.check("luotsi/config")


SCENES = {
    "success": success,
    "broken-gate": broken_gate,
    "failure": failure,
    "waiting": waiting,
    "held": held,
    "config": config,
}
