"""The processes of one installation, in the order in which they start."""

from luotsi.installation import Installation
from luotsi.supervise import Part, Tree


def parts_of(opened: Installation) -> tuple[Part, ...]:
    """Web side first (agents and pages need it), then the gateway, the controller and the agents."""
    settings = ("--settings", str(opened.settings.file))
    parts = [Part("web", ("web", *settings))]
    if opened.gateway() is not None:
        parts.append(Part("gateway", ("gateway", *settings)))
    parts.append(Part("controller", ("controller", *settings)))
    for environment in opened.environments():
        for agent in environment.agents:
            arguments = ("agent", *settings, "--environment", environment.name, "--name", agent.name)
            parts.append(Part(f"agent-{environment.name}-{agent.name}", arguments))
    return tuple(parts)


def refuse_a_second(opened: Installation) -> None:
    """Raise `Stalled` when the workspace has a living tree: said before anything about its ports, which that tree holds."""
    Tree(opened.workspace, (), {}).refuse_a_second()


def tree_of(opened: Installation) -> Tree:
    """The tree of an installation, claimed but not started: Valkey runs, the ledger has its newest shape."""
    from luotsi import wiring

    tree = Tree(
        opened.workspace,
        parts_of(opened),
        {"LUOTSI_SETTINGS": str(opened.settings.file)},
        tend=opened.redis_url if opened.embedded_redis else None,
    )
    tree.claim()
    opened.workspace.signing_key()
    opened.environments()
    opened.redis_url()
    wiring.ledger(opened).close()
    return tree
