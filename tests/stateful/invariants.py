"""What is always true of the market, whatever was done and whatever failed."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Model

from apps.items.models import Item
from apps.payments import queries
from apps.payments.domain import CHARGED, UNSETTLED, LedgerEntry, RefundState
from apps.payments.models import Payment, Posting, Refund
from apps.rentals.domain import HOLDING, RentalState
from apps.rentals.models import Block, Rental
from gdmarket.bus import log, registry
from gdmarket.bus.models import Delivery, Event
from tests.stateful import recorder

_PAID = {RentalState.PAID, RentalState.RENTED, RentalState.RETURNED, RentalState.NO_SHOW}
# Where nothing was handed over, all the money back ends the rental; one that was handed over goes on.
_CANCELLED_BY_A_FULL_REFUND = {RentalState.PAID, RentalState.NO_SHOW}
# The outcome has not arrived: the provider may hold the money or not.
_MOVING = {RentalState.PAYING, RentalState.REFUNDING}


class Entry(NamedTuple):
    """A charge in the provider's store."""

    amount: int
    refunded: int


Streams = Mapping[str, Sequence[Event]]


def check(*, store: Path) -> None:
    streams: dict[str, list[Event]] = defaultdict(list)
    for event in Event.objects.order_by("seq"):
        streams[event.stream].append(event)
    stream_versions_have_no_gaps(streams)
    rows_match_their_latest_events(streams)
    deliveries_are_in_order_and_not_repeated(streams)
    what_is_outstanding_is_the_end_of_its_lane(streams)
    no_item_is_rented_twice()
    nothing_is_kept_for_a_renter_on_blocked_days()
    the_ledger_has_each_entry_once()
    the_provider_holds_what_was_paid(store, streams)


def stream_versions_have_no_gaps(streams: Streams) -> None:
    for stream, events in streams.items():
        assert [event.version for event in events] == list(range(1, len(events) + 1)), stream


def rows_match_their_latest_events(streams: Streams) -> None:
    _assert_rows(Item.objects.all(), {key: [e for e in events if e.type.startswith("items.Item")] for key, events in _of(streams, "item")})
    _assert_rows(Rental.objects.all(), dict(_of(streams, "rental")))
    payments = list(Payment.objects.all())
    settled = [payment for payment in payments if payment.state not in UNSETTLED]
    for payment in settled:
        events = streams[f"payment:{payment.pk}"]
        outcomes = [event for event in events if event.type != "payments.FullRefundRecorded"]
        assert len(outcomes) == 1 + payment.refunds.filter(state=RefundState.REFUNDED).count(), payment
        assert len(events) - len(outcomes) <= 1, payment
        _assert_row(payment, outcomes[-1])
    assert {key for key, _ in _of(streams, "payment")} == {payment.pk for payment in settled}
    assert {key for key, _ in _of(streams, "payment-timer")} == {payment.pk for payment in payments}
    assert {key for key, _ in _of(streams, "refund")} == set(Refund.objects.values_list("pk", flat=True))


def deliveries_are_in_order_and_not_repeated(streams: Streams) -> None:
    delivered: dict[str, list[int]] = defaultdict(list)
    for line in recorder.lines():
        delivered[line.stream].append(line.version)
    for stream, versions in delivered.items():
        if "-timer:" in stream:
            assert len(set(versions)) == len(versions), f"{stream}: {versions}"
        else:
            assert versions == list(range(1, len(versions) + 1)), f"{stream}: {versions}"
        assert set(versions) <= {event.version for event in streams[stream]}, stream


def what_is_outstanding_is_the_end_of_its_lane(streams: Streams) -> None:
    outstanding: dict[tuple[str, str], list[int]] = defaultdict(list)
    for subscriber, lane, version in Delivery.objects.order_by("version").values_list("subscriber", "lane", "version"):
        outstanding[subscriber, lane].append(version)
    pairs = registry.subscriptions()
    for (subscriber, lane), versions in outstanding.items():
        if lane in streams:
            subscribed = [event.version for event in streams[lane] if (subscriber, event.type) in pairs]
            assert versions == subscribed[-len(versions) :], f"{subscriber} {lane}: {versions} of {subscribed}"
        else:
            assert versions == [0], f"{subscriber} {lane}: {versions}"


def nothing_is_kept_for_a_renter_on_blocked_days() -> None:
    """Who has the item already may have it on blocked days, too: it was handed over early, or the return was undone."""
    for block in Block.objects.all():
        kept = Rental.objects.filter(item_id=block.item_id, state__in=HOLDING, closed_at=None).exclude(state=RentalState.RENTED)
        assert not kept.filter(starts_at__lt=block.ends_at, ends_at__gt=block.starts_at).exists(), block.pk


def no_item_is_rented_twice() -> None:
    holding: dict[UUID, list[Rental]] = defaultdict(list)
    for rental in Rental.objects.filter(state__in=HOLDING):
        holding[rental.item_id].append(rental)
    for rivals in holding.values():
        assert sum(rental.state == RentalState.RENTED for rental in rivals) <= 1, rivals
        for one, other in combinations(rivals, 2):
            assert one.ends_at <= _kept_from(other) or other.ends_at <= _kept_from(one), rivals


