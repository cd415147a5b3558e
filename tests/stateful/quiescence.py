"""What is true once nothing fails any more and everything is delivered, and how the market gets there."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min, Model, QuerySet
from django.db.models.functions import Now

from apps.items.domain import Availability
from apps.items.models import BlockedPeriod, BusyPeriod, Item
from apps.payments import queries
from apps.payments.domain import Account, RefundState
from apps.payments.models import Payment, Refund
from apps.rentals.domain import HOLDING, RentalState
from apps.rentals.models import Block, Listing, Rental
from apps.status_view import domain as view
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket.bus import registry
from gdmarket.bus.models import Delivery, Event
from tests.stateful import invariants, recorder
from tests.stateful.market import Market

# These take any event again; rentals and payments may refuse old ones.
REPEATABLE = ("items", "status_view")
_THEIR_TABLES: Sequence[type[Model]] = (Item, BusyPeriod, BlockedPeriod, ItemStatus, RentalStatus)
_AWAITING_PEOPLE = {RentalState.RENTED}
_A_MONTH = timedelta(days=30)
_MOST_MONTHS = 12


def reach(market: Market) -> None:
    """Deliver all that can be delivered despite the poison, then remove it and let time pass until nothing is outstanding."""
    connected = registry.subscribers()
    market.resume()
    market.expire_leases()
    most = Delivery.objects.count() + 10
    while market.run_relay(subscribers=connected):
        most -= 1
        assert most, "the relays never finish"
    no_lane_is_skipped()
    market.faults.clear()
    for _ in range(_MOST_MONTHS):
        market.replay_dead()
        market.pass_time(_A_MONTH)
        while market.run_relay(subscribers=connected):
            pass
        if not Delivery.objects.exists():
            return
    nothing_is_outstanding()


def check(market: Market) -> None:
    nothing_is_outstanding()
    each_event_was_delivered_once()
    every_rental_has_ended_or_waits_for_people()
    no_refund_is_due(market)
    copies_match_their_owners()
    the_view_matches_its_owners()
    repeated_deliveries_change_nothing(market)


def no_lane_is_skipped() -> None:
    heads = Delivery.objects.values("subscriber", "lane").annotate(first=Min("version")).values_list("subscriber", "lane", "first")
    for subscriber, lane, first in heads:
        head = Delivery.objects.filter(subscriber=subscriber, lane=lane, version=first)
        idle = head.filter(dead=False, not_before__lte=Now())
        assert not idle.exists(), f"{lane} of {subscriber} is deliverable, and no relay claims it"


def nothing_is_outstanding() -> None:
    left = [f"{row}: {row.error}" for row in Delivery.objects.order_by("pk")]
    assert left == []


def each_event_was_delivered_once() -> None:
    assert sorted(line.seq for line in recorder.lines()) == list(Event.objects.order_by("seq").values_list("seq", flat=True))


def every_rental_has_ended_or_waits_for_people() -> None:
    for rental in Rental.objects.all():
        assert rental.state in _AWAITING_PEOPLE or rental.state not in HOLDING, f"{rental.pk} is {rental.state}"


def no_refund_is_due(market: Market) -> None:
    assert not Refund.objects.filter(state=RefundState.PENDING).exists()
    balances = {account: balance for account, _currency, balance in queries.list_balances()}
    held = sum(entry.amount - entry.refunded for entry in invariants.charges(market.store).values())
    assert balances.get(Account.PROVIDER_CLEARING, 0) == held
    assert balances.get(Account.MANAGER_PAYABLE, 0) == -held
    assert {balances.get(account, 0) for account in (Account.RENTER_RECEIVABLE, Account.REFUNDS)} == {0}


def copies_match_their_owners() -> None:
    listings = Listing.objects.order_by("pk").values_list("pk", "name", "daily_price", "withdrawn", "paused", "version")
    items = [
        (item.pk, item.name, item.daily_price, item.state == "withdrawn", item.state == "paused", item.version)
        for item in Item.objects.order_by("pk")
    ]
    assert list(listings) == items
    blocked = BlockedPeriod.objects.filter(is_lifted=False).order_by("pk").values_list("pk", "item_id", "starts_at", "ends_at")
    assert list(blocked) == list(Block.objects.order_by("pk").values_list("pk", "item_id", "starts_at", "ends_at"))
    for item in Item.objects.all():
        assert item.availability == _availability(item.pk), item.pk


def the_view_matches_its_owners() -> None:
    _assert_copies(ItemStatus.objects.all(), Item.objects.all(), view.ITEM_PART)
    _assert_copies(RentalStatus.objects.all(), Rental.objects.all(), [name for name in view.RENTAL_PART if name != "overdue"])
    for status in ItemStatus.objects.all():
        assert status.availability == _availability(status.id), status.id
    for rental in RentalStatus.objects.all():
        payments = Payment.objects.filter(rental_id=rental.id)
        assert rental.paid == sum(payment.amount for payment in payments if payment.state in {"approved", "refunded"}), rental.id
        assert rental.refunded == sum(payment.refunded for payment in payments), rental.id
        assert rental.overdue == (rental.state == RentalState.RENTED), rental.id


def repeated_deliveries_change_nothing(market: Market) -> None:
    before = contents(_THEIR_TABLES)
    events_before = Event.objects.count()
    pairs = registry.subscriptions()
    with transaction.atomic():
        for event in Event.objects.order_by("seq"):
            for subscriber in REPEATABLE:
                if (subscriber, event.type) in pairs:
                    Delivery.objects.create(
                        event=event, subscriber=subscriber, lane=event.stream, version=event.version, not_before=event.occurred_at
                    )
    Delivery.objects.update(not_before=Now())
    while market.run_relay(subscribers=REPEATABLE):
        pass
    nothing_is_outstanding()
    assert contents(_THEIR_TABLES) == before
    assert Event.objects.count() == events_before


def contents(tables: Iterable[type[Model]]) -> dict[str, list[Any]]:
    return {table._meta.label: list(QuerySet(table).order_by("pk").values_list()) for table in tables}


def _assert_copies(copies: Iterable[Any], originals: Iterable[Any], names: Sequence[str]) -> None:
    copied = {copy.id: {name: getattr(copy, name) for name in names} for copy in copies}
    owned = {original.pk: {name: _none_if_blank(getattr(original, name)) for name in names} for original in originals}
    assert copied == owned


def _none_if_blank(value: Any) -> Any:
    return None if value == "" else value


def _availability(item_id: UUID) -> Availability:
    states = set(Rental.objects.filter(item_id=item_id, state__in=HOLDING).values_list("state", flat=True))
    if RentalState.RENTED in states:
        return Availability.RENTED
    return Availability.RESERVED if states else Availability.AVAILABLE
