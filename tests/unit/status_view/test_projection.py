"""Facts become rows, in whatever order and however often they come."""

import dataclasses
import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from apps.items.events import ItemRegistered
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.events import RentalHandedOver, RentalPaid, RentalRequested, RentalReturned
from apps.status_view import queries
from apps.status_view.errors import ItemStatusNotFoundError, RentalStatusNotFoundError
from apps.status_view.models import ItemStatus, RentalStatus
from config.subscriptions import SUBSCRIPTIONS
from gdmarket import bus, ids
from gdmarket.bus.models import Event
from tests.unit.status_view.facts import (
    DAY,
    NOON,
    ItemFacts,
    RentalFacts,
    deliver,
    item_row,
    lock_nothing,
    record,
    rental_row,
    rows,
    timeline_of,
    whole_market,
)


@pytest.mark.django_db
def test_an_item_is_reserved_rented_and_free_again_with_its_rental() -> None:
    item = ItemFacts()
    rental = RentalFacts(item)
    payment_id = ids.uuid7()

    deliver(item.then(ItemRegistered))
    assert (item_row(item).availability, item_row(item).current_rental_id) == ("available", None)

    deliver(rental.then(RentalRequested), *rental.pays(payment_id))
    row = item_row(item)
    assert (row.availability, row.current_rental_id, row.current_state) == ("reserved", rental.id, "paid")
    assert (row.payment_id, row.payment_state, row.current_starts_at) == (payment_id, "approved", NOON + DAY)

    deliver(rental.then(RentalHandedOver, state="rented"))
    assert item_row(item).availability == "rented"

    deliver(rental.then(RentalReturned, state="returned"))
    row = item_row(item)
    assert (row.availability, row.current_rental_id, row.current_state, row.payment_id) == ("available", None, None, None)
    assert (row.version, row.state) == (1, "listed")


@pytest.mark.django_db
def test_an_item_shows_the_rental_that_begins_first_and_then_the_next() -> None:
    item = ItemFacts()
    later, sooner = RentalFacts(item, starts_at=NOON + 5 * DAY), RentalFacts(item)
    deliver(item.then(ItemRegistered), later.then(RentalRequested), sooner.then(RentalRequested))
    assert item_row(item).current_rental_id == sooner.id

    deliver(sooner.then(RentalHandedOver, state="rented"), sooner.then(RentalReturned, state="returned"))

    assert (item_row(item).current_rental_id, item_row(item).availability) == (later.id, "reserved")


@pytest.mark.django_db
def test_a_repeated_fact_changes_nothing_not_even_how_often_the_row_changed() -> None:
    facts = whole_market()
    deliver(*facts)
    before = list(ItemStatus.objects.order_by("pk").values()), list(RentalStatus.objects.order_by("pk").values())

    deliver(*facts, *reversed(facts))

    assert (list(ItemStatus.objects.order_by("pk").values()), list(RentalStatus.objects.order_by("pk").values())) == before


@pytest.mark.django_db
def test_a_late_fact_changes_only_the_timeline() -> None:
    item = ItemFacts()
    rental = RentalFacts(item)
    requested, paid = rental.then(RentalRequested), rental.then(RentalPaid, at=NOON + timedelta(minutes=1), state="paid", paid_at=NOON)

    deliver(paid, requested)

    row = rental_row(rental)
    assert (row.state, row.version, row.paid_at, row.updated_at) == ("paid", 2, NOON, NOON + timedelta(minutes=1))
    assert timeline_of(rental) == ["RentalRequested", "RentalPaid"]


@pytest.mark.django_db
def test_an_item_is_hidden_until_its_own_first_fact() -> None:
    item = ItemFacts()
    rental = RentalFacts(item)

    deliver(rental.then(RentalRequested))

    assert (item_row(item).version, item_row(item).availability) == (0, "reserved")
    with pytest.raises(ItemStatusNotFoundError):
        queries.get_item(item_id=item.id, manager_id=item.manager_id)

    deliver(item.then(ItemRegistered))

    row = queries.get_item(item_id=item.id, manager_id=item.manager_id)
    assert (row["name"], row["availability"], row["current_rental_id"]) == ("충전 드릴", "reserved", rental.id)


