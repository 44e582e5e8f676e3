"""The web side's application: pages and everything that brings something in, on one address."""

from flask import Flask

from dashboard.app import blueprint as pages
from dashboard.parts import DashboardParts
from forges.port import Forge
from ledger import agents
from luotsi import installation, logs, supervise, wiring
from luotsi.installation import Installation
from queues import wake
from queues.connection import connect
from schemas.values import Secret
from webhooks.app import blueprint as ear
from webhooks.parts import WebParts


def create() -> Flask:
    """Build the application from the settings file that LUOTSI_SETTINGS names. Run by each granian worker."""
    logs.configure("web")
    supervise.end_with_server()
    return build(installation.opened(None))


def build(opened: Installation) -> Flask:
    """Build the application of an installation."""
    writing = wiring.ledger(opened)
    wiring.record_agents(opened, writing)
    with writing.write() as connection:
        agents.web_started(connection, writing.now())
    redis = connect(opened.redis_url())
    stores = wiring.open_stores(opened)
    app = Flask("luotsi", static_folder=None)
    app.register_blueprint(
        pages(
            DashboardParts(
                ledger=wiring.ledger(opened, read_only=True),
                stores=stores,
                redis=redis,
                name=opened.settings.get("name", default="Luotsi"),
                alive_seconds=opened.lease,
            )
        )
    )
    app.register_blueprint(
        ear(
            WebParts(
                ledger=writing,
                stores=stores,
                forge=lambda name: _forge(opened, name),
                wake=lambda: wake.wake(redis),
                secrets=lambda attempt: {},
                objects_secret=Secret(opened.workspace.secret("objects")),
                clock=writing.now,
                lease=opened.lease,
            )
        )
    )
    return app


def _forge(opened: Installation, name: str) -> Forge | None:
    """The forge that checks a repository's deliveries: plain git with the secrets of the settings."""
    import forges

    entry = next((r for r in opened.settings.get("repositories", default=[]) if r["name"] == name), None)
    if entry is None:
        return None
    secrets = entry.get("secrets") or [opened.workspace.secret(f"hook-{name}")]
    return forges.load("bare", {"secrets": secrets})
