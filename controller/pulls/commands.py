"""Comments that are commands, and the buttons of checks: each is carried out once, and answered with what was done or why not.

What a command asks for is done for the commit at which the comment was written, never for one that came later. Each
command of a comment is one act with its answer, in one transaction (`ledger/replies`): when a controller dies between two
of them, the next one goes on with the second. What leaves the ledger (an approval, a tag) is found again by the comment.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from controller.core import events, spoken, trust
from controller.core.checks import markdown
from controller.core.events import Comment
from controller.core.spoken import Spoken
from controller.ports import Ports
from controller.pulls import answers, approved
from controller.pulls import trust as pull_trust
from controller.pulls.answers import Act, Line
from controller.pulls.asker import Asker, at_forge
from controller.serving import promoting
from controller.serving.promoting import Wish
from ledger import events as ledger_events
from ledger import outbox, replies
from ledger.repositories import RepositoryRow
from schemas.values import short

log = structlog.get_logger()

MOST = 20
"""Commands of one comment that are heard."""
HELP = {
    "/retest": "begin again what has failed here",
    "/retest NAME": "begin one check again, whatever it came to",
    "/cancel": "end what is running here",
    "/cancel NAME": "end one",
    "/approve SHA": "let this very commit of a fork run",
    "/explain": "say why each trigger ran, waits or did not run",
    "/promote MODEL STAGE": "make and push the tag that lets a stage serve the version of this commit",
    "/help": "this list",
}
"""What a person may write, and what it does."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A comment's command. `key` is its own; `begun`: when it was first heard."""

    ports: Ports
    repository: RepositoryRow
    comment: Comment
    arguments: str
    who: Asker
    begun: datetime


def answer(ports: Ports, repository: RepositoryRow, comment: Comment, declared: Collection[str] = ()) -> str:
    """Carry out every command of ours in a comment, in order; the answer in Markdown, "" when there is none.

    The same comment again changes nothing, and gets the same answer. `declared`: commands that triggers name, as `/bench`;
    what they start is not begun here, but whoever may not write is refused.
    """
    said = dict.fromkeys(map(_tidy, spoken.commands(comment.text)))
    if not comment.may_write:
        refused = [one for one in said if one.name in _COMMANDS or f"/{one.name}" in declared]
        return _refusal(ports, repository, comment, refused[0]) if refused else ""
    asked = [one for one in said if one.name in _COMMANDS]
    if not asked:
        return ""
    came = [(one, _once(ports, repository, comment, place, one)) for place, one in enumerate(asked[:MOST])]
    parts = [_begins(comment), "\n".join(_item(one, words) for one, words in came)]
    if len(asked) > MOST:
        parts.append(f"Only the first {MOST} commands of a comment are heard.")
    with ports.ledger.read() as connection:
        return markdown.joined([*parts, _moved(connection, repository, comment)])


def with_runs(
    connection: Connection, repository: RepositoryRow, comment: Comment, reply: str, lines: Sequence[Line]
) -> str:
    """The answer to a comment with what became of the triggers that it asked for by commands of their own."""
    if not lines:
        return reply
    items = "\n".join(f"- {line.markdown}" for line in lines)
    if reply:
        return markdown.joined([reply, "Of the triggers that name a command:", items])
    return markdown.joined([_begins(comment), items, _moved(connection, repository, comment)])


def _begins(comment: Comment) -> str:
    return f"At commit {answers.at(comment.head)}, as {_said_by(comment)} asked for:"


def rerun(
    ports: Ports, repository: RepositoryRow, head: str, context: str, who_id: str, who: str, may_write: bool
) -> str:
    """The button of a check, or with an empty `context` of all of a commit; in plain words what was done.

    Pressed twice it begins once, since what is running does not begin again.
    """
    asker = _presser(repository, head, context, who_id, who)
    if not may_write:
        return f"{asker.shown} may not write to the repository: nothing was done"
    act = answers.rerun(ports, repository, head, context, asker)
    with ports.ledger.write() as connection:
        now = ports.clock()
        lines = act.perform(connection, now)
        if any(line.command for line in lines):
            _answer_press(connection, repository, head, context, asker, lines, now)
    return _pressed(head, lines)


def stop(
    ports: Ports, repository: RepositoryRow, head: str, context: str, who_id: str, who: str, may_write: bool
) -> str:
    """The button that ends what a check has started; in plain words what was done. Pressed again it finds nothing to end."""
    asker = _presser(repository, head, context, who_id, who)
    if not may_write:
        return f"{asker.shown} may not write to the repository: nothing was done"
    name = context.removeprefix(f"{ports.settings.prefix}/")
    act = answers.cancel(ports, repository, head, name, asker)
    with ports.ledger.write() as connection:
        lines = act.perform(connection, ports.clock())
    return _pressed(head, lines)


def _presser(repository: RepositoryRow, head: str, context: str, who_id: str, who: str) -> Asker:
    return at_forge(repository.forge, who_id, who, f"the button {context or 'of all'} at {short(head)}")


