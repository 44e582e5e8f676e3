"""Threat 16: a file with an absurd number, sound or not, comes to its end, and everybody else is served meanwhile."""

from pathlib import Path

from controller.ports import Watched
from schemas.parse_config import parse_config
from schemas.states import FINAL_RUN
from tests.builders.absurd_numbers import STEP, TRIGGER, files
from tests.builders.mind import Mind

GOOD = STEP.format("icon: x") + TRIGGER
MOST = 60
"""Executions that the test ends; what waits behind them waits for an agent."""


def test_threat_16_files_with_absurd_numbers_stop_nobody(tmp_path: Path) -> None:
    """Each file is a project of one repository, so that one push brings them all."""
    told = {f"p{number}": text for number, (_, text) in enumerate(files())}
    sound = [root for root, text in told.items() if parse_config(text.encode()).ok]
    taken = {root: told[root] for root in sound[::2]}
    refused = {root: told[root] for root in [root for root in told if root not in sound][::20]}
    chosen = {**taken, **refused, "good": GOOD}
    mind = Mind(tmp_path, repositories=(Watched("shop", str(tmp_path / "shop.git"), roots=tuple(chosen)),))
    sha = mind.push("[]\n", **{f"{root}/valohai.yaml": text for root, text in chosen.items()})
    told_of = {context.removeprefix("luotsi/"): words for context, words in mind.notes(sha).items()}
    assert told_of["good:t"].startswith("pending: ")
    for root in refused:
        assert told_of[f"{root}:config"].startswith("failure: "), root
    for root in taken:
        assert told_of[f"{root}:config"].startswith("success: "), root
    for _ in range(MOST):
        if not (waiting := mind.waiting()):
            break
        mind.finish(waiting[0], outputs={"m": b"m"}, metadata={"a": 1}, rest=False)
    mind.turns()
    assert not [run.reason for run in mind.runs() if "internal" in run.reason]
    assert any(run.state in FINAL_RUN for run in mind.runs())
