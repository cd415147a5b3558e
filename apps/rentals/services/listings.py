"""Keeping rentals' copy of the catalogue, and publishing what has changed for open rentals."""

from datetime import datetime
from uuid import UUID

from apps.items.contracts import ItemDetails, ItemSnapshot
from apps.rentals import domain, queries
from apps.rentals.events import RentalItemChanged
from apps.rentals.models import Listing, ListingManager, ListingVersion
from apps.rentals.services import transitions
from gdmarket import databases

_TERMS = tuple(name for name in domain.TERMS if name != "description")
_COPIED = ("manager_id", "name", "daily_price", "currency", "version")


def upsert_listing(*, item: ItemSnapshot) -> None:
    """Create or update the copy of an item; a version that is not newer changes nothing.

    Where the event carries no description it is that of the version before.
    """
    values = {name: getattr(item, name) for name in _COPIED} | {"withdrawn": item.state == "withdrawn", "paused": item.state == "paused"}
    with databases.transaction_for("rentals"):
        listing, created = Listing.objects.select_for_update(no_key=True).get_or_create(item_id=item.item_id, defaults=values)
        if not created and listing.version >= item.version:
            return
        if not created:
            Listing.objects.filter(item_id=item.item_id).update(**values)
        if item.state != "withdrawn":  # nobody can rent an item at the version by which it was withdrawn
            _record_version(item)


def backfill_listing_version(*, item: ItemDetails) -> None:
    """Record what an item is for a listing that a version of the product wrote which did not know of that."""
    upsert_listing(item=item)
    with databases.transaction_for("rentals"):
        listing, _ = transitions.lock_listing(item_id=item.item_id)
        is_known = queries.find_version(item_id=item.item_id, version=item.version) is not None
        if not is_known and listing.version == item.version and not listing.withdrawn:
            _record_version(item)


def set_suspended(*, manager_id: UUID, is_suspended: bool, version: int) -> None:
    """Take no more requests for a manager's items, or take them again; a version that is not newer changes nothing."""
    values = {"is_suspended": is_suspended, "version": version}
    with databases.transaction_for("rentals"):
        _, created = ListingManager.objects.get_or_create(manager_id=manager_id, defaults=values)
        if not created:
            ListingManager.objects.filter(manager_id=manager_id, version__lt=version).update(**values)


def _record_version(item: ItemSnapshot) -> None:
    """Record the newest version of an item, whose listing is locked, and publish what differs for its open rentals."""
    previous = queries.find_newest_version(item_id=item.item_id)
    description: str | None = getattr(item, "description", None)
    if description is None:
        if previous is None or previous.version != item.version - 1:
            return  # A version is missing: the next `migrate` or `catch_up` fills it in, by `backfill_listing_version`.
        description = previous.description
    current = ListingVersion(
        item_id=item.item_id, version=item.version, description=description, **{name: getattr(item, name) for name in _TERMS}
    )
    current.save(force_insert=True)
    if previous is None:
        return
    if domain.changed_terms(agreed=previous, current=current):
        _publish_item_change(current, now=item.occurred_at)
    if not queries.is_agreed(version=previous):
        previous.delete()


def _publish_item_change(current: ListingVersion, *, now: datetime) -> None:
    rentals = queries.list_holding(item_ids=[current.item_id]).filter(item_version__isnull=False).select_for_update(no_key=True)
    versions = queries.list_agreed_versions(item_id=current.item_id)
    for rental in rentals:
        agreed = versions.get(rental.item_version)
        if agreed is None or not domain.tells_of_changes(version=rental.version, is_changed=rental.item_changed_at is not None):
            continue
        changed = domain.changed_terms(agreed=agreed, current=current)
        rental.item_changed_at = now if changed else None
        transitions.save_and_publish(rental, RentalItemChanged, now=now, changed=",".join(changed))
