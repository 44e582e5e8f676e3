"""The sample project as its reader meets it: train, evaluate, serve, and a file that the linter takes."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from valohai_yaml.lint import lint
from valohai_yaml.parsing import parse

from tests.parts.process import until

SAMPLE = Path(__file__).parents[3] / "examples" / "wine"
KINDS = ["barolo", "grignolino", "barbera"]
DEADLINE = 60.0


def copy(folder: Path) -> Path:
    """The sample as a repository of its own would have it."""
    ignored = shutil.ignore_patterns("__pycache__", "outputs", "model.json")
    return Path(shutil.copytree(SAMPLE, folder / "repository", ignore=ignored))


def run(project: Path, *command: str, **variables: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    arguments = [sys.executable, "-W", "error", *command]
    return subprocess.run(
        arguments, cwd=project, env=environment, capture_output=True, text=True, timeout=DEADLINE
    )


def metrics(output: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(tmp_path_factory.mktemp("wine"))


@pytest.fixture(scope="module")
def trained(project: Path) -> tuple[Path, list[dict[str, float]]]:
    """The folder that holds model.json, and what each epoch printed."""
    folder = project.parent / "inputs" / "model"
    done = run(project, "train.py", VH_OUTPUTS_DIR=folder)
    assert done.returncode == 0, done.stderr
    return folder, metrics(done.stdout)


@pytest.fixture(scope="module")
def evaluated(project: Path, trained: tuple[Path, object]) -> tuple[Path, dict[str, float]]:
    """The outputs of an evaluation, and the metrics that it printed."""
    outputs = project.parent / "evaluated"
    done = run(project, "evaluate.py", VH_INPUTS_DIR=trained[0].parent, VH_OUTPUTS_DIR=outputs)
    assert done.returncode == 0, done.stderr
    (printed,) = metrics(done.stdout)
    return outputs, printed


def test_training_prints_every_epoch_and_learns(trained: tuple[Path, list[dict[str, float]]]) -> None:
    folder, epochs = trained
    assert [point["epoch"] for point in epochs] == list(range(1, 201))
    assert epochs[-1]["loss"] < epochs[0]["loss"] / 10
    assert epochs[-1]["accuracy"] > 0.9
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "training.svg"]


def test_the_same_seed_gives_the_same_bytes(project: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        done = run(project, "train.py", "--epochs=1", f"--seed={seed}", VH_OUTPUTS_DIR=tmp_path / name)
        assert done.returncode == 0, done.stderr
    a, b, c = ((tmp_path / name / "model.json").read_bytes() for name in "abc")
    assert a == b != c


def test_held_out_wines_are_never_trained_on(project: Path) -> None:
    script = (
        "import json; from wine import data; _, wines = data.load();"
        "lines = lambda part: [wine.line for wine in part];"
        "splits = [[lines(part) for part in data.split(wines, seed)] for seed in range(20)];"
        "print(json.dumps({'splits': splits, 'held_out': lines(data.held_out(wines))}))"
    )
    found = json.loads(run(project, "-c", script).stdout)
    for training, validation, held_out in found["splits"]:
        assert held_out == found["held_out"]
        assert sorted(training + validation + held_out) == list(range(2, 180))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--epochs=0", "--epochs must be at least 1"),
        ("--epochs=many", "invalid int value"),
        ("--learning_rate=nan", "--learning_rate must be above 0"),
        ("--l2=-1", "--l2 at least 0"),
        ("--learning_rate=1e300", "Use a smaller --learning_rate"),
    ],
)
def test_a_bad_parameter_is_said(project: Path, tmp_path: Path, argument: str, message: str) -> None:
    done = run(project, "train.py", argument, VH_OUTPUTS_DIR=tmp_path)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_model_is_right_about_wines_it_never_saw(evaluated: tuple[Path, dict[str, float]]) -> None:
    _, printed = evaluated
    assert list(printed) == ["accuracy", *(f"recall_{kind}" for kind in KINDS)]
    assert printed["accuracy"] > 0.95
    assert all(share > 0.9 for share in printed.values())


def test_the_report_agrees_with_the_metrics(
    evaluated: tuple[Path, dict[str, float]], trained: tuple[Path, object]
) -> None:
    outputs, printed = evaluated
    report = json.loads((outputs / "report.json").read_text())
    right = sum(report["confusion"][i][i] for i in range(3))
    assert sum(map(sum, report["confusion"])) == report["wines"] == 45
    assert right == report["right"] == 45 - len(report["mistakes"])
    assert printed["accuracy"] == pytest.approx(right / 45, abs=1e-6)
    digest = hashlib.sha256((trained[0] / "model.json").read_bytes()).hexdigest()
    assert report["model"]["digest"] == f"sha256:{digest}"


def test_pictures_are_svg_with_a_title_and_dark_colours(
    evaluated: tuple[Path, object], trained: tuple[Path, object]
) -> None:
    for path in (trained[0] / "training.svg", evaluated[0] / "confusion.svg"):
        picture = ET.fromstring(path.read_text())
        assert "accuracy" in (picture.findtext("{http://www.w3.org/2000/svg}title") or "")
        assert "prefers-color-scheme: dark" in path.read_text()


def test_a_training_of_one_epoch_can_be_drawn(project: Path, tmp_path: Path) -> None:
    assert run(project, "train.py", "--epochs=1", VH_OUTPUTS_DIR=tmp_path).returncode == 0
    ET.parse(tmp_path / "training.svg")


def test_a_model_of_another_table_is_refused(trained: tuple[Path, object], tmp_path: Path) -> None:
    other = copy(tmp_path)
    table = other / "data" / "wine.csv"
    table.write_text(table.read_text().replace("14.23,", "14.24,", 1))
    done = run(other, "evaluate.py", f"--model={trained[0] / 'model.json'}", VH_OUTPUTS_DIR=tmp_path)
    assert done.returncode == 1
    assert "was trained on another table" in done.stderr


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "wine-model/1"}', "\x00"])
def test_a_file_that_is_no_model_is_refused(project: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    for script in ("evaluate.py", "predict.py"):
        done = run(project, script, f"--model={tmp_path / 'model.json'}", PORT=0, VH_OUTPUTS_DIR=tmp_path)
        assert done.returncode == 1
        assert "is not a wine model" in done.stderr


def test_an_input_without_a_model_is_said(project: Path, tmp_path: Path) -> None:
    done = run(project, "evaluate.py", VH_INPUTS_DIR=tmp_path, VH_OUTPUTS_DIR=tmp_path)
    assert done.returncode == 1
    assert "has 0 .json files" in done.stderr


@contextmanager
def serving(project: Path, variables: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The endpoint on a free port of the system's choice, once it says that it listens."""
    log = project.parent / "endpoint.log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [sys.executable, "predict.py"],
            cwd=project,
            env={**os.environ, "LUOTSI_HOST": "127.0.0.1", **variables},
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield process, listening(process, log)
        finally:
            process.kill()


