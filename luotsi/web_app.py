"""The web side's application: pages and everything that brings something in, on one address."""

import secrets
from collections.abc import Callable, Mapping
from functools import partial

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

import forges
from controller.triggering import origins
from dashboard.app import blueprint as pages
from dashboard.parts import DashboardParts, Notice
from forges.port import Forge
from ledger import agents, owed, pull_approvals
from ledger import in_use as ledger_in_use
from ledger.attempts import AttemptRow
from ledger.database import Ledger
from luotsi import in_use, installation, logs, supervise, wiring
from luotsi.beside import Beside
from luotsi.installation import Installation
from luotsi.reloading import Latest, Reloading
from queues.connection import connect
from schemas.errors import LuotsiError
from schemas.values import Secret
from webhooks.app import blueprint as ear
from webhooks.front import Front
from webhooks.parts import WebParts

log = structlog.get_logger()


def front() -> Front:
    """The application of `create`, as granian serves it."""
    app = create()
    return Front(app, app.config["THREADS"])


def create() -> Flask:
    """Build the application from the settings file that LUOTSI_SETTINGS names. Run by each worker of a server."""
    logs.configure("web")
    supervise.end_with_server()
    return build(installation.opened(None))


def build(opened: Installation, reloading: Reloading | None = None) -> Flask:
    """Build the application of an installation. `reloading`: its settings as they are by now."""
    writing = wiring.ledger(opened)
    wiring.record_agents(opened, writing)
    with writing.write() as connection:
        agents.web_started(connection, writing.now())
    redis = connect(opened.redis_url())
    beside = Beside(connect(opened.redis_url(), timeout=3.0))
    stores = wiring.open_stores(opened)
    reloading = reloading or Reloading(opened)
    hooks, named = Latest(reloading, _of_repositories), Latest(reloading, _of_forges)
    app = Flask("luotsi", static_folder=None)
    app.config["THREADS"] = int(opened.settings.get("web", "threads", default=64))
    app.before_request(_recording(Latest(reloading, lambda now: wiring.record_agents(now, writing))))
    app.register_blueprint(
        pages(
            DashboardParts(
                ledger=wiring.ledger(opened, read_only=True),
                stores=stores,
                redis=redis,
                name=opened.settings.get("name", default="Luotsi"),
                alive_seconds=opened.lease,
                notices=partial(_notices, reloading, writing),
            )
        )
    )
    app.register_blueprint(
        ear(
            WebParts(
                ledger=writing,
                stores=stores,
                forge=_as_now(hooks),
                named_forge=_as_now(named),
                wake=beside.wake,
                answered=beside.answered,
                answers=beside.answers,
                secrets=lambda attempt: _secrets(reloading.current, writing, attempt),
                objects_secret=Secret(opened.workspace.secret("objects")),
                clock=writing.now,
                lease=opened.lease,
                threads=app.config["THREADS"],
            )
        )
    )
    return app


def _as_now(known: Latest[Callable[[str], Forge | None]]) -> Callable[[str], Forge | None]:
    def forge(name: str) -> Forge | None:
        return known.get()(name)

    return forge


def _recording(agents_of: Latest[None]) -> Callable[[], None]:
    """Before a request: agents that the settings name by now are known. What keeps the ledger from it is tried again."""

    def record() -> None:
        try:
            agents_of.get()
        except (LuotsiError, SQLAlchemyError) as error:
            log.warning("the agents of the settings cannot be recorded", reason=str(error))

    return record


def _notices(reloading: Reloading, ledger: Ledger) -> tuple[Notice, ...]:
    """What everybody should know who looks at the pages: of what the controller holds, and of this process's own settings."""
    with ledger.read() as connection:
        held = ledger_in_use.held(connection)
        at_forges = owed.unheard(connection)
    opened, found = reloading.current, []
    if reason := in_use.maintenance(opened, held):
        found.append(
            Notice("maintenance", f"Maintenance: {reason}. What comes in is kept, and nothing new starts.")
        )
    if difference := in_use.difference(opened, held):
        found.append(Notice("trouble", difference))
    if trouble := in_use.trouble(held):
        found.append(Notice("trouble", trouble))
    if reloading.trouble and (held is None or held.trouble != reloading.trouble):
        found.append(Notice("trouble", f"The settings have changed and are not in use: {reloading.trouble}"))
    found += [Notice("trouble", words) for words in at_forges]
    return tuple(found)


def _secrets(opened: Installation, ledger: Ledger, attempt: AttemptRow) -> Mapping[str, Secret]:
    """The secrets of the variable groups that the step names, as far as the settings give them to such a run now.

    Untrusted code gets those only that its approval grants.
    """
    groups = opened.variable_groups()
    with ledger.read() as connection:
        named = pull_approvals.groups_for(
            connection, attempt.execution_id, attempt.spec, lambda name: _grants(opened, name)
        )
        withheld = origins.withheld(connection, attempt.execution_id, attempt.spec, groups)
    for name, why in withheld.items():
        log.warning("a variable group is withheld", execution=attempt.execution_id, group=name, why=why)
    found: dict[str, Secret] = {}
    for name in named:
        if name in groups and name not in withheld:
            found |= groups[name].secrets
    return found


def _grants(opened: Installation, repository: str) -> tuple[str, ...]:
    """The groups that the settings grant now to approved runs of a repository's pull requests."""
    return next((one.pulls.grants for one in opened.repositories() if one.name == repository), ())


def _of_repositories(opened: Installation) -> Callable[[str], Forge | None]:
    """The forge that checks a repository's look-now deliveries: plain git, with the secrets of the settings."""
    given = {entry["name"]: entry for entry in opened.settings.get("repositories", default=[])}
    known = {
        name: forges.load(
            "bare", {"secrets": entry.get("secrets") or [opened.workspace.secret(f"hook-{name}")]}
        )
        for name, entry in given.items()
    }
    nobody = _nobody("bare")
    return lambda name: known.get(name, nobody)


def _of_forges(opened: Installation) -> Callable[[str], Forge | None]:
    """The forge that checks the deliveries which come under its name."""
    entries = opened.forges()
    known = {
        name: forges.load(entry.kind, {"secrets": list(entry.secrets)}) for name, entry in entries.items()
    }
    nobody = _nobody(next((entry.kind for entry in entries.values()), "bare"))
    return lambda name: known.get(name, nobody)


def _nobody(kind: str) -> Forge:
    """What stands for every name that is not there. It refuses like the others, and after as much work: from an answer,
    or from how long it took, nobody learns which names there are."""
    return forges.load(kind, {"secret": Secret(secrets.token_urlsafe(32))})
