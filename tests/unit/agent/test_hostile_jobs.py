"""What real commands can do to an agent: each ends with a clear word, and nothing is lost."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.runtimes import load
from schemas.messages.job import Input
from schemas.messages.log import MAX_MESSAGE
from tests.builders import agent_jobs
from tests.builders.agent_house import AgentHouse, connected
from tests.builders.agent_web import AgentWeb
from tests.parts.process import until

PYTHON = sys.executable


@pytest.fixture
def processes(house: AgentHouse) -> Iterator[AgentHouse]:
    house.runtime = load("process", {"unsafe": True})
    with house.agent():
        yield house


def test_ten_megabytes_on_one_line(processes: AgentHouse) -> None:
    result = processes.run(f"{PYTHON} -c \"print('x' * 10_000_000); print('after')\"")
    lines = [line for line in processes.lines(result) if line.stream == "stdout"]
    assert result.outcome == "complete"
    assert "".join(line.message for line in lines) == "x" * 10_000_000 + "after"
    assert max(len(line.message) for line in lines) == MAX_MESSAGE
    assert [line.more for line in lines[-3:]] == [True, False, False]


def test_bytes_that_are_no_utf8(processes: AgentHouse) -> None:
    result = processes.run(r"printf 'caf\351 \377\376\n'", r"printf '\000\033[31mred\n'")
    assert result.outcome == "complete"
    assert processes.printed(result) == ["caf\ufffd \ufffd\ufffd", "\x00\x1b[31mred"]


def test_progress_bars_stay_lines_of_their_own(processes: AgentHouse) -> None:
    result = processes.run(r"printf '10%%\r50%%\r100%%\ndone\r\n'")
    assert processes.printed(result) == ["10%\r", "50%\r", "100%", "done"]


def test_children_that_hold_the_streams_after_the_end(processes: AgentHouse) -> None:
    result = processes.run("sleep 600 & (setsid sleep 600 &) ; echo parent ends")
    assert (result.outcome, processes.printed(result)) == ("complete", ["parent ends"])


def test_outputs_that_are_no_plain_files(processes: AgentHouse, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the host's own")
    script = f"""
