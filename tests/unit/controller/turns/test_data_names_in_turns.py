"""Names for data through the controller's turns: a job names its files, and later jobs read them by name."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from controller.running import resolving
from ledger import repositories, tables
from ledger.executions import ExecutionRow
from schemas import codec
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile
from schemas.messages.record import Record
from schemas.states import RunState
from stores import keys
from tests.builders.mind import Mind

CONFIG = """
- step:
    name: make
    image: python:3.12
    command: python make.py {note}
- trigger:
    name: make
    when:
      push: {{ branches: [main] }}
    run: {{ step: make }}
"""

READER = """
- step:
    name: use
    image: python:3.12
    command: python use.py
    inputs:
      - name: data
        default: {uri}
- trigger:
    name: use
    when:
      push: {{ branches: [main] }}
    run: {{ step: use }}
"""


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    return Mind(tmp_path)


def make(mind: Mind, files: dict[str, dict[str, Any]], outcome: Any = "complete") -> ExecutionRow:
    """One execution that leaves these files with this metadata."""
    mind.push(CONFIG.format(note=f"{len(mind.executions())}"))
    [execution] = mind.waiting()
    contents = {name: f"{name} of #{execution.number}".encode() for name in files}
    mind.finish(execution, outcome, outputs=contents, file_metadata=files)
    return execution


def resolve(mind: Mind, uri: str, trust: str = "trusted") -> tuple[DatumFile, ...]:
    with mind.ports.ledger.read() as connection:
        shop = repositories.by_name(connection, "shop")
        assert shop is not None
        project = repositories.projects_of(connection, shop.id)[0]
    return resolving.resolver(mind.ports, project, trust)(uri)


def names(mind: Mind, uri: str) -> list[str]:
    return [file.name for file in resolve(mind, uri)]


def said(mind: Mind, execution: ExecutionRow) -> list[str]:
    with mind.ports.ledger.read() as connection:
        [events] = connection.scalars(
            select(tables.attempts.c.events).where(tables.attempts.c.execution_id == execution.id)
        )
    return list(events)


def version(uri: str, **more: Any) -> dict[str, Any]:
    return {"valohai.dataset-versions": [{"uri": uri, **more}]}


def untrust(mind: Mind, execution: ExecutionRow) -> None:
    """Make the run of an execution one from outside."""
    with mind.ports.ledger.write() as connection:
        connection.execute(
            update(tables.runs).where(tables.runs.c.id == execution.run_id).values(trust="untrusted")
        )


def test_an_alias_moves_and_a_later_execution_reads_it(mind: Mind) -> None:
    make(mind, {"model.pkl": {"valohai.alias": "best", "accuracy": 0.9}})
    first = resolve(mind, "datum://best")
    second = make(mind, {"model.pkl": {"valohai.alias": "best", "accuracy": 0.95}})
    [found] = resolve(mind, "datum://best")
    assert found != first[0]
    assert found.metadata == {"valohai.alias": "best", "accuracy": 0.95}
    assert said(mind, second) == []
    mind.push(READER.format(uri="datum://best"))
    [reader] = mind.waiting()
    [given] = reader.spec["inputs"]
    assert [file["datum"] for file in given["data"]] == [found.datum]
    assert given["uris"] == []
    make_again = {"model.pkl": {"valohai.alias": "best"}}
    mind.finish(reader)
    make(mind, make_again)
    kept = next(row for row in mind.executions() if row.id == reader.id)
    assert kept.spec["inputs"] == reader.spec["inputs"], "resolved once, when it was created"


def test_a_dataset_version_holds_the_files_that_name_it_and_those_of_its_base(mind: Mind) -> None:
    make(mind, {n: version("dataset://cats/v1") for n in ("a.txt", "b.txt", "deep/old.tmp")})
    old = {file.name: file for file in resolve(mind, "dataset://cats/v1")}
    more = version("dataset://cats/v2", **{"from": "dataset://cats/v1", "exclude": ["*.tmp"]})
    done = make(mind, {"b.txt": more, "c.txt": more, "unnamed.txt": {}})
    new = {file.name: file for file in resolve(mind, "dataset://cats/v2")}
    assert list(new) == ["a.txt", "b.txt", "c.txt"]
    assert new["a.txt"] == old["a.txt"]
    assert new["b.txt"] != old["b.txt"]
    assert names(mind, "dataset://cats/v1") == ["a.txt", "b.txt", "deep/old.tmp"]
    assert said(mind, done) == []


def test_a_version_is_made_once(mind: Mind) -> None:
    make(mind, {"a.txt": version("dataset://cats/v1")})
    again = make(mind, {"b.txt": version("dataset://cats/v1", targeting_aliases=["prod"])})
    assert names(mind, "dataset://cats/v1") == ["a.txt"]
    assert said(mind, again) == [
        "dataset://cats/v1 exists already, and a version never changes: take another name"
    ]
    with pytest.raises(ConfigError):
        resolve(mind, "dataset://cats/prod")


def test_versions_without_a_name_are_numbered_and_aliases_move(mind: Mind) -> None:
    for _ in range(2):
        make(mind, {"a.txt": version("dataset://cats/", targeting_aliases=["prod"])})
    make(mind, {"a.txt": version("dataset://cats/named")})
    last = make(mind, {"a.txt": version("dataset://cats/")})
    first, second, third = (resolve(mind, f"dataset://cats/{n}") for n in (1, 2, 3))
    assert len({file.datum for (file,) in (first, second, third)}) == 3
    assert resolve(mind, "dataset://cats/prod") == second
    assert resolve(mind, "dataset://cats/latest") == third
    assert said(mind, last) == []


def test_a_base_that_is_not_there_makes_no_version(mind: Mind) -> None:
    done = make(mind, {"a.txt": version("dataset://cats/v2", **{"from": "dataset://cats/v1"})})
    [sentence] = said(mind, done)
    assert sentence.startswith(
        "dataset://cats/v2 was not made: dataset://cats/v1: there is no dataset named cats"
    )


def test_an_alias_cannot_hide_a_version_nor_a_version_an_alias(mind: Mind) -> None:
    make(mind, {"a.txt": version("dataset://cats/v1", targeting_aliases=["prod"])})
    first = make(mind, {"a.txt": version("dataset://cats/v2", targeting_aliases=["v1"])})
    second = make(mind, {"a.txt": version("dataset://cats/prod")})
    assert said(mind, first) == ["v1 is a version of cats and cannot be an alias of dataset://cats/v2"]
    assert said(mind, second) == ["dataset://cats/prod is an alias of another version: take another name"]


def test_candidates_of_a_model_are_numbered(mind: Mind) -> None:
    for _ in range(2):
        make(mind, {"model.pkl": {"valohai.model-versions": ["model://cat/"]}, "log.txt": {}})
    assert names(mind, "model://cat/1") == ["model.pkl"]
    assert resolve(mind, "model://cat/1") != resolve(mind, "model://cat/2")
    assert resolve(mind, "model://cat/latest") == resolve(mind, "model://cat/2")
    with pytest.raises(ConfigError, match="the model cat has no version or stage 3") as error:
        resolve(mind, "model://cat/3")
    assert error.value.hint == "There are: latest, 2, 1."


@pytest.mark.parametrize("outcome", ["error", "stopped"])
def test_only_a_complete_execution_names_its_files(mind: Mind, outcome: str) -> None:
    done = make(mind, {"a.txt": {"valohai.alias": "best", **version("dataset://cats/")}}, outcome)
    assert said(mind, done) == [
        "its files were given no names (datum://best, dataset://cats/): only a complete execution names its files"
    ]
    with mind.ports.ledger.read() as connection:
        [output] = connection.scalars(select(tables.outputs.c.id))
    assert names(mind, f"datum://{output}") == ["a.txt"], "it is data all the same"


def test_bad_shapes_are_sentences_of_the_attempt(mind: Mind) -> None:
    done = make(mind, {"a.txt": {"valohai.alias": 3}, "b.txt": {"valohai.alias": "b"}})
    assert said(mind, done) == ["a.txt: `valohai.alias` is one name of at most 200 characters, not 3"]
    assert names(mind, "datum://b") == ["b.txt"]


def test_untrusted_runs_name_nothing_and_read_trusted_data_by_name_only(mind: Mind) -> None:
    make(mind, {"a.txt": {"valohai.alias": "a"}})
    [named] = resolve(mind, "datum://a", "untrusted")
    with pytest.raises(ConfigError, match="it reads such files only by name"):
        resolve(mind, f"datum://{named.datum}", "untrusted")


def test_what_untrusted_runs_made_stays_among_them(mind: Mind) -> None:
    done = make(mind, {"evil.pkl": {}})
    untrust(mind, done)
    with mind.ports.ledger.read() as connection:
        [output] = connection.scalars(select(tables.outputs.c.id))
    assert [file.name for file in resolve(mind, f"datum://{output}", "untrusted")] == ["evil.pkl"]
    with pytest.raises(ConfigError, match="was made by an untrusted run"):
        resolve(mind, f"datum://{output}")


def test_an_untrusted_execution_gives_no_names(mind: Mind) -> None:
    mind.push(CONFIG.format(note="x"))
    [execution] = mind.waiting()
    with mind.ports.ledger.write() as connection:
        spec = {**execution.spec, "trust": "untrusted"}
        connection.execute(
            update(tables.executions).where(tables.executions.c.id == execution.id).values(spec=spec)
        )
    mind.finish(execution, outputs={"a.txt": b"a"}, file_metadata={"a.txt": {"valohai.alias": "a"}})
    assert said(mind, execution) == [
        "its files were given no names (datum://a): an untrusted run names nothing"
    ]


@pytest.mark.parametrize(
    ("uri", "sentence", "hint"),
    [
        ("datum://bets", "no file has the alias bets", "Did you mean best?"),
        ("dataset://cat/v1", "there is no dataset named cat", "Did you mean cats?"),
        ("dataset://cats/v11", "the dataset cats has no version or alias v11", "Did you mean v1?"),
        ("dataset://cats/", "it says no version of the dataset cats", "There are: latest, v1."),
        ("model://cats/1", "there is no model named cats", "Did you mean cat?"),
        ("model://cat/prod", "the model cat has no version or stage prod", "There are: latest, 1."),
        ("datum://0d6dbf1c-4c8d-4f6e-9b0a-2f1a1c1d2e3f", "no run of this repository made a file", "The page"),
    ],
)  # fmt: skip
def test_unknown_names_come_with_the_nearest(mind: Mind, uri: str, sentence: str, hint: str) -> None:
    known = {
        **version("dataset://cats/v1"),
        "valohai.alias": "best",
        "valohai.model-versions": "model://cat/",
    }
    make(mind, {"a.txt": known})
    with pytest.raises(ConfigError) as error:
        resolve(mind, uri)
    assert sentence in error.value.message
    assert (error.value.hint or "").startswith(hint)


def test_a_run_whose_input_means_nothing_ends_with_the_sentence(mind: Mind) -> None:
    mind.push(READER.format(uri="datum://best"))
    assert mind.executions() == []
    run = mind.run()
    assert run.state is RunState.ERROR
    assert "datum://best: no file has the alias best" in run.reason


def test_names_are_kept_as_a_record(mind: Mind) -> None:
    done = make(mind, {"a.txt": {"valohai.alias": "best", **version("dataset://cats/")}})
    with mind.ports.ledger.read() as connection:
        shop = repositories.by_name(connection, "shop")
    assert shop is not None
    kept = codec.read(Record, mind.ports.stores["system"].get(keys.record(shop.id, "names", done.id)))
    [dataset] = kept.body["datasets"]
    assert (dataset["dataset"], dataset["version"]) == ("cats", "1")
    assert list(kept.body["aliases"]) == ["best"]


MODEL = """
- step:
    name: train
    image: python:3.12
    command: python train.py
