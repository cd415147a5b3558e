"""Rentals as rows of a table."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext

from apps.accounts import facade as accounts
from apps.rentals.models import Rental
from apps.rentals.queries import renters
from apps.rentals.queries.reasons import say_reason
from gdmarket.sheets import Cell


class RentalTable:
    """Rentals as rows; headings, states and reasons are in the language that is active when it is made."""

    order: Sequence[str] = ("-requested_at", "-id")

    def __init__(self, *, with_managers: bool) -> None:
        """Leave the managers out of a manager's own table."""
        self._with_managers = with_managers
        self.headings: Sequence[str] = [
            *("id", gettext("item"), gettext("renter"), gettext("state"), gettext("from"), gettext("to")),
            *(gettext("price"), gettext("in cash"), gettext("requested at"), gettext("paid at"), gettext("handed over at")),
            *(gettext("returned at"), gettext("closed at"), gettext("cancelled by"), gettext("reason"), "item id"),
            *([gettext("item manager")] if with_managers else []),
        ]
        fields: Any = Rental._meta  # noqa: SLF001  # Django documents it
        self._labels = {name: {value: str(label) for value, label in fields.get_field(name).choices} for name in ("state", "cancelled_by")}
        self._yes = gettext("yes")

    def rows_of(self, rentals: Sequence[Rental]) -> Iterator[Sequence[Cell]]:
        """Yield the rows of a page of rentals; the people's names are read at once."""
        names = renters.list_renter_names(renter_ids={rental.renter_id for rental in rentals})
        people = {}
        if self._with_managers:
            people = {person.id: person.display_name for person in accounts.list_people(user_ids={rental.manager_id for rental in rentals})}
        for rental in rentals:
            yield [
                str(rental.id),
                rental.item_name,
                names.get(rental.renter_id, str(rental.renter_id)),
                self._labels["state"][rental.state],
                *(rental.starts_at, rental.ends_at, rental.price, self._yes if rental.in_cash else ""),
                *(rental.requested_at, rental.paid_at, rental.handed_over_at, rental.returned_at, rental.closed_at),
                self._labels["cancelled_by"].get(rental.cancelled_by, ""),
                *(say_reason(rental.cancel_reason), str(rental.item_id)),
                *([people.get(rental.manager_id, str(rental.manager_id))] if self._with_managers else []),
            ]
