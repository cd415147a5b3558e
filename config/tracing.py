"""Which streams of events are about a thing or a person, for `bus trace`: each context names its own."""

from uuid import UUID

from apps.accounts import facade as accounts
from apps.items import facade as items
from apps.payments import facade as payments
from apps.rentals import facade as rentals
from gdmarket.bus.tracing import Traced

MOST_RENTALS = MOST_ITEMS = 50
WHAT = "the id of a rental, item, payment, refund or person, with hyphens or without; or an e-mail address"
"""What `find_streams` knows, for the command's help."""
_CUT = "Of its rentals only the newest are shown: ask for one by its id."


def find_streams(*, what: str) -> Traced | None:
    """Return the streams about an item, a rental, a payment, a refund or a person, by its id, or about a person by the e-mail address.

    A payment or refund leads to its rental, a rental to its payments, an item or a person to their newest rentals. None where `what` is
    neither an id nor the address of anybody; whether there is such a thing, the events tell.
    """
    thing_id = _id_of(what)
    if thing_id is None:
        return None
    paid = payments.find_rental(payment_or_refund_id=thing_id)
    rental_ids = rentals.list_ids_about(thing_id=paid or thing_id, limit=MOST_RENTALS + 1)
    shown = rental_ids[:MOST_RENTALS]
    streams = (
        *accounts.streams_of(user_id=thing_id),
        *items.list_streams_about(item_or_manager_id=thing_id, limit=MOST_ITEMS),
        *rentals.streams_of(rental_ids=shown),
        *payments.list_streams_about(payment_or_refund_id=thing_id, rental_ids=shown),
    )
    return Traced(streams=tuple(dict.fromkeys(streams)), note=_CUT if len(rental_ids) > MOST_RENTALS else "")


def _id_of(what: str) -> UUID | None:
    if "@" in what:
        person = accounts.find_person(email=what)
        return person.id if person else None
    try:
        return UUID(what)
    except ValueError:
        return None