def listening(process: subprocess.Popen[bytes], log: Path) -> int:
    found = re.compile(r" on port (\d+)\.\n")
    until(lambda: process.poll() is not None or found.search(log.read_text()), DEADLINE, "the endpoint")
    said = found.search(log.read_text())
    assert said is not None, f"the endpoint does not listen:\n{log.read_text()}"
    return int(said[1])


@pytest.fixture(scope="module")
def port(project: Path, trained: tuple[Path, object]) -> Iterator[int]:
    shutil.copy(trained[0] / "model.json", project / "model.json")
    with serving(project, {"VALOHAI_PORT": "0", "PORT": "1"}) as (_, port):
        yield port


def ask(port: int, method: str, path: str, body: str | bytes | None = None) -> tuple[int, Any]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=DEADLINE)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.getheader("Content-Type") == "application/json"
        return answer.status, json.loads(content) if content else None


@pytest.mark.parametrize("path", ["/", "/team/wine/serving/prod/predict?x=1"])
def test_any_path_tells_the_health(port: int, path: str, trained: tuple[Path, object]) -> None:
    status, content = ask(port, "GET", path)
    assert (status, content["status"], content["model"]["classes"]) == (200, "ok", KINDS)
    digest = hashlib.sha256((trained[0] / "model.json").read_bytes()).hexdigest()
    assert content["model"]["digest"] == f"sha256:{digest}"
    assert ask(port, "HEAD", path) == (200, None)


def test_the_sample_is_answered_from_any_path(port: int) -> None:
    status, content = ask(
        port, "POST", "/team/wine/serving/prod/predict", (SAMPLE / "sample.json").read_bytes()
    )
    assert status == 200
    assert [prediction["class"] for prediction in content["predictions"]] == KINDS
    for prediction in content["predictions"]:
        assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert content["model"]["name"] == "wine"


def test_names_and_numbers_mean_the_same(port: int) -> None:
    row = json.loads((SAMPLE / "sample.json").read_text())["rows"][0]
    backwards = dict(reversed(row.items()))
    answers = [
        ask(port, "POST", "/", json.dumps(request))
        for request in (
            {"rows": [list(row.values())]},
            {"row": row},
            {"row": backwards},
            {"row": [*row.values()]},
        )
    ]
    assert answers[0][0] == 200
    assert all(answer == answers[0] for answer in answers)


def test_many_are_answered_at_once(port: int) -> None:
    body = (SAMPLE / "sample.json").read_bytes()
    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(lambda _: ask(port, "POST", "/", body)[0], range(100)))
    assert answers == [200] * 100


