"""Pins of images: the digest that an environment last resolved a name to."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ledger.tables import image_pins


def pin(connection: Connection, environment_id: str, image: str, digest: str, now: datetime) -> None:
    """An agent of the environment has resolved the name."""
    where = (image_pins.c.environment_id == environment_id) & (image_pins.c.image == image[:500])
    values = {"digest": digest, "resolved_at": now}
    if not connection.execute(update(image_pins).where(where).values(**values)).rowcount:
        connection.execute(
            insert(image_pins).values(environment_id=environment_id, image=image[:500], **values)
        )


def pinned(connection: Connection, environment_id: str, image: str) -> str | None:
    """What the name meant there last; None when no agent has resolved it."""
    found: str | None = connection.execute(
        select(image_pins.c.digest).where(
            image_pins.c.environment_id == environment_id, image_pins.c.image == image[:500]
        )
    ).scalar()
    return found
