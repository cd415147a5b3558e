"""Facts of a market in use, and the rows that `bus.publish` would write of them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from apps.items.events import ItemRegistered
from apps.payments.events import PaymentApproved
from apps.rentals.events import RentalExpired, RentalHandedOver, RentalRequested, RentalReturned
from bench import bulk
from gdmarket import correlation, ids
from gdmarket.bus import codec
from gdmarket.bus.models import Delivery, Event
from tests.unit.status_view.story import DAY, ItemTale, RentalTale, payment_fact

SUBSCRIBER = "status_view"
FACTS_A_RENTAL = 6
# So many stories go on side by side, step by step.
_AT_ONCE = 50
_MINUTE = timedelta(minutes=1)
_EVENT = (
    *("id", "stream", "version", "type", "schema", "payload"),
    *("correlation", "causation", "traceparent", "actor", "occurred_at"),
)
DELIVERY = ("event_id", "subscriber", "lane", "version", "not_before", "token", "attempts", "dead", "error")


def rental_story(*, item: ItemTale, renter_id: UUID, starts_at: datetime, requested_at: datetime, end: str) -> list[Any]:
    """Return the facts of a rental of one day up to the state `end`: requested, expired, paid, rented or returned."""
    due_at = requested_at + 15 * _MINUTE
    rental = RentalTale(item, renter_id=renter_id, starts_at=starts_at, requested_at=requested_at, payment_due_at=due_at)
    facts: list[Any] = [rental.then(RentalRequested, at=requested_at)]
    if end == "expired":
        facts.append(rental.then(RentalExpired, at=due_at, state="expired", closed_at=due_at))
    elif end != "requested":
        facts += _paid(rental, renter_id=renter_id, at=requested_at + _MINUTE)
    if end in {"rented", "returned"}:
        facts.append(rental.then(RentalHandedOver, at=starts_at, state="rented", handed_over_at=starts_at))
    if end == "returned":
        back_at = starts_at + DAY
        facts.append(rental.then(RentalReturned, at=back_at, state="returned", returned_at=back_at, closed_at=back_at))
    return facts


def _paid(rental: RentalTale, *, renter_id: UUID, at: datetime) -> list[Any]:
    payment_id = ids.uuid7()
    started, _, paid = rental.pays(payment_id, at=at)
    return [started, payment_fact(PaymentApproved, rental=rental, payment_id=payment_id, payer_id=renter_id, at=at), paid]


def registered(item: ItemTale, *, at: datetime) -> ItemRegistered:
    """Return the fact that begins an item's story."""
    return item.then(ItemRegistered, at=at)


def rentals(*, items: Sequence[ItemTale], rentals: int) -> Iterator[Any]:
    """Yield the facts of so many rentals from now on, item by item in turn, from request to return, as they go on side by side."""
    now = datetime.now(UTC)
    return side_by_side(
        rental_story(
            item=items[number % len(items)],
            renter_id=ids.uuid7(),
            starts_at=now + DAY * (number // len(items)),
            requested_at=now,
            end="returned",
        )
        for number in range(rentals)
    )


def side_by_side(stories: Iterable[list[Any]]) -> Iterator[Any]:
    """Yield the facts of many stories as a busy market would tell them: one step of each, then the next of each."""
    left = iter(stories)
    while at_once := list(islice(left, _AT_ONCE)):
        for step in range(max(map(len, at_once))):
            yield from (story[step] for story in at_once if step < len(story))


def stream_of(fact: Any) -> tuple[str, int]:
    """Return the stream a fact stands in, and its place there: these stories have one fact a payment, and one an item."""
    if isinstance(fact, ItemRegistered):
        return f"item:{fact.item_id}", 1
    if isinstance(fact, PaymentApproved):
        return f"payment:{fact.payment_id}", 1
    return f"rental:{fact.rental_id}", fact.version


def write_log(facts: Iterable[Any]) -> None:
    """Append facts to the log in bulk, each in its own story."""
    bulk.insert(model=Event, columns=_EVENT, rows=map(_event_row, facts))


def write_deliveries(*, after_seq: int, not_before: datetime) -> None:
    """Have the status view hear everything that stands in the log after `after_seq`."""
    there = Event.objects.filter(seq__gt=after_seq).order_by("seq").values_list("seq", "stream", "version")
    rows = ((seq, SUBSCRIBER, stream, version, not_before, None, 0, False, "") for seq, stream, version in list(there))
    bulk.insert(model=Delivery, columns=DELIVERY, rows=rows)


def last_seq() -> int:
    """Return the last place in the log; 0 when it is empty."""
    return Event.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def _event_row(fact: Any) -> tuple[Any, ...]:
    stream, version = stream_of(fact)
    kind, trace = type(fact), correlation.start()
    return (
        *(ids.uuid7(), stream, version, codec.type_of(kind), codec.schema_of(kind), codec.encode(fact)),
        *(trace.correlation, None, trace.traceparent, "", fact.occurred_at),
    )
