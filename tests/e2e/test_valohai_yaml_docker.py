"""What of a valohai.yaml only containers show: the image, its shell, what is read-only, and a deployment from an image."""

from collections.abc import Iterator

import pytest

from tests.builders.house import house
from tests.builders.story import Story, plain
from tests.e2e.test_promotion import SERVE
from tests.parts.docker_engine import DockerEngine

CONFIG = """
- step:
    name: train
    image: {image}
    command:
      - source ./names.sh
      - words=(made by "$WHO")
      - echo "${{words[@]}}" > "$VH_OUTPUTS_DIR/model.txt"
- step:
    name: check
    image: {image}
    command:
      - if touch "$VH_INPUTS_DIR/model/model.txt" 2>/dev/null; then exit 9; fi
      - cp "$VH_INPUTS_DIR/model/model.txt" "$VH_OUTPUTS_DIR/checked.txt"
    inputs: [{{name: model}}]
- step:
    name: endless
    image: {image}
    command: n=9; while true; do n=$((n - 1)); echo '{{"loss":' $n '}}'; sleep 0.2; done
    stop-condition: loss <= 2
- step: {{name: nowhere, image: missing.invalid/no/such:image, command: 'true'}}
- endpoint:
    name: say
    image: {image}
    port: 8000
    server-command: python3 serve.py
    files: [{{name: text, path: served.txt}}]
- deployment: {{name: shop, defaults: {{target: local}}}}
- pipeline:
    name: whole
    reuse-executions: true
    nodes:
      - {{name: train, type: execution, step: train}}
      - {{name: check, type: execution, step: check}}
      - {{name: deploy, type: deployment, deployment: shop, endpoints: [say], aliases: [best]}}
    edges:
      - [train.output.model.txt, check.input.model]
      - [check.output.checked.txt, deploy.file.say.text]
- trigger: {{name: whole, when: {{push: {{}}}}, run: {{pipeline: whole}}}}
- trigger: {{name: endless, when: {{push: {{}}}}, paths: [names.sh], run: {{step: endless}}}}
- trigger: {{name: nowhere, when: {{push: {{}}}}, paths: [names.sh], run: {{step: nowhere}}}}
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, docker_engine: DockerEngine) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    runtime = {"kind": "docker", "engine": docker_engine.address}
    with house(folder, runtime) as made:
        told = Story(made, ["whole", "endless", "nowhere"])
        config = CONFIG.format(image=docker_engine.image)
        serve = SERVE.replace("127.0.0.1", "0.0.0.0")
        told.push("first", {"valohai.yaml": config, "serve.py": serve, "names.sh": "WHO=ada"})
        told.wait("first")
        told.push("same", {})
        told.wait("same")
        yield told


def test_the_command_has_bash_and_inputs_that_cannot_be_written(story: Story) -> None:
    said = "success: #0 train, #0 check complete; shop 0 serves say; train not reused: there is no earlier complete execution"
    assert plain(story.said("first")["whole"]).startswith(said)
    [_, check] = story.rows("first", "whole")
    assert story.file(check, "checked.txt") == "made by ada\n"


def test_a_loop_ends_with_its_stop_condition_and_not_with_the_grace(story: Story) -> None:
    [row] = story.rows("first", "endless")
    said = "success: #0 endless complete: the stop condition loss <= 2 held"
    assert (plain(story.said("first")["endless"]), row.exit_code) == (said, 143), "137 is a kill"


def test_an_image_that_cannot_be_had_is_said(story: Story) -> None:
    said = "failure: #0 nowhere failed: the image missing.invalid/no/such:image cannot be had: "
    assert plain(story.said("first")["nowhere"]).startswith(said)


def test_a_second_push_of_the_same_takes_the_results_of_the_same_image(story: Story) -> None:
    first, again = story.rows("first", "whole"), story.rows("same", "whole")
    assert [row.reused_id for row in again] == [row.id for row in first]
    assert {row.image_digest for row in again} == {row.image_digest for row in first}
    assert "" not in {row.image_digest for row in first}
    said = plain(story.said("same")["whole"])
    assert "train reused #0: same archive, image, inputs, parameters" in said


def test_the_deployments_alias_answers_from_an_image(story: Story) -> None:
    assert story.ask("/bench/shop/best/say") == "made by ada\n"
