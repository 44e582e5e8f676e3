"""Threats 15 and 18 in the ledger: what waits long in one repository is not asked for instead of another's, on both databases."""

from datetime import UTC, datetime

from ledger import events, outbox, replies, repositories, shown_deployments
from ledger.database import Ledger

NOW = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
MANY = 30


def status(repository: str, number: int, final: bool = True) -> outbox.NewStatus:
    return outbox.NewStatus(repository, f"{number:040x}", "luotsi/x", "success", "", "", final=final)


def test_threat_15_words_and_events_of_one_repository_keep_no_others_back(ledger: Ledger) -> None:
    with ledger.write() as connection:
        flood, calm = (
            repositories.ensure(connection, name, f"/{name}.git", "main", NOW) for name in ("flood", "calm")
        )
        for number in range(MANY):
            events.tell(connection, flood, events.COMMENT, str(number), {}, NOW)
            outbox.say(connection, status(flood, number), NOW)
        events.tell(connection, calm, events.COMMENT, "1", {}, NOW)
        outbox.say(connection, status(calm, 1, final=False), NOW)
        outbox.say(connection, status(calm, 2), NOW)
        told = events.unhandled(connection, limit=2)
        assert [(row.repository_id, row.key) for row in told] == [(flood, "0"), (flood, "1"), (calm, "1")]
        words = outbox.undelivered(connection, NOW, limit=2)
        assert [row.repository_id for row in words] == [flood, flood, calm, calm], "final ones are first"
        (first,) = outbox.undelivered(connection, NOW, [calm], limit=1)
        assert (first.repository_id, first.final) == (calm, True)
        assert outbox.undelivered(connection, NOW, []) == []
        for number in range(MANY):
            replies.say(connection, flood, 1, str(number), "An answer", NOW)
            shown_deployments.show(connection, flood, (f"{number:040x}", "m/s"), "success", ("", "", ""), NOW)
        replies.say(connection, calm, 1, "1", "An answer", NOW)
        shown_deployments.show(connection, calm, ("1" * 40, "m/s"), "success", ("", "", ""), NOW)
        for waiting in (replies, shown_deployments):
            (row,) = waiting.undelivered(connection, NOW, [calm], limit=2)
            assert row.repository_id == calm, (
                "what waits for repositories that no forge is told of is left out"
            )
