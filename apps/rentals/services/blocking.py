"""Blocking periods of an item, as for a repair, and lifting such a block.

Requests and blocks of an item take the lock of its listing, each before it looks at the other's: of two that race, one is refused.
"""

from datetime import datetime
from typing import TypeVar
from uuid import UUID

from apps.rentals import domain, queries
from apps.rentals.domain import RentalParty
from apps.rentals.errors import AlreadyBlockedError, BlockNotFoundError, ItemWithdrawnError, NotTheManagerError, PeriodRentedError
from apps.rentals.events import PeriodBlocked, PeriodUnblocked
from apps.rentals.models import Block
from apps.rentals.queries import blocks
from apps.rentals.services import transitions
from gdmarket import bus, databases
from gdmarket.contracts import build

_Fact = TypeVar("_Fact", PeriodBlocked, PeriodUnblocked)


def block_period(
    *,
    block_id: UUID,
    item_id: UUID,
    by: UUID,
    as_operator: bool = False,
    starts_at: datetime,
    ends_at: datetime,
    reason: str = "",
    now: datetime,
) -> Block:
    """Block a period of an own item: nobody rents it then. The same `block_id` again returns the block it made.

    :raises ListingNotFoundError: if rentals has no listing of the item
    :raises NotTheManagerError: if the item is another manager's
    :raises ItemWithdrawnError: if it was withdrawn
    :raises InvalidError: if the period is reversed, over, or ends more than a year from now
    :raises PeriodRentedError: if a rental holds the item in a part of the period
    :raises AlreadyBlockedError: if a part of it is blocked
    """
    with databases.transaction_for("rentals"):
        listing, _ = transitions.lock_listing(item_id=item_id)
        party = _party(by, manager_id=listing.manager_id, as_operator=as_operator)
        if existing := Block.objects.filter(id=block_id, item_id=item_id).first():
            return existing
        if listing.withdrawn:
            raise ItemWithdrawnError
        start, end = domain.blocked_period(starts_at=starts_at, ends_at=ends_at, now=now)
        _check_free(item_id, starts_at=start, ends_at=end, now=now)
        block = Block(
            id=block_id,
            item_id=item_id,
            manager_id=listing.manager_id,
            starts_at=start,
            ends_at=end,
            reason=reason,
            blocked_by=by,
            created_at=now,
        )
        block.save(force_insert=True)
        listing.blocked_until = max(listing.blocked_until or end, end)
        listing.save(update_fields=["blocked_until"])
        _publish(PeriodBlocked, block, version=1, party=party, now=now)
    return block


def unblock_period(*, block_id: UUID, by: UUID, as_operator: bool = False, now: datetime) -> None:
    """Lift a block of an own item.

    :raises BlockNotFoundError: if there is none, it was lifted, or it is another manager's
    """
    item_id = blocks.get_block(block_id=block_id).item_id
    with databases.transaction_for("rentals"):
        listing, _ = transitions.lock_listing(item_id=item_id)
        block = blocks.get_block(block_id=block_id)
        try:
            party = _party(by, manager_id=listing.manager_id, as_operator=as_operator)
        except NotTheManagerError as anothers:
            raise BlockNotFoundError from anothers
        _publish(PeriodUnblocked, block, version=2, party=party, now=now)
        block.delete()


def _party(by: UUID, *, manager_id: UUID, as_operator: bool) -> RentalParty:
    if by == manager_id:
        return RentalParty.MANAGER
    if as_operator:
        return RentalParty.OPERATOR
    raise NotTheManagerError


def _check_free(item_id: UUID, *, starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Refuse a period that a rental holds or that is blocked; the item's listing is locked."""
    if rental := queries.find_holding_within(item_id=item_id, starts_at=starts_at, ends_at=ends_at, now=now):
        raise PeriodRentedError(rental=str(rental.id))
    if block := blocks.find_block(item_id=item_id, starts_at=starts_at, ends_at=ends_at):
        raise AlreadyBlockedError(block=str(block.id))


def _publish(fact: type[_Fact], block: Block, *, version: int, party: RentalParty, now: datetime) -> None:
    told = build(fact, block, block_id=block.id, version=version, stated_by=party.value, occurred_at=now)
    bus.publish(told, stream=f"block:{block.id}")
