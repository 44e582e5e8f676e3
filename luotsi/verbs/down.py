"""`luotsi down`: ends the endpoints that an ended `luotsi up` left."""

from pathlib import Path

import click

from luotsi import endpoints, in_use, terminal, tree
from luotsi.options import settings_option
from schemas.errors import Stalled


@click.command("down")
@settings_option
def command(settings: Path | None) -> None:
    """End the endpoints that go on when `luotsi up` has ended. The next `luotsi up` starts them again.

    luotsi down
    """
    opened = in_use.opened(settings)
    tree.refuse_a_second(opened)
    ended, left = endpoints.end(opened)
    if left:
        raise Stalled(
            f"{', '.join(left)} did not end in {endpoints.PATIENCE:.0f} s",
            "Try again: what does not leave is killed.",
        )
    terminal.say(f"Ended: {', '.join(ended)}." if ended else "No endpoint runs.")
