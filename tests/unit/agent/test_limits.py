"""What ends a command that would go on: silence and stop conditions; and what else a job asks of its agent."""

import json
import sys
from collections.abc import Iterator

import pytest

from agent.runtimes import load
from schemas.messages.job import Mount, Resources
from tests.builders.agent_house import AgentHouse
from tests.builders.agent_web import AgentWeb
from tests.parts.process import until

PYTHON = sys.executable


@pytest.fixture
def processes(house: AgentHouse) -> Iterator[AgentHouse]:
    house.runtime = load("process", {"unsafe": True})
    with house.agent():
        yield house


@pytest.fixture
def scripted(house: AgentHouse) -> Iterator[AgentHouse]:
    with house.agent():
        yield house


def status(house: AgentHouse, result: object) -> str:
    return "\n".join(house.printed(result, "status"))  # type: ignore[arg-type]


class TestSilence:
    def test_a_command_that_prints_nothing_is_ended_and_its_outputs_are_kept(
        self, processes: AgentHouse
    ) -> None:
        result = processes.run(
            "echo kept > $VH_OUTPUTS_DIR/kept.txt; echo up; sleep 600", no_output_timeout=0.5
        )
        assert result.outcome == "error"
        assert "the no-output-timeout of 0.5 s ended it" in result.reason
        assert processes.output(result, "kept.txt") == b"kept\n"
        assert "nothing was printed for 0.5 s" in status(processes, result)

    def test_one_that_never_printed_is_ended_too(self, processes: AgentHouse) -> None:
        assert "no-output-timeout" in processes.run("sleep 600", no_output_timeout=0.3).reason

    def test_one_that_goes_on_printing_goes_on(self, processes: AgentHouse) -> None:
        result = processes.run(
            "for n in 1 2 3 4 5 6 7 8; do echo $n >&2; sleep 0.3; done", no_output_timeout=2
        )
        assert result.outcome == "complete"

    def test_it_goes_on_counting_for_the_next_agent(self, house: AgentHouse) -> None:
        house.runtime = load("process", {"unsafe": True})
        with house.agent():
            held = house.send("echo up; sleep 600", no_output_timeout=1.5)
            until(lambda: "up" in [record.message for record in house.live(held)])
        with house.agent():
            result = house.result(held)
        assert result.outcome == "error"
        assert "no-output-timeout" in result.reason


class TestStopCondition:
    def test_when_it_holds_the_command_is_ended_and_complete(self, processes: AgentHouse) -> None:
        result = processes.run(
            "echo kept > $VH_OUTPUTS_DIR/kept.txt",
            """for n in 1 2 3; do echo "{\\"accuracy\\": 0.$n}"; done; sleep 600""",
            stop_condition="accuracy >= parameter.target", parameters={"target": 0.25},
        )  # fmt: skip
        assert result.outcome == "complete"
        assert result.reason.endswith("the stop condition accuracy >= parameter.target held")
        assert result.metadata == {"accuracy": 0.3}
        assert processes.output(result, "kept.txt") == b"kept\n"

    def test_a_command_that_tidies_up_may_do_so(self, processes: AgentHouse) -> None:
        result = processes.run(
            """trap 'echo last > $VH_OUTPUTS_DIR/last; exit 0' TERM; echo '{"loss": 0}'; sleep 600 & wait""",
            stop_condition="loss < 1",
        )
        assert (result.outcome, result.exit_code) == ("complete", 0)
        assert processes.output(result, "last") == b"last\n"

    @pytest.mark.parametrize(
        "condition", ["missing > 1", "accuracy >", "accuracy > 'text'", "f(1)", "accuracy > 0.9"]
    )
    def test_one_that_never_holds_changes_nothing(self, scripted: AgentHouse, condition: str) -> None:
        result = scripted.run("echo '{\"accuracy\": 0.5}'", "exit 3", stop_condition=condition)
        assert (result.outcome, result.exit_code) == ("error", 3)

    def test_a_value_that_came_and_went_counts(self, processes: AgentHouse) -> None:
        result = processes.run(
            """printf '{"loss": 1}\\n{"loss": 0}\\n{"loss": 1}\\n'; sleep 600""", stop_condition="loss == 0"
        )
        assert result.outcome == "complete"

    def test_the_next_agent_knows_it_from_the_log(self, house: AgentHouse) -> None:
        house.runtime = load("process", {"unsafe": True})
        with house.agent():
            held = house.send(
                """echo '{"step": 1}'; sleep 1; echo '{"step": 2}'; sleep 600""", stop_condition="step == 2"
            )
            until(lambda: '{"step": 1}' in [record.message for record in house.live(held)])
        with house.agent():
            result = house.result(held)
        assert (result.outcome, result.metadata) == ("complete", {"step": 2})