ROW = [1.0] * 13


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ("[]", "neither"),
        ('{"rows": 1}', "neither"),
        ('{"rows": [], "row": []}', "neither"),
        ('{"rows": []}', "this one has 0"),
        (json.dumps({"rows": [ROW] * 1001}), "this one has 1001"),
        ('{"rows": [1]}', "rows[0]: a row is a list"),
        (json.dumps({"rows": [ROW, ROW[1:]]}), "rows[1]: a row has 13 numbers; this one has 12"),
        ('{"row": {"alcohol": 1}}', "rows[0]: missing malic_acid, ash"),
        (json.dumps({"row": [*ROW[1:], "1"]}), "rows[0].proline: not a number"),
        (json.dumps({"row": [*ROW[1:], True]}), "rows[0].proline: not a number"),
        (json.dumps({"row": [*ROW[1:], None]}), "rows[0].proline: not a number"),
        (json.dumps({"row": [*ROW[1:], float("nan")]}), "between 0 and 1000000"),
        (json.dumps({"row": [*ROW[1:], 10**400]}), "between 0 and 1000000"),
        (json.dumps({"row": [*ROW[1:], -1]}), "between 0 and 1000000"),
    ],
)
def test_a_bad_request_is_told_why(port: int, body: str | bytes, message: str) -> None:
    status, content = ask(port, "POST", "/", body)
    assert status == 400
    assert message in content["error"]


def test_an_unknown_name_is_told(port: int) -> None:
    row = json.loads((SAMPLE / "sample.json").read_text())["rows"][0]
    status, content = ask(port, "POST", "/", json.dumps({"row": {**row, "colour": 1}}))
    assert (status, content["error"]) == (400, "rows[0]: unknown colour")


def test_another_method_is_answered_in_json(port: int) -> None:
    assert ask(port, "PUT", "/") == (501, {"error": "Unsupported method ('PUT')"})


def test_a_port_in_use_is_said(project: Path, port: int) -> None:
    done = run(project, "predict.py", PORT=port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The endpoint cannot start on port {port}: ")


def test_a_port_that_is_none_is_said(project: Path) -> None:
    done = run(project, "predict.py", PORT="http")
    assert (done.returncode, done.stderr) == (
        1,
        "The port is 'http'; it should be a number from 0 to 65535.\n",
    )


def test_sigterm_ends_the_endpoint(trained: tuple[Path, object], tmp_path: Path) -> None:
    project = copy(tmp_path)
    shutil.copy(trained[0] / "model.json", project / "model.json")
    with serving(project, {"VALOHAI_PORT": "", "PORT": "0"}) as (process, port):
        assert ask(port, "GET", "/")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    assert (tmp_path / "endpoint.log").read_text().endswith("The endpoint has ended.\n")


def items(kind: str) -> list[dict[str, Any]]:
    return [item[kind] for item in yaml.safe_load((SAMPLE / "valohai.yaml").read_text()) if kind in item]


def test_the_official_linter_only_warns_of_our_own_items() -> None:
    result = lint((SAMPLE / "valohai.yaml").read_text())
    assert result.error_count == 0
    warnings = [message["message"] for message in result.warnings]
    assert [warning.split(": ")[0] for warning in warnings] == [
        "No parser for {'trigger'",
        "No parser for {'model'",
    ]


def test_the_image_is_one_string_in_three_places() -> None:
    config = parse((SAMPLE / "valohai.yaml").read_text())
    images = [step.image for step in config.steps.values()]
    images += [endpoint.image for endpoint in config.endpoints.values()]
    assert images == ["python:3.12"] * 3
    assert (SAMPLE / "valohai.yaml").read_text().count("python:3.12") == 3


def test_the_file_declares_what_the_script_takes(trained: tuple[Path, object]) -> None:
    config = parse((SAMPLE / "valohai.yaml").read_text())
    defaults = config.steps["train"].get_parameter_defaults()
    training = json.loads((trained[0] / "model.json").read_text())["training"]
    assert {name: training[name] for name in defaults} == defaults
    assert config.steps["train"].build_command({}) == [
        "python3 train.py --epochs=200 --learning_rate=0.001 --l2=0.01 --seed=4"
    ]


def test_trigger_and_model_name_what_exists() -> None:
    config = parse((SAMPLE / "valohai.yaml").read_text())
    (trigger,), (model,) = items("trigger"), items("model")
    pipeline = config.pipelines[trigger["run"]["pipeline"]]
    assert model["from"]["pipeline"] == pipeline.name
    assert model["from"]["node"] in pipeline.node_map
    files = config.endpoints[model["endpoint"]].files
    assert [(file.name, file.path) for file in files] == [(model["file"], "model.json")]
    assert (SAMPLE / model["stages"]["prod"]["smoke"]["post"]).is_file()
