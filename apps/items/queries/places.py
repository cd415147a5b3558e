"""Reading the pickup places of managers."""

from uuid import UUID

from django.db.models import QuerySet

from apps.items.errors import PlaceNotFoundError
from apps.items.models import PickupPlace


def list_places(*, manager_id: UUID) -> QuerySet[PickupPlace]:
    """List a manager's pickup places by name."""
    return PickupPlace.objects.filter(manager_id=manager_id).order_by("name", "id")


def get_place(*, place_id: UUID, manager_id: UUID) -> PickupPlace:
    """Return a manager's pickup place.

    :raises PlaceNotFoundError: if there is no such place, or it is another's
    """
    place = list_places(manager_id=manager_id).filter(id=place_id).first()
    if place is None:
        raise PlaceNotFoundError
    return place
