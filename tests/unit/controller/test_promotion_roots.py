"""Models of several folders of one repository: a tag's artifact says which, where it must."""

from pathlib import Path

import pytest

from controller.ports import Watched
from ledger import registry
from schemas.states import PromotionState
from tests.builders.mind import Mind

CONFIG = """
- step:
    name: {step}
    image: python:3.12
    command: python train.py
- endpoint:
    name: predict
    image: python:3.12
    server-command: python serve.py
    files:
      - {{ name: model, path: model.pkl }}
- trigger:
    name: train
    when:
      push: {{}}
    run: {{ step: {step} }}
- model:
    name: {model}
    from: {{ step: {step}, output: model.pkl }}
    endpoint: predict
    file: model
    stages:
      prod: {{ cluster: local }}
"""


def tags(mind: Mind) -> dict[str, str]:
    with mind.ports.ledger.read() as connection:
        return {row.name: row.reason for row in registry.tags(connection, mind.repository_id())}


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    bare = tmp_path / "shop.git"
    return Mind(tmp_path, repositories=(Watched("shop", str(bare), roots=("", "models/eu")),))


def train(mind: Mind, top: str, eu: str) -> None:
    mind.push(
        CONFIG.format(step="fit", model=top),
        **{"models/eu/valohai.yaml": CONFIG.format(step="fit-eu", model=eu)},
    )
    for execution in mind.waiting():
        mind.finish(execution, outputs={"model.pkl": execution.step.encode()})


def test_a_model_of_one_folder_needs_no_folder_in_its_tag(mind: Mind) -> None:
    train(mind, "churn", "fraud")
    mind.person.tag("fraud@v1.0.0")
    mind.turns()
    assert tags(mind)["fraud@v1.0.0"] == "register fraud: bound to its execution"


def test_two_of_one_name_are_told_apart_by_the_folder(mind: Mind) -> None:
    train(mind, "churn", "churn")
    mind.person.tag("churn@v1.0.0")
    mind.turns()
    assert "several folders have a model named churn: the top, models/eu" in tags(mind)["churn@v1.0.0"]
    mind.person.tag("models/eu=churn@v1.0.0")
    mind.person.tag("models/eu=churn#prod#2")
    mind.turns()
    [build] = mind.waiting()
    [data] = build.spec["build"]["files"].values()
    [eu] = [row for row in mind.executions() if row.step == "fit-eu"]
    assert data["key"].startswith(f"outputs/{eu.id}/")
    mind.finish(build)
    with mind.ports.ledger.read() as connection:
        [promotion] = registry.promotions_of(connection, mind.repository_id())
    assert promotion.state is PromotionState.SERVING
    assert promotion.address.endswith("/shop/models/eu:churn/prod/predict")
