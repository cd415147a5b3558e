"""Keeping rentals' copy of the catalogue."""

from apps.items.contracts import ItemSnapshot
from apps.rentals.models import Listing
from gdmarket import databases

_COPIED = ("manager_id", "name", "daily_price", "currency", "version")


def upsert_listing(*, item: ItemSnapshot) -> None:
    """Create or update the copy of an item; a version that is not newer changes nothing."""
    values = {name: getattr(item, name) for name in _COPIED} | {"withdrawn": item.state == "withdrawn"}
    with databases.transaction_for("rentals"):
        listing, created = Listing.objects.select_for_update(no_key=True).get_or_create(item_id=item.item_id, defaults=values)
        if not created and listing.version < item.version:
            Listing.objects.filter(item_id=item.item_id).update(**values)
