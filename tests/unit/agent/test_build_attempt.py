"""An execution of kind `build` goes the way of any other: claim, fences, log, result."""

from pathlib import Path

from schemas.messages.job import Build
from tests.builders import agent_jobs
from tests.builders.agent_house import AgentHouse
from tests.builders.agent_web import AgentWeb


def build() -> Build:
    model = agent_jobs.datum("model.json", b"{}")
    return Build("wine", "v1.0.0", "predict", "python:3.12", "python serve.py", 8000, {"model.json": model})


def test_a_bundle_where_there_is_no_engine(house: AgentHouse, web: AgentWeb) -> None:
    wanted = build()
    web.objects["artifacts", wanted.files["model.json"].key] = b"{}"
    with house.agent():
        held = house.send(kind="build", build=wanted, files={"serve.py": "print('serving')\n"})
        result = house.result(held)
    assert (result.outcome, result.exit_code) == ("complete", None), result.reason
    assert result.built
    assert result.built.kind == "bundle"
    [bundle] = result.outputs
    assert bundle.key == result.built.reference
    assert web.objects["artifacts", bundle.key]
    assert held.manifest
    assert any("Bundled" in line for line in house.printed(result, "status"))


def test_a_datum_that_is_not_what_was_ordered(house: AgentHouse, web: AgentWeb) -> None:
    wanted = build()
    web.objects["artifacts", wanted.files["model.json"].key] = b"something else"
    with house.agent():
        result = house.run(kind="build", build=wanted)
    assert (result.outcome, result.built, result.outputs) == ("error", None, ())
    assert "model.json" in result.reason


def test_a_build_without_its_order(house: AgentHouse, tmp_path: Path) -> None:
    with house.agent():
        result = house.run(kind="build")
    assert result.outcome == "error"
