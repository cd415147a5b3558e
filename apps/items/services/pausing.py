"""Pausing items, which are then offered to nobody, and resuming them."""

from datetime import datetime
from uuid import UUID

from apps.items import services
from apps.items.domain import ItemState
from apps.items.events import ItemPaused, ItemResumed
from apps.items.models import Item
from gdmarket import bus, databases
from gdmarket.contracts import build


def pause_item(*, item_id: UUID, by: UUID, now: datetime) -> Item:
    """Offer an own item to nobody until it is resumed; one that is paused is returned unchanged.

    Rentals that were requested go on, also one of which items hears only after this.
    :raises ItemNotFoundError: if there is no such item, it was withdrawn, or it is another's
    """
    return _set_state(item_id, by=by, state=ItemState.PAUSED, fact=ItemPaused, now=now)


def resume_item(*, item_id: UUID, by: UUID, now: datetime) -> Item:
    """Offer an own item again; one that is not paused is returned unchanged.

    :raises ItemNotFoundError: if there is no such item, it was withdrawn, or it is another's
    """
    return _set_state(item_id, by=by, state=ItemState.LISTED, fact=ItemResumed, now=now)


def _set_state(item_id: UUID, *, by: UUID, state: ItemState, fact: type[ItemPaused | ItemResumed], now: datetime) -> Item:
    with databases.transaction_for("items"):
        item = services.lock_own_item(item_id=item_id, by=by)
        if item.state == state:
            return item
        item.state = state
        item.version += 1
        item.updated_at = now
        item.save(update_fields=["state", "version", "updated_at"])
        bus.publish(build(fact, item, item_id=item_id, occurred_at=now), stream=services.stream_of(item_id=item_id))
    return item