def the_ledger_has_each_entry_once() -> None:
    due: list[tuple[UUID, UUID | None, str, int]] = []
    for payment in Payment.objects.filter(state__in=CHARGED):
        due += [(payment.pk, None, entry, payment.amount) for entry in (LedgerEntry.EARNED, LedgerEntry.CHARGED)]
    for refund in Refund.objects.all():
        due.append((refund.payment_id, refund.pk, LedgerEntry.REFUND_DUE, refund.amount))
        if refund.state == RefundState.REFUNDED:
            due.append((refund.payment_id, refund.pk, LedgerEntry.REFUNDED, refund.amount))
    assert Counter(Posting.objects.values_list("payment_id", "refund_id", "entry", "amount")) == Counter(due)
    assert sum(balance for _, _, balance in queries.list_balances()) == 0


def the_provider_holds_what_was_paid(store: Path, streams: Streams) -> None:
    charged = charges(store)
    rentals = {rental.pk: rental for rental in Rental.objects.all()}
    held: dict[UUID, int] = dict.fromkeys(rentals, 0)
    payments = list(Payment.objects.all())
    booked = queries.held_by_ledger(payment_ids=[payment.pk for payment in payments])
    for payment in payments:
        entry = charged.pop(payment.pk, None)
        kept = entry.amount - entry.refunded if entry else 0
        if entry is not None:
            assert entry.amount == payment.amount == rentals[payment.rental_id].price, payment
            held[payment.rental_id] += kept
        if payment.state in CHARGED:  # only a refund that is not recorded yet may differ
            assert 0 <= booked[payment.pk] - kept <= payment.refund_due - payment.refunded, payment
    assert not charged, "the provider charged a payment that was not recorded before"
    by_operators = _refunds_by_operators()
    untold = _untold_full_refunds(streams)
    for rental_id, amount in held.items():
        rental = rentals[rental_id]
        given_back = by_operators[rental.payment_id]
        if given_back == rental.price and rental.state in _CANCELLED_BY_A_FULL_REFUND and rental.payment_id not in untold:
            given_back = 0
        least, most = _may_be_held(rental, given_back=given_back)
        assert least <= amount <= most, f"{rental.state} {rental_id}: the provider holds {amount} of {rental.price}"


def _refunds_by_operators() -> Counter[UUID | None]:
    total: Counter[UUID | None] = Counter()
    for refund in Refund.objects.filter(refunded_by_id__isnull=False):
        total[refund.payment_id] += refund.amount
    return total


def _untold_full_refunds(streams: Streams) -> set[UUID]:
    """Return the payments that an operator refunds in full of which rentals has not heard: the rental is paid until it has."""
    outstanding = set(Delivery.objects.filter(subscriber="rentals").values_list("lane", "version"))
    full = [event for events in streams.values() for event in events if event.type == "payments.FullRefundRecorded"]
    return {UUID(event.stream.partition(":")[2]) for event in full if (event.stream, event.version) in outstanding}


def _may_be_held(rental: Rental, *, given_back: int) -> tuple[int, int]:
    if rental.state in _PAID:
        return rental.price - given_back, rental.price
    return (0, rental.price) if rental.state in _MOVING else (0, 0)


def _of(streams: Streams, kind: str) -> Iterable[tuple[UUID, Sequence[Event]]]:
    for stream, events in streams.items():
        if stream.startswith(f"{kind}:"):
            yield UUID(stream.partition(":")[2]), events


def _assert_rows(rows: Iterable[Any], events: Mapping[UUID, Sequence[Event]]) -> None:
    by_id = {row.pk: row for row in rows}
    assert by_id.keys() == events.keys()
    for key, row in by_id.items():
        assert row.version == len(events[key]), f"{row}: version {row.version}, {len(events[key])} events"
        _assert_row(row, events[key][-1])


def _assert_row(row: Model, last: Event) -> None:
    event = log.read(last).event
    names = {field.name for field in fields(event)} & {field.attname for field in row._meta.concrete_fields}
    published, stored = {name: getattr(event, name) for name in names}, {name: getattr(row, name) for name in names}
    if published.get("description", "") is None:  # as before
        published["description"] = stored["description"]
    for name in ("payment_state", "cancelled_by"):
        if stored.get(name) == "":
            stored[name] = None
    assert published == stored, f"{last}: {published}; the row: {stored}"


def _kept_from(rental: Rental) -> Any:
    return min(rental.starts_at, rental.handed_over_at or rental.starts_at)


def charges(store: Path) -> dict[UUID, Entry]:
    """Return the provider's charges by payment id."""
    with closing(sqlite3.connect(store)) as connection:
        rows = connection.execute("SELECT key, amount, refunded FROM entry WHERE standing = 'charged'").fetchall()
    return {UUID(key): Entry(amount, refunded) for key, amount, refunded in rows}