def test_metadata_on_a_line_of_many_pieces_is_metadata(processes: AgentHouse) -> None:
    result = processes.run(
        f"""{PYTHON} -c "import json; print(json.dumps(dict(big='x' * 200_000))); print('{{' + ' ' * 2_000_000 + '}}')" """
    )
    assert result.metadata == {"big": "x" * 200_000}


def test_notes_are_said_first_and_stay_with_the_result(scripted: AgentHouse) -> None:
    result = scripted.run(
        "echo hello",
        notes=("the field icon is ignored",),
        environment_variables={"VH_DOCKER_NETWORK": "host", "VH_CPU_LIMIT": "none"},
    )
    assert [event.split(" ignored")[0] for event in result.events] == [
        "the field icon is", "VH_DOCKER_NETWORK is", "VH_CPU_LIMIT is",
    ]  # fmt: skip
    lines = [record.message for record in scripted.lines(result)]
    assert all(lines.index(event) < lines.index("hello") for event in result.events)


def test_a_process_leaves_mounts_out_and_says_so(processes: AgentHouse) -> None:
    result = processes.run("true", mounts=(Mount("/srv/data", "/data"),), resources=Resources(memory_max=10))
    assert result.outcome == "complete"
    assert "mount of /srv/data ignored: the process runtime has no mounts" in result.events


def test_outputs_go_to_the_store_that_the_job_names(scripted: AgentHouse, web: AgentWeb) -> None:
    result = scripted.run('echo made > "$VH_OUTPUTS_DIR/made.txt"', upload_store="archive")
    [output] = result.outputs
    assert output.store == "archive"
    assert web.objects["archive", output.key] == b"made\n"


def test_a_later_attempt_takes_the_image_of_the_first_or_says_why_not(
    scripted: AgentHouse, web: AgentWeb
) -> None:
    first = scripted.run("true")
    assert scripted.run("true", image_digest=first.image_digest).outcome == "complete"
    held = scripted.send("true", image_digest="sha256:" + "0" * 64)
    result = scripted.result(held)
    assert result.outcome == "error"
    assert "as an earlier attempt had it" in result.reason
    assert held.manifest is None


def test_an_image_that_cannot_be_had_costs_no_input(scripted: AgentHouse, web: AgentWeb) -> None:
    assert scripted.run("true", image="missing/image").outcome == "error"
    assert not [call for call in web.calls if "/objects/system/code" in call]


def test_with_the_other_joiner_the_last_entry_decides(processes: AgentHouse) -> None:
    assert processes.run("false", "true", joiner=";").outcome == "complete"
    assert processes.run("true", "false", joiner=";").outcome == "error"
    assert processes.run("false", "true", joiner="&&").outcome == "error"


def test_the_config_says_who_and_where(processes: AgentHouse) -> None:
    result = processes.run(
        f"{PYTHON} -c \"import json, os; print(json.dumps(json.load(open(os.environ['VH_CONFIG_DIR'] + '/execution.json'))))\"",
        task="7b1c9a52-1111-4222-8333-444455556666", task_counter=4, creator_name="ada", creator_email="ada@example.org",
    )  # fmt: skip
    told = json.loads(processes.printed(result)[0])
    assert (told["valohai.task-id"], told["valohai.task-counter"]) == (
        "7b1c9a52-1111-4222-8333-444455556666",
        4,
    )
    assert (told["valohai.creator-name"], told["valohai.creator-email"]) == ("ada", "ada@example.org")
    assert "valohai.pipeline-id" not in told


def test_secrets_of_a_group_are_masked_in_every_line(processes: AgentHouse, web: AgentWeb) -> None:
    web.secrets = {"GROUP_TOKEN": "group-secret-value"}
    result = processes.run(
        'echo $GROUP_TOKEN; echo \'{"leak": "group-secret-value"}\'', variable_groups=("training",)
    )
    assert processes.printed(result)[0] == "***"
    assert result.metadata == {"leak": "***"}
