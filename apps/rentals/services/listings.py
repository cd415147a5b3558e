"""Keeping rentals' copy of the catalogue."""

from uuid import UUID

from apps.rentals.models import Listing
from gdmarket import databases


def upsert_listing(*, item_id: UUID, manager_id: UUID, name: str, daily_price: int, currency: str, withdrawn: bool, version: int) -> None:
    """Create or update the copy of an item; a `version` that is not newer changes nothing."""
    values = {
        "manager_id": manager_id,
        "name": name,
        "daily_price": daily_price,
        "currency": currency,
        "withdrawn": withdrawn,
        "version": version,
    }
    with databases.transaction_for("rentals"):
        listing, created = Listing.objects.select_for_update(no_key=True).get_or_create(item_id=item_id, defaults=values)
        if not created and listing.version < version:
            Listing.objects.filter(item_id=item_id).update(**values)
