"""Puts the ear together: one blueprint with the hooks, the agents' API, the signed objects of folder stores, and metrics."""

from flask import Blueprint

from webhooks import faults
from webhooks.agents_api import AgentsApi
from webhooks.bodies import Bodies
from webhooks.hooks import Hooks
from webhooks.metrics import Metrics
from webhooks.objects import Objects
from webhooks.parts import WebParts

__all__ = ["WebParts", "blueprint"]


def blueprint(parts: WebParts) -> Blueprint:
    """All routes that bring something in. It may be registered on the same app as the dashboard."""
    made = Blueprint("webhooks", __name__)
    bodies = Bodies(parts.threads)
    Hooks(parts, bodies).route(made)
    AgentsApi(parts, bodies).route(made)
    Objects(parts, bodies).route(made)
    Metrics(parts).route(made)
    faults.install(made)
    return made
