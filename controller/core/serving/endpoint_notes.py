"""What an endpoint asks of a cluster that the local one does not have: it changes nothing, and the build's log says so."""

from typing import Any

ASKED = {
    "resources": "resources",
    "node-selector": "node_selector",
    "tolerations": "tolerations",
    "shared-volumes": "shared_volumes",
    "workspace-volume": "workspace_volume",
}
"""Field of the file -> attribute of the official object."""


def notes(endpoint: Any) -> list[str]:
    """One sentence that names all of them; none where the endpoint asks for nothing of the kind."""
    asked = [field for field, attribute in ASKED.items() if _is_asked(getattr(endpoint, attribute, None))]
    if not asked:
        return []
    return [
        f"`{'`, `'.join(asked)}` of the endpoint {endpoint.name}: ignored, the local cluster is one machine"
    ]


def _is_asked(value: Any) -> bool:
    """Resources that say nothing are an object all the same."""
    return bool(value.serialize()) if hasattr(value, "serialize") else bool(value)