@pytest.mark.django_db
def test_a_rental_is_hidden_until_its_own_first_fact() -> None:
    item = ItemFacts()
    renter_id = ids.uuid7()
    rental = RentalFacts(item, renter_id=renter_id)
    requested = rental.then(RentalRequested)
    started, approved, paid = rental.pays(ids.uuid7())

    deliver(approved)

    assert (rental_row(rental).version, rental_row(rental).paid) == (0, 8_000)
    with pytest.raises(RentalStatusNotFoundError):
        queries.get_rental(rental_id=rental.id, person_id=renter_id)

    deliver(requested, started, paid)

    row = queries.get_rental(rental_id=rental.id, person_id=renter_id)
    assert (row["state"], row["paid"], row["payment_state"]) == ("paid", 8_000, "approved")
    assert timeline_of(rental) == ["RentalRequested", "RentalPaymentStarted", "PaymentApproved", "RentalPaid"]


@pytest.mark.django_db
def test_attempts_to_pay_one_after_another_add_up() -> None:
    rental = RentalFacts(ItemFacts())
    first, second = ids.uuid7(), ids.uuid7()
    deliver(rental.then(RentalRequested), *rental.fails_to_pay(first))
    assert (rental_row(rental).paid, rental_row(rental).payment_id, rental_row(rental).payment_state) == (0, first, "declined")

    deliver(*rental.pays(second))
    assert (rental_row(rental).paid, rental_row(rental).refunded, rental_row(rental).payment_id) == (8_000, 0, second)

    deliver(*rental.is_refunded(second))
    row = rental_row(rental)
    assert (row.paid, row.refunded, row.state) == (8_000, 8_000, "cancelled")
    assert {payment_id: payment["state"] for payment_id, payment in row.payments.items()} == {
        str(first): "declined",
        str(second): "refunded",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [event for event in SUBSCRIPTIONS if issubclass(event, RentalSnapshot)])
def test_every_fact_of_a_rental_enters_its_timeline_and_changes_its_row(kind: type[Any]) -> None:
    rental = RentalFacts(ItemFacts())
    particulars: dict[str, Any] = {field.name: "so" for field in dataclasses.fields(kind) if field.name in {"reason", "method", "changed"}}

    deliver(rental.then(kind, price=9_000, **particulars))

    assert (timeline_of(rental), rental_row(rental).price) == ([kind.__name__], 9_000)


@pytest.mark.django_db
def test_the_projection_publishes_nothing() -> None:
    deliver(*whole_market())

    assert not Event.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(15))
def test_the_same_facts_in_any_order_and_any_number_of_times_give_the_same_rows(seed: int) -> None:
    """The bus promises order within a stream; the rows do not even need that."""
    chance = random.Random(seed)
    facts = whole_market()
    deliver(*facts)
    expected = rows()
    ItemStatus.objects.all().delete()
    RentalStatus.objects.all().delete()

    shuffled = facts + chance.choices(facts, k=len(facts) // 2)
    chance.shuffle(shuffled)
    deliver(*shuffled)

    assert rows() == expected
    assert len(expected) == 5


def test_delivered_by_the_bus_they_give_the_same_rows(only_status_view: None) -> None:
    facts = whole_market()
    record(*facts)

    assert bus.run_until_idle() == len(facts)

    delivered = rows()
    ItemStatus.objects.all().delete()
    RentalStatus.objects.all().delete()
    deliver(*facts)
    assert rows() == delivered


def _deliver_in_parallel(first: Any, second: Any) -> None:
    """Deliver the second fact while the transaction that handled the first is still open."""

    def deliver_second() -> None:
        try:
            deliver(second)
        finally:
            connection.close()

    other = threading.Thread(target=deliver_second)
    with transaction.atomic():
        deliver(first)
        other.start()
        other.join(0.5)
        assert other.is_alive()
    other.join(10)
    assert not other.is_alive()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("item_is_known", "locked"), [(True, True), (False, True), (True, False)])
def test_two_rentals_of_one_item_delivered_in_parallel_both_count_for_its_lock(
    monkeypatch: pytest.MonkeyPatch, item_is_known: bool, locked: bool
) -> None:
    item = ItemFacts()
    sooner, later = RentalFacts(item), RentalFacts(item, starts_at=NOON + 5 * DAY)
    if item_is_known:
        deliver(item.then(ItemRegistered))
    if not locked:
        lock_nothing(monkeypatch)

    _deliver_in_parallel(sooner.then(RentalRequested), later.then(RentalRequested))

    assert item_row(item).current_rental_id == (sooner.id if locked else later.id)
    assert RentalStatus.objects.count() == 2


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_rental_and_its_payment_delivered_in_parallel_make_one_row() -> None:
    rental = RentalFacts(ItemFacts())
    requested = rental.then(RentalRequested)
    _started, approved, _paid = rental.pays(ids.uuid7())

    _deliver_in_parallel(requested, approved)

    row = rental_row(rental)
    assert (row.version, row.paid, timeline_of(rental)) == (1, 8_000, ["RentalRequested", "PaymentApproved"])
