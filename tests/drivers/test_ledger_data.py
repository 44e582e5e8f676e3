"""Names for data and old results over PostgreSQL and over SQLite, with the migrated tables: the same answers."""

from datetime import timedelta

from ledger import data, executions, registry
from ledger.data import NewVersion
from ledger.database import Ledger
from ledger.pages import data as pages_data
from tests.builders.ledger_rows import NOW, Rows


def test_names_are_made_moved_and_found(ledger: Ledger) -> None:
    rows = Rows(ledger)
    of = rows.repository()
    done = rows.execution(of, rows.commit(of))
    first, second = (rows.output(done, name, name.encode()) for name in ("a", "b"))
    new = NewVersion(done.id, [second, first], ["t"])
    with ledger.write() as connection:
        for output in (first, second):
            data.move_alias(connection, of.project, "best", output, NOW)
        made = [
            data.make_dataset_version(connection, of.project, "cats", name, new, NOW) for name in ("10", "9")
        ]
        late = data.make_dataset_version(
            connection, of.project, "cats", "1", new, NOW + timedelta(microseconds=1)
        )
        for version in made:
            data.move_dataset_alias(connection, of.project, "cats", "prod", version, NOW)
        numbers = [data.make_model_version(connection, of.project, "cat", new, NOW) for _ in range(2)]
    assert numbers == [1, 2]
    with ledger.read() as connection:
        assert data.aliases(connection, [of.project]) == {(of.project, "best"): second}
        assert data.datasets(connection, [of.project]) == [(of.project, "cats")]
        versions = data.dataset_versions_of(connection, of.project, "cats")
        assert [version.id for version in versions] == [made[1], made[0], late]
        assert data.dataset_files(connection, late) == [second, first]
        assert data.dataset_aliases_of(connection, of.project, "cats") == {"prod": made[1]}
        assert data.models(connection, [of.project]) == {"cat": {of.project: [1, 2]}}
        assert data.model_files(connection, of.project, "cat", 2) == [second, first]
        assert data.model_files(connection, of.project, "cat", 3) is None
        found = data.origin(connection, first)
        assert found is not None
        assert (found.project_id, found.execution_id, found.trust) == (of.project, done.id, "trusted")
        assert [file.name for file in executions.data(connection, [second, "gone", first])] == ["b", "a"]
        uris = [line.uri for line in pages_data.named_by(connection, done.id)]
        assert sorted(uris) == [
            "dataset://cats/1", "dataset://cats/10", "dataset://cats/9",
            "datum://best", "model://cat/1", "model://cat/2",
        ]  # fmt: skip


def test_old_results_are_found_by_their_key_and_followed(ledger: Ledger) -> None:
    rows = Rows(ledger)
    of = rows.repository()
    sha, later = rows.commit(of), rows.commit(of)
    run, other = rows.run(of, sha), rows.run(of, sha, trust="untrusted")
    source = rows.execution(of, sha, run_id=run, reuse_key="k")
    output = rows.output(source, "model.pkl", b"weights")
    rows.execution(of, sha, "error", run_id=run, reuse_key="k")
    rows.execution(of, sha, run_id=other, reuse_key="k")
    taken = rows.execution(
        of, later, attempt=None, run_id=rows.run(of, later), reuse_key="k", reused_id=source.id
    )
    with ledger.read() as connection:
        found = executions.complete_with_key(connection, of.project, "k", "trusted")
        assert [row.id for row in found] == [source.id]
        assert [
            row.id for row in executions.complete_of_step(connection, of.project, "train", "trusted", 9)
        ] == [source.id]
        made = registry.candidate(connection, of.project, later, "model.pkl", "train", None, None)
        assert made is not None
        assert (made.execution_id, made.output_id) == (taken.id, output)