- endpoint:
    name: predict
    image: python:3.12
    server-command: python serve.py
    port: 8000
    files:
      - name: model
        path: model.pkl
- trigger:
    name: train
    when:
      push: { branches: [main] }
    run: { step: train }
- model:
    name: cat
    from: { step: train, output: model.pkl }
    endpoint: predict
    file: model
    stages:
      prod: { cluster: local }
"""


def test_registered_versions_and_stages_of_a_model(mind: Mind) -> None:
    mind.push(MODEL)
    mind.finish(mind.waiting()[0], outputs={"model.pkl": b"weights"})
    with pytest.raises(ConfigError, match="there is no model named cat"):
        resolve(mind, "model://cat/v1.2.0")
    mind.person.tag("cat@v1.2.0")
    mind.turns()
    with mind.ports.ledger.read() as connection:
        [output] = connection.scalars(select(tables.outputs.c.id))
    for version in ("v1.2.0", "1.2.0", "latest"):
        assert [file.datum for file in resolve(mind, f"model://cat/{version}")] == [output]
    with pytest.raises(ConfigError, match=r"no version or stage 1\.3\.0") as error:
        resolve(mind, "model://cat/1.3.0")
    assert error.value.hint == "Did you mean v1.2.0?"
    mind.person.tag("cat#prod#1")
    mind.turn()
    with pytest.raises(ConfigError, match="the stage prod of cat serves nothing yet"):
        resolve(mind, "model://cat/prod")
    mind.finish(mind.waiting()[0])
    assert [file.datum for file in resolve(mind, "model://cat/prod", "untrusted")] == [output]


def test_a_version_that_was_taken_back_means_nothing(mind: Mind) -> None:
    mind.push(MODEL)
    mind.finish(mind.waiting()[0], outputs={"model.pkl": b"weights"})
    mind.person.tag("cat@v1.2.0")
    mind.turns()
    with mind.ports.ledger.write() as connection:
        earlier = datetime(2020, 1, 1, tzinfo=UTC)
        connection.execute(update(tables.tag_observations).values(tagged_at=earlier))
    mind.person.tag("cat@v1.2.0!")
    mind.turns()
    with pytest.raises(ConfigError, match=r"v1\.2\.0 of cat was taken back by a tag"):
        resolve(mind, "model://cat/v1.2.0")