def _answer_press(
    connection: Connection,
    repository: RepositoryRow,
    head: str,
    context: str,
    asker: Asker,
    lines: Sequence[Line],
    now: datetime,
) -> None:
    """Say below the pull requests of a commit, once, what somebody has to write instead; and the checks once more.

    A forge shows a check as queued as soon as the button was pressed, and nothing else would tell why it stays so.
    """
    items = "\n".join(f"- {line.markdown}" for line in lines)
    text = (
        f"{markdown.text(asker.shown)} pressed the button of a check at commit {answers.at(head)}:\n\n{items}"
    )
    for number in sorted(ledger_events.pull_requests_at(connection, repository.id, [head])):
        pull = approved.newest(connection, repository.id, number)
        if pull is not None and pull.head == head:
            replies.say(connection, repository.id, number, f"press {number} at {head}", text, now)
    for row in outbox.of_commit(connection, repository.id, head):
        if row.said and context in ("", row.context):
            outbox.compared(connection, row.id, now, {**row.said, "digest": "", "word": ""})


def _pressed(head: str, lines: Sequence[Line]) -> str:
    return f"{short(head)}: " + "; ".join(line.plain for line in lines)


def _tidy(one: Spoken) -> Spoken:
    """Names are written with and without marks of code around them."""
    return Spoken(one.name, " ".join(one.arguments.replace("`", " ").split()))


def _refusal(ports: Ports, repository: RepositoryRow, comment: Comment, one: Spoken) -> str:
    """What a person without rights reads, once in a while below a pull request: else anybody could let us write without end."""
    key = events.clip(f"refused below {comment.number}: {comment.author_id or comment.author}")
    with ports.ledger.write() as connection:
        if not replies.refuse(connection, repository.id, key, comment.key, ports.clock()):
            return ""
    who = markdown.code(comment.author)
    return (
        f"{who} may not write to this repository, so nothing was done for {_command(one)}{_when(comment)}. Somebody who may "
        "can write the same. More of it from the same account gets no answer here for an hour."
    )


def _said_by(comment: Comment) -> str:
    return f"{markdown.text(markdown.clip(comment.author, 60))}{_when(comment)}"


def _when(comment: Comment) -> str:
    """By the minute, which tells the comments of one person apart."""
    return f" of {markdown.text(comment.at[:16].replace('T', ' '))} UTC" if comment.at else ""


def _once(ports: Ports, repository: RepositoryRow, comment: Comment, place: int, one: Spoken) -> str:
    """What a command came to: kept from before, or done now."""
    key = events.clip(f"{place} {comment.key}")
    with ports.ledger.write() as connection:
        begun, kept = replies.begin_part(connection, repository.id, key, ports.clock())
    if kept is not None:
        return kept
    who = at_forge(repository.forge, comment.author_id, comment.author, f"comment {comment.key} line {place}")
    came = _COMMANDS[one.name](_Case(ports, repository, comment, one.arguments, who, begun))
    with ports.ledger.write() as connection:
        if isinstance(came, Act):
            came = _lines(came.perform(connection, ports.clock()))
        replies.end_part(connection, repository.id, key, came)
    log.info("command", repository=repository.name, command=one.name, who=who.account, number=comment.number)
    return came


def _lines(lines: list[Line]) -> str:
    if len(lines) == 1:
        return lines[0].markdown
    return "\n".join(f"  - {line.markdown}" for line in lines)


def _item(one: Spoken, words: str) -> str:
    """A command with its answer, as an item of a list; an answer of several paragraphs or lines stands below it."""
    command = _command(one)
    if "\n" not in words:
        return f"- {command}: {words}"
    below = words if words.startswith("  - ") else "\n".join(f"  {line}" for line in words.split("\n"))
    return f"- {command}:\n{below}"


def _command(one: Spoken) -> str:
    return markdown.code(f"/{one.name} {one.arguments}".rstrip())


def _moved(connection: Connection, repository: RepositoryRow, comment: Comment) -> str:
    pull = approved.newest(connection, repository.id, comment.number)
    if pull is None or pull.head == comment.head:
        return ""
    return f"The pull request has moved on to {answers.at(pull.head)} since; for that commit it has to be said again."


def _retest(case: _Case) -> Act:
    head, number = case.comment.head, case.comment.number
    return answers.retest(case.ports, case.repository, head, case.arguments, case.who, number)


def _cancel(case: _Case) -> Act:
    head, number = case.comment.head, case.comment.number
    return answers.cancel(case.ports, case.repository, head, case.arguments, case.who, number)


def _explain(case: _Case) -> str:
    return _lines(answers.explain(case.ports, case.repository, case.comment.head, case.comment.number))


def _approve(case: _Case) -> str:
    if not case.arguments:
        line = markdown.code(f"/approve {case.comment.head}")
        return f"name the whole commit that you have looked at, since it alone is approved: {line}"
    # Ids are copied from places that show them in capitals; what is no whole id is refused as it was written.
    lower = case.arguments.lower()
    sha = lower if trust.is_full(lower) else case.arguments
    return pull_trust.approve(case.ports, case.repository, case.comment, sha)


def _promote(case: _Case) -> str:
    match case.arguments.split():
        case [model, stage]:
            wish = Wish(model, stage, case.comment.head, case.begun, case.comment.number)
        case _:
            return f"name a model and a stage: {markdown.code('/promote MODEL STAGE')}"
    came = promoting.promote(case.ports, case.repository, wish, case.who)
    if came.tag:
        return f"the tag {markdown.code(came.tag, 300)} is pushed; it {markdown.text(came.words)}"
    return "no tag was made: " + Line(came.words, command=came.command).markdown


def _help(case: _Case) -> str:
    return _lines([Line(words, line) for line, words in HELP.items()])


_COMMANDS: dict[str, Callable[[_Case], Act | str]] = {
    "retest": _retest,
    "cancel": _cancel,
    "approve": _approve,
    "explain": _explain,
    "promote": _promote,
    "help": _help,
}
