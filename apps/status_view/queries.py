"""Reading the view: whose rows, one or many. A stub (`version` 0) has neither manager nor renter and so is never among anybody's."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.status_view import domain
from apps.status_view.errors import ItemStatusNotFoundError, RentalStatusNotFoundError
from apps.status_view.models import ItemStatus, RentalStatus

# A row as a dict of its columns: what the hot read needs, without building a model.
Items = QuerySet[ItemStatus, dict[str, Any]]
Rentals = QuerySet[RentalStatus, dict[str, Any]]


def list_open_rentals(*, item_id: UUID) -> Rentals:
    """Return the rentals that hold an item."""
    return RentalStatus.objects.filter(item_id=item_id, state__in=domain.OPEN).order_by("id").values()


def list_items(*, manager_id: UUID, q: str = "", **equal: object) -> Items:
    """Return a manager's items; `q` is looked for in name, category and place, other columns are compared as they are."""
    items = ItemStatus.objects.filter(manager_id=manager_id, **equal)
    if q:
        items = items.filter(Q(name__icontains=q) | Q(category__icontains=q) | Q(place__icontains=q))
    return items.values()


def get_item(*, item_id: UUID, manager_id: UUID) -> dict[str, Any]:
    """Return one of a manager's items.

    :raises ItemStatusNotFoundError: if there is none, or it is another's
    """
    row = ItemStatus.objects.filter(pk=item_id, manager_id=manager_id).values().first()
    if row is None:
        raise ItemStatusNotFoundError(item=str(item_id))
    return row


def list_rentals(*, person_id: UUID, role: str | None = None, **equal: object) -> Rentals:
    """Return the rentals a person is the renter or the manager of, or only those in one `role`; other columns are compared as they are."""
    return RentalStatus.objects.filter(_is_party(person_id=person_id, role=role), **equal).values()


def get_rental(*, rental_id: UUID, person_id: UUID) -> dict[str, Any]:
    """Return one rental to its renter or manager.

    :raises RentalStatusNotFoundError: if there is none, or it is others'
    """
    row = RentalStatus.objects.filter(_is_party(person_id=person_id), pk=rental_id).values().first()
    if row is None:
        raise RentalStatusNotFoundError(rental=str(rental_id))
    return row


def _is_party(*, person_id: UUID, role: str | None = None) -> Q:
    as_renter, as_manager = Q(renter_id=person_id), Q(manager_id=person_id)
    return {"renter": as_renter, "manager": as_manager}.get(role or "", as_renter | as_manager)