import os, socket
out = os.environ["VH_OUTPUTS_DIR"]; os.chdir(out)
os.symlink({str(secret)!r}, "leak"); os.symlink("/etc", "etc"); os.symlink("../../../../../../../../etc/passwd", "dots")
os.symlink("nowhere", "dangling"); os.mkdir("sub"); open("sub/real.txt", "w").write("real")
os.symlink("sub/real.txt", "good"); os.symlink(out + "/sub/real.txt", "absolute"); os.symlink("sub", "folder")
os.symlink("loop", "loop"); os.symlink("etc/passwd", "through")
socket.socket(socket.AF_UNIX).bind("socket"); os.mkfifo("pipe"); open("empty", "w"); os.mkdir("nothing")
"""
    result = processes.run(f"{PYTHON} make.py", files={"make.py": script})
    assert result.outcome == "complete", result.reason
    assert {output.name: output.size for output in result.outputs} == {
        "absolute": 4, "empty": 0, "good": 4, "sub/real.txt": 4,
    }  # fmt: skip
    for name, words in {
        "leak": "leads out", "etc": "leads out", "dots": "leads out", "dangling": "nowhere", "folder": "directory",
        "loop": "nowhere", "through": "leads out", "socket": "a socket", "pipe": "a pipe",
    }.items():  # fmt: skip
        [event] = [event for event in result.events if event.startswith(f"{name} is left out")]
        assert words in event
        assert event in processes.printed(result, "status")
    assert not any(b"the host's own" in data for data in processes.web.objects.values())


def test_names_that_nobody_expects(processes: AgentHouse) -> None:
    names = ["with\nnewline", "sp ace", "ünïcode", "%41", "-rf", "a;b", "#hash?x=1"]
    script = (
        "import os; os.chdir(os.environ['VH_OUTPUTS_DIR'])\n"
        f"for n in {names!r}: open(n, 'w').write(n)\n"
        "open(b'not-\\xff-utf8', 'w').write('bytes')\n"
    )
    result = processes.run(f"{PYTHON} make.py", files={"make.py": script})
    assert result.outcome == "complete", result.reason
    assert {output.name for output in result.outputs} == {*names, "not-\\xff-utf8"}
    [newline] = [output for output in result.outputs if output.name == "with\nnewline"]
    assert newline.key.endswith("/with%0Anewline")
    for name in names:
        assert processes.output(result, name).decode() == name


def test_metadata_of_files_is_theirs_and_no_output(processes: AgentHouse) -> None:
    result = processes.run(
        "cd $VH_OUTPUTS_DIR; mkdir sub; echo m > model.bin; echo c > sub/x.csv",
        """echo '{"valohai.tags": ["a"], "kept": 1}' > model.bin.metadata.json""",
        """echo '{"file": "model.bin", "metadata": {"kept": 2}}' > valohai.metadata.jsonl""",
        """echo '{"file": "sub/x.csv", "metadata": {"rows": 3}}' >> valohai.metadata.jsonl""",
        """echo '{"file": "gone", "metadata": {}}' >> valohai.metadata.jsonl; echo nonsense >> valohai.metadata.jsonl""",
        "echo '{}' > lonely.metadata.json",
    )
    assert {output.name: output.metadata for output in result.outputs} == {
        "lonely.metadata.json": {}, "model.bin": {"valohai.tags": ["a"], "kept": 2}, "sub/x.csv": {"rows": 3},
    }  # fmt: skip
    assert [event[:36] for event in result.events] == [
        "valohai.metadata.jsonl line 3 speaks", "valohai.metadata.jsonl line 4 is not",
    ]  # fmt: skip


def test_metrics_that_json_does_not_have(processes: AgentHouse) -> None:
    result = processes.run(
        """echo '{"loss": NaN, "nested": {"x": [1, Infinity]}, "big": 1e999}'""",
        """echo ' {"loss": 0.5} '; echo '[1]'; echo '{"broken"'; echo 5""",
        r"""echo '{"half": "\ud800"}'""",
        """echo '{"stderr": 1}' >&2""",
    )
    assert result.outcome == "complete"
    assert result.metadata == {"loss": 0.5, "nested": {"x": [1, None]}, "big": None, "half": "?"}


def test_secrets_do_not_reach_any_log(processes: AgentHouse, web: AgentWeb) -> None:
    web.secrets = {"API_KEY": "s3cr3t/with+chars=", "SHORT": "abc"}
    held = processes.send(
        'echo "key: $API_KEY $SHORT"', 'printf "%70000s%s\\n" "" "$API_KEY"', 'echo "$API_KEY" | base64',
        f"""{PYTHON} -c "import os, urllib.parse as u; print(u.quote(os.environ['API_KEY'], safe=''))" >&2""",
        """printf '{"metric": "%s"}\\n' "$API_KEY" """,
    )  # fmt: skip
    result = processes.result(held)
    assert result.outcome == "complete", result.reason
    assert processes.printed(result)[0] == "key: *** abc"
    assert result.metadata == {"metric": "***"}
    text = "".join(line.message for line in [*processes.lines(result), *processes.live(held)])
    for form in ("s3cr3t/with+chars=", "s3cr3t%2Fwith%2Bchars%3D", "czNjcjN0L3dpdGgrY2hhcnM9"):
        assert form not in text


def test_the_environment_is_the_contracts(processes: AgentHouse, web: AgentWeb) -> None:
    web.secrets = {"FROM_CLAIM": "a secret"}
    held = processes.send(
        "env > $VH_OUTPUTS_DIR/env.txt; pwd > $VH_OUTPUTS_DIR/pwd.txt; cp -r $VH_CONFIG_DIR $VH_OUTPUTS_DIR",
        environment_variables={"MINE": "yes", "VH_OUTPUTS_DIR": "/etc", "VH_JOB_ID": "exec-of-another"},
        parameters={"lr": 0.1, "layers": [1, 2], "none": None},
        node="train", pipeline=agent_jobs.job("true")[0].execution, pipeline_counter=3,
    )  # fmt: skip
    result = processes.result(held)
    assert result.outcome == "complete", result.reason
    env = dict(
        line.split("=", 1)
        for line in processes.output(result, "env.txt").decode().splitlines()
        if "=" in line
    )
    assert env["VH_JOB_ID"] == f"exec-{held.job.execution}"
    assert (env["MINE"], env["VH_PIPELINE_NODE_ID"], env["PYTHONUNBUFFERED"]) == ("yes", "train", "1")
    assert env["FROM_CLAIM"] == "a secret"
    assert processes.output(result, "pwd.txt").decode().strip() == env["VH_REPOSITORY_DIR"]
    names = {output.name for output in result.outputs}
    assert {
        f"config/{name}.{kind}" for name in ("execution", "parameters", "inputs") for kind in ("json", "yaml")
    } <= names
    assert b'"layers": [' in processes.output(result, "config/parameters.json")
    assert b"none" not in processes.output(result, "config/parameters.json")
    assert b'"valohai.execution-counter": 12' in processes.output(result, "config/execution.json")


def test_inputs_are_where_the_contract_says(processes: AgentHouse, web: AgentWeb) -> None:
    flat, deep = agent_jobs.datum("a/b/model.bin", b"model"), agent_jobs.datum("deep/er/x.csv", b"x")
    for datum, data in ((flat, b"model"), (deep, b"x")):
        web.objects["artifacts", datum.key] = data
    web.objects["artifacts", "page of the net.txt"] = b"page"
    url = f"{web.address}/objects/artifacts/page%20of%20the%20net.txt".replace("http://", "http://user:pass@")
    result = processes.run(
        "cd $VH_INPUTS_DIR; find . -type f | sort; cat model/renamed.bin; cat $VH_CONFIG_DIR/inputs.json > $VH_OUTPUTS_DIR/i.json",
        inputs=(
            Input("model", data=(flat,), filename="renamed.bin"),
            Input("kept", data=(deep,), keep_directories="full"),
            Input("page", uris=(url,)),
            Input("none", optional=True),
        ),
    )
    assert result.outcome == "complete", result.reason
    assert processes.printed(result) == [
        "./kept/deep/er/x.csv", "./model/renamed.bin", "./page/page of the net.txt", "model",
    ]  # fmt: skip
    text = processes.output(result, "i.json").decode()
    assert "user:pass" not in text
    assert f'"uri": "datum://{deep.datum}"' in text
    assert '"none": {' in text


def test_a_script_with_its_own_interpreter(processes: AgentHouse) -> None:
    result = processes.run(f"#!{PYTHON}\nimport sys\nprint('python', len(sys.argv))", "print('second entry')")
    assert (result.outcome, processes.printed(result)) == ("complete", ["python 1", "second entry"]), (
        result.reason
    )


def test_untrusted_code_does_not_run_without_isolation(processes: AgentHouse) -> None:
    result = processes.run("echo never", trust="untrusted")
    assert (result.outcome, processes.printed(result)) == ("error", [])
    assert "untrusted code does not run" in result.reason


def test_a_deep_tree_is_no_trouble(processes: AgentHouse) -> None:
    deep = "/".join(["d" * 50] * 20)
    result = processes.run(f"mkdir -p $VH_OUTPUTS_DIR/{deep}; echo x > $VH_OUTPUTS_DIR/{deep}/file")
    assert result.outcome == "complete", result.reason
    assert [output.name for output in result.outputs] == [f"{deep}/file"]


def test_redis_that_is_emptied_in_the_middle_loses_no_line(processes: AgentHouse, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    held = processes.send(
        f"for n in 1 2 3; do echo line $n; done; while [ ! -e {gate} ]; do sleep 0.05; done; echo last"
    )
    until(lambda: "line 3" in [record.message for record in processes.live(held)])
    with connected(processes.redis_url) as redis:
        redis.flushall()
    gate.touch()
    result = processes.result(held)
    assert [record.message for record in processes.live(held) if record.stream == "stdout"] == [
        "line 1", "line 2", "line 3", "last",
    ]  # fmt: skip
    assert processes.live(held) == processes.lines(result)
