"""Rows 12 and 35 of the threats to trust: what untrusted code leaves is never taken for ours, nor ours for it."""

from pathlib import Path

import pytest

from controller.running.resolving import Names
from ledger import registry, repositories
from ledger.pages import execution as pages_execution
from schemas.errors import ConfigError
from schemas.states import RunState
from tests.builders.fork_mind import STEP, TRAIN, ForkMind
from tests.builders.mind import ENVIRONMENT

GATED = STEP + TRAIN.replace(" } }\n", ' }, reuse: true, expect: ["acc >= base"] }\n')
NAMES = {
    "valohai.alias": "best",
    "valohai.dataset-versions": [{"uri": "dataset://cats/v9"}],
    "valohai.model-versions": ["model://churn/"],
}


def test_threat_12_untrusted_is_never_latest_or_base(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path)
    first = mind.push(GATED)
    mind.finish(mind.waiting()[0], outputs={"m": b"1"}, metadata={"acc": 0.5})
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    [theirs] = mind.waiting()
    mind.finish(theirs, outputs={"m": b"2"}, metadata={"acc": 0.99}, file_metadata={"m": NAMES})
    assert mind.run().state is RunState.SUCCESS, "it is compared with ours"
    with mind.ports.ledger.read() as connection:
        shop = repositories.by_name(connection, "shop")
        assert shop is not None
        [project] = repositories.projects_of(connection, shop.id)
        for uri in ("datum://best", "dataset://cats/latest", "model://churn/latest", "model://churn/1"):
            for kind in ("trusted", "untrusted"):
                with pytest.raises(ConfigError):
                    Names(connection, project, kind).resolve(uri)
        assert registry.candidate(connection, project.id, sha, "m", "train", None, None) is None
    # Merged, the very commit runs again as ours, and its base is ours: 0.6 would not do against 0.99.
    mind.person.push(f"{sha}:refs/heads/main")
    mind.turns()
    [ours] = mind.waiting()
    assert (ours.environment_id, ours.reused_id) == (ENVIRONMENT, None)
    mind.finish(ours, outputs={"m": b"3"}, metadata={"acc": 0.6})
    merged = mind.run()
    assert (merged.trust, merged.state) == ("trusted", RunState.SUCCESS)
    with mind.ports.ledger.read() as connection:
        page = pages_execution.execution(connection, project.id, ours.number)
        assert page is not None
        earlier = pages_execution.before(connection, page)
    assert earlier is not None
    assert earlier.number == 1, "what a page compares with is ours too"
    assert first[:7] in merged.reason or "0.5" in merged.reason


def test_threat_35_untrusted_results_serve_nobody_who_is_trusted_nor_the_reverse(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path)
    mind.push(GATED)
    mind.finish(mind.waiting()[0], metadata={"acc": 0.5})
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    mind.finish(mind.waiting()[0], metadata={"acc": 0.9})
    # The same content as a comment's run at the same commit: among themselves they may serve.
    mind.said("/train", sha)
    again = mind.executions()[-1]
    assert again.spec["trust"] == "untrusted"
    assert again.reused_id == mind.executions()[-2].id
    # And the same content, merged: made anew.
    mind.person.push(f"{sha}:refs/heads/main")
    mind.turns()
    [ours] = mind.waiting()
    assert (ours.spec["trust"], ours.reused_id) == ("trusted", None)
    assert ours.spec["archive"] == again.spec["archive"]
    mind.finish(ours, metadata={"acc": 0.95})
    mind.said("/train", sha)
    assert mind.executions()[-1].reused_id != ours.id
