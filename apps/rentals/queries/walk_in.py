"""What is asked before an item is booked at the desk."""

from uuid import UUID

from apps.rentals.models import Listing


def find_listing(*, item_id: UUID) -> Listing | None:
    """Return what rentals knows of an item, or None where it does not know it."""
    return Listing.objects.filter(item_id=item_id).first()
