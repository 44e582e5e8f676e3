"""What served under the name that a repository had before: it is ended once the same serves under the new name."""

from controller.ports import Ports
from ledger import repositories


def before(ports: Ports, address: str, repository: str, rest: str) -> str:
    """The repository's name in the address at which something served last, if it is another one now; else nothing.

    `rest` is what follows the repository in the address. A name that another repository has taken since is left alone.
    """
    if not address.endswith(f"/{rest}"):
        return ""
    old = address.removesuffix(f"/{rest}").rpartition("/")[2]
    if old in ("", repository):
        return ""
    with ports.ledger.read() as connection:
        return "" if repositories.by_name(connection, old) else old
