"""Many executions recorded at once, the same on SQLite and on PostgreSQL: as one by one, in a few statements."""

from dataclasses import replace

from sqlalchemy import select, update

from ledger import executions, tables
from ledger.database import Ledger
from ledger.executions import Creation, ExecutionRow, NewExecution
from schemas.states import ExecutionState
from tests.builders.ledger_rows import NOW, Rows
from tests.builders.statements import written


def new_ones(ledger: Ledger) -> tuple[NewExecution, ExecutionRow]:
    """What is to be made, and a complete execution whose result may serve."""
    rows = Rows(ledger)
    of = rows.repository("shop")
    sha, environment = rows.commit(of), rows.environment()
    spec = {"image": "python:3.12", "notes": ["a"], "parameters": {"n": [1, 2.5, None]}, "inputs": []}
    new = NewExecution(of.project, environment, "step", "train", sha, spec, reuse_key="k")
    facts = {
        "state": ExecutionState.COMPLETE,
        "metadata": {"loss": 0.5},
        "image_digest": "sha256:1",
        "finished_at": NOW,
    }
    with ledger.write() as connection:
        made = executions.create(connection, new, NOW)
        connection.execute(update(tables.executions).values(**facts))
        return new, executions.by_id(connection, made.id)


def test_what_is_answered_is_what_is_read_again(ledger: Ledger) -> None:
    new, old = new_ones(ledger)
    other = replace(new, node="b", child=3, priority=2, reuse_key=None)
    wanted = [Creation(new, said="not reused: x"), Creation(new, old, "reused #1"), Creation(other)]
    with ledger.write() as connection:
        made = executions.create_all(connection, wanted, NOW)
        one = executions.create(connection, new, NOW, note="by itself")
    with ledger.read() as connection:
        assert [executions.by_id(connection, row.id) for row in (*made, one)] == [*made, one]
        tries = connection.execute(
            select(tables.attempts.c.execution_id, tables.attempts.c.number, tables.attempts.c.state)
        ).all()
    assert [row.number for row in (*made, one)] == [made[0].number + place for place in range(4)]
    assert [row.spec["counter"] for row in made] == [row.number for row in made]
    assert [row.spec["notes"] for row in (*made, one)] == [
        ["a", "not reused: x"],
        ["a"],
        ["a"],
        ["a", "by itself"],
    ]
    assert new.spec["notes"] == ["a"]
    assert (made[1].state, made[1].reason, made[1].reused_id) == (
        ExecutionState.COMPLETE,
        "reused #1",
        old.id,
    )
    assert (made[1].finished_at, made[0].finished_at) == (NOW, None)
    mine = {row.id for row in (*made, one)}
    assert {(id, number, state) for id, number, state in tries if id in mine} == {
        (row.id, 1, "waiting") for row in (made[0], made[2], one)
    }


def test_nothing_wanted_changes_nothing(ledger: Ledger) -> None:
    with written(ledger) as said, ledger.write() as connection:
        assert executions.create_all(connection, [], NOW) == []
    assert not [statement for statement in said if not statement.startswith("BEGIN")]


def test_many_take_no_more_statements_than_two(ledger: Ledger) -> None:
    new, old = new_ones(ledger)
    counts = []
    for many in (1, 100):
        wanted = [Creation(new), Creation(new, old, "reused")] * many
        with written(ledger) as said, ledger.write() as connection:
            assert len(executions.create_all(connection, wanted, NOW)) == 2 * many
        counts.append(len(said))
    assert counts[0] == counts[1]
