"""Which commits a delivery names. Only the forge's word: what is true of a ref, an observation says."""

from collections.abc import Iterator

from controller.core.events import BRANCHES, pull_ref
from forges.port import Delivery
from schemas.values import NULL_SHA


def named(delivery: Delivery) -> Iterator[tuple[str, str]]:
    """(ref, commit): both ends of a branch's push, what a queue would merge, and the head of an open pull request.

    Where the delivery before it was lost, nothing but the earlier end names what that one brought.
    """
    ref = delivery.ref or ""
    if delivery.event == "push" and ref.startswith(BRANCHES):
        ends = (delivery.before, delivery.after)
        yield from ((ref, sha) for sha in ends if sha and sha != NULL_SHA)
    if delivery.queue is not None and delivery.queue.action == "requested":
        yield delivery.queue.head_ref, delivery.queue.head
    if delivery.pull is not None and delivery.pull.open:
        yield pull_ref(delivery.pull.number), delivery.pull.head
