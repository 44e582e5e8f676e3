"""Comments of ours below pull requests that answer nobody: what a status has no room for, and a reminder.

At forges that show statuses and no checks, one comment below each open pull request is kept up to date.

A status has 140 characters; metrics, reasons and logs need more. The comment is written when the first check of the head has
something to say that lasts, and replaced when that changes: an edited comment notifies nobody.
"""

from datetime import timedelta

from sqlalchemy import Connection

from controller import isolate
from controller.checks import text as check_text
from controller.core import status
from controller.core.checks import markdown, one_comment
from controller.ports import Ports
from controller.pulls import approved
from controller.watching import watched
from ledger import events, outbox, replies
from ledger.repositories import RepositoryRow
from ledger.rows import AnyRow
from schemas.errors import Gone
from schemas.values import short

PATIENCE = timedelta(days=1)
"""How long a commit waits for approval before somebody is reminded, once."""
OLDEST = timedelta(days=14)
"""What waits for longer has been forgotten on purpose."""
AT_ONCE = 3

_HELD = {status.clip(words) for words in status.HELD}


def keep(ports: Ports, repository: RepositoryRow, sha: str) -> int:
    """Bring the comments of the pull requests at a commit up to date, one of whose words changed; how many say something new.

    Called before the forge has that word, so that none is forgotten when a controller dies in between.
    """
    with ports.ledger.read() as connection:
        pulls = events.pull_requests_at(connection, repository.id, [sha])
        wanted = {number: _text(ports, connection, repository, number) for number in pulls}
    with ports.ledger.write() as connection:
        return sum(
            replies.show(connection, repository.id, number, _key(number), text, ports.clock())
            for number, text in wanted.items()
            if text
        )


def _key(number: int) -> str:
    return f"checks of {number}"


def _text(ports: Ports, connection: Connection, repository: RepositoryRow, number: int) -> str:
    """What the comment shall say; empty while nothing lasts, or where the ledger holds another head by now."""
    pull = approved.newest(connection, repository.id, number)
    if pull is None:
        return ""
    rows = [row for row in outbox.of_commit(connection, repository.id, pull.head) if _lasts(row)]
    if not any(row.run_id for row in rows) and all(row.state == "success" for row in rows):
        return ""
    return one_comment.text(pull.head, [check_text.check_of(ports, connection, row) for row in rows])


def _lasts(row: AnyRow) -> bool:
    """What ends, and what waits for a person: the rest is on its way."""
    return bool(row.final) or row.description in _HELD


def remind(ports: Ports) -> int:
    """Say once of a head that has waited a day for approval that it does, if it is still open at that head; how many were told.

    Of what waits and is no head any more, that it waits for nothing.
    """
    now = ports.clock()
    with ports.ledger.read() as connection:
        known = watched.at_forges(ports, connection)
        waiting = outbox.waiting_since(connection, list(known), _HELD, now - OLDEST, now)
        heads = {
            row.id: approved.moved_on(connection, row.repository_id, row.number, row.sha) for row in waiting
        }
        late = [row for row in waiting if row.written_at <= now - PATIENCE and not heads[row.id]]
        due = {(row.repository_id, row.number, row.sha): row for row in late}
        new = [row for row in due.values() if not replies.is_said(connection, row.repository_id, _once(row))]
    if any(heads.values()):
        with ports.ledger.write() as connection:
            for row in waiting:
                if heads[row.id]:
                    outbox.say(connection, _left_behind(row, heads[row.id]), now)
    return isolate.each(
        new[:AT_ONCE], lambda row: _remind(ports, known[row.repository_id], row), lambda row, bug: None
    )


def _left_behind(row: AnyRow, head: str) -> outbox.NewStatus:
    """The word of a check that waits for what is refused by now. It stays pending: nothing of it has passed."""
    words = status.clip(status.left_behind(head))
    return outbox.NewStatus(
        row.repository_id, row.sha, row.context, row.state, words, row.url, row.final,
        row.run_id, row.project_id, row.number,
    )  # fmt: skip


def _remind(ports: Ports, repository: RepositoryRow, row: AnyRow) -> bool:
    slug = repository.slug or ""
    try:
        pull = ports.forges[repository.forge].pull(slug, row.number)
        is_there = pull.open and pull.head == row.sha
    except Gone:
        is_there = False
    text = (
        f"Commit {markdown.code(short(row.sha))} waits for approval since {row.written_at:%Y-%m-%d}. Who may write to the "
        f"repository can look at it and let it run with this line alone in a comment:\n\n"
        f"{markdown.block([f'/approve {row.sha}'])}"
    )
    with ports.ledger.write() as connection:
        replies.say(connection, repository.id, row.number, _once(row), text, ports.clock(), told=not is_there)
    return is_there


def _once(row: AnyRow) -> str:
    return f"reminder of {row.number} at {row.sha}"
