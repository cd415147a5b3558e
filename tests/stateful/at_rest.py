"""What is true once nothing fails any more and everybody has been heard; and how the market comes to that."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Min, Model, QuerySet
from django.db.models.functions import Now

from apps.items.domain import Availability
from apps.items.models import BusyPeriod, Item
from apps.payments import queries
from apps.payments.domain import Account, RefundState
from apps.payments.models import Payment, Refund
from apps.rentals.domain import HOLDING, RentalState
from apps.rentals.models import Listing, Rental
from apps.status_view import domain as view
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket.bus import registry
from gdmarket.bus.models import Delivery, Event
from tests.stateful import invariants, recorder
from tests.stateful.market import Market

# Whoever may hear everything again; rentals and payments may refuse what is long past.
FORGIVING = ("items", "status_view")
_KEPT_BY_THEM: Sequence[type[Model]] = (Item, BusyPeriod, ItemStatus, RentalStatus)
_AWAITING_PEOPLE = {RentalState.PAID, RentalState.RENTED}
_A_MONTH = timedelta(days=30)
_MOST_MONTHS = 12


def come_to_rest(market: Market) -> None:
    """Let the workers do all they can while poison still works, then cure everything and let time pass until nobody has to hear more."""
    everybody = registry.subscribers()
    market.resume()
    market.let_leases_run_out()
    most = Delivery.objects.count() + 10
    while market.round(subscribers=everybody):
        most -= 1
        assert most, "the relays go round and round"
    only_who_waits_for_its_own_head_waits()
    market.faults.heal()
    for _ in range(_MOST_MONTHS):
        market.replay_dead()
        market.pass_time(_A_MONTH)
        while market.round(subscribers=everybody):
            pass
        if not Delivery.objects.exists():
            return
    nothing_is_outstanding()


def hold(market: Market) -> None:
    """Assert all of it."""
    nothing_is_outstanding()
    everything_was_heard_once()
    every_rental_is_at_an_end_or_waits_for_people()
    nobody_owes_a_renter_anything(market)
    neighbours_know_what_the_owners_know()
    the_view_says_what_the_owners_say()
    hearing_everything_again_changes_nothing(market)


def only_who_waits_for_its_own_head_waits() -> None:
    heads = Delivery.objects.values("subscriber", "lane").annotate(first=Min("version")).values_list("subscriber", "lane", "first")
    for subscriber, lane, first in heads:
        head = Delivery.objects.filter(subscriber=subscriber, lane=lane, version=first)
        idle = head.filter(dead=False, not_before__lte=Now())
        assert not idle.exists(), f"{subscriber} could go on with {lane}, and nobody does"


def nothing_is_outstanding() -> None:
    left = [f"{row}: {row.error}" for row in Delivery.objects.order_by("pk")]
    assert left == []


def everything_was_heard_once() -> None:
    assert sorted(line.seq for line in recorder.lines()) == list(Event.objects.order_by("seq").values_list("seq", flat=True))


def every_rental_is_at_an_end_or_waits_for_people() -> None:
    for rental in Rental.objects.all():
        assert rental.state in _AWAITING_PEOPLE or rental.state not in HOLDING, f"{rental.pk} is {rental.state}"


def nobody_owes_a_renter_anything(market: Market) -> None:
    assert not Refund.objects.filter(state=RefundState.PENDING).exists()
    balances = {account: balance for account, _currency, balance in queries.list_balances()}
    held = sum(entry.amount - entry.refunded for entry in invariants.charges(market.book).values())
    assert balances.get(Account.PROVIDER_CLEARING, 0) == held
    assert balances.get(Account.MANAGER_PAYABLE, 0) == -held
    assert {balances.get(account, 0) for account in (Account.RENTER_RECEIVABLE, Account.REFUNDS)} == {0}


def neighbours_know_what_the_owners_know() -> None:
    listings = Listing.objects.order_by("pk").values_list("pk", "name", "daily_price", "withdrawn", "version")
    items = [(item.pk, item.name, item.daily_price, item.state == "withdrawn", item.version) for item in Item.objects.order_by("pk")]
    assert list(listings) == items
    for item in Item.objects.all():
        assert item.availability == _availability(item.pk), item.pk


def the_view_says_what_the_owners_say() -> None:
    _say_the_same(ItemStatus.objects.all(), Item.objects.all(), view.ITEM_PART)
    _say_the_same(RentalStatus.objects.all(), Rental.objects.all(), [name for name in view.RENTAL_PART if name != "overdue"])
    for status in ItemStatus.objects.all():
        assert status.availability == _availability(status.id), status.id
    for rental in RentalStatus.objects.all():
        payments = Payment.objects.filter(rental_id=rental.id)
        assert rental.paid == sum(payment.amount for payment in payments if payment.state in {"approved", "refunded"}), rental.id
        assert rental.refunded == sum(payment.refunded for payment in payments), rental.id
        assert rental.overdue == (rental.state == RentalState.RENTED), rental.id


def hearing_everything_again_changes_nothing(market: Market) -> None:
    before = contents(_KEPT_BY_THEM)
    events_before = Event.objects.count()
    pairs = registry.subscriptions()
    with transaction.atomic():
        for event in Event.objects.order_by("seq"):
            for subscriber in FORGIVING:
                if (subscriber, event.type) in pairs:
                    Delivery.objects.create(
                        event=event, subscriber=subscriber, lane=event.stream, version=event.version, not_before=event.occurred_at
                    )
    Delivery.objects.update(not_before=Now())
    while market.round(subscribers=FORGIVING):
        pass
    nothing_is_outstanding()
    assert contents(_KEPT_BY_THEM) == before
    assert Event.objects.count() == events_before


def contents(tables: Iterable[type[Model]]) -> dict[str, list[Any]]:
    """Return all that stands in these tables."""
    return {table._meta.label: list(QuerySet(table).order_by("pk").values_list()) for table in tables}


def _say_the_same(copies: Iterable[Any], originals: Iterable[Any], names: Sequence[str]) -> None:
    said = {copy.id: {name: getattr(copy, name) for name in names} for copy in copies}
    stands = {original.pk: {name: _none_if_blank(getattr(original, name)) for name in names} for original in originals}
    assert said == stands


def _none_if_blank(value: Any) -> Any:
    """Return what a column says; a rental without a payment has a blank for its state, and the view has null."""
    return None if value == "" else value


def _availability(item_id: UUID) -> Availability:
    states = set(Rental.objects.filter(item_id=item_id, state__in=HOLDING).values_list("state", flat=True))
    if RentalState.RENTED in states:
        return Availability.RENTED
    return Availability.RESERVED if states else Availability.AVAILABLE
