"""Facts become rows, in whatever order and however often they come."""

import dataclasses
import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from apps.items.events import ItemRegistered, ItemRevised, ItemWithdrawn
from apps.payments.events import PaymentApproved, PaymentRefunded
from apps.rentals.events import RentalHandedOver, RentalPaid, RentalRequested, RentalReturned
from apps.status_view import handlers, queries
from apps.status_view.errors import ItemStatusNotFoundError, RentalStatusNotFoundError
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import bus, ids
from gdmarket.bus.models import Event
from tests.unit.status_view.story import (
    DAY,
    NOON,
    ItemTale,
    RentalTale,
    hear,
    item_row,
    payment_fact,
    record,
    rental_row,
    rows,
    story_of,
    whole_market,
)


@pytest.mark.django_db
def test_an_item_is_reserved_rented_and_free_again_with_its_rental() -> None:
    item = ItemTale()
    rental = RentalTale(item)
    payment_id = ids.uuid7()

    hear(item.then(ItemRegistered))
    assert (item_row(item).availability, item_row(item).current_rental_id) == ("available", None)

    hear(rental.then(RentalRequested), *rental.pays(payment_id))
    row = item_row(item)
    assert (row.availability, row.current_rental_id, row.current_state) == ("reserved", rental.id, "paid")
    assert (row.payment_id, row.payment_state, row.current_starts_at) == (payment_id, "approved", NOON + DAY)

    hear(rental.then(RentalHandedOver, state="rented"))
    assert item_row(item).availability == "rented"

    hear(rental.then(RentalReturned, state="returned"))
    row = item_row(item)
    assert (row.availability, row.current_rental_id, row.current_state, row.payment_id) == ("available", None, None, None)
    assert (row.version, row.state) == (1, "listed")


@pytest.mark.django_db
def test_an_item_shows_the_rental_that_begins_first_and_then_the_next() -> None:
    item = ItemTale()
    later, sooner = RentalTale(item, starts_at=NOON + 5 * DAY), RentalTale(item)
    hear(item.then(ItemRegistered), later.then(RentalRequested), sooner.then(RentalRequested))
    assert item_row(item).current_rental_id == sooner.id

    hear(sooner.then(RentalHandedOver, state="rented"), sooner.then(RentalReturned, state="returned"))

    assert (item_row(item).current_rental_id, item_row(item).availability) == (later.id, "reserved")


@pytest.mark.django_db
def test_a_repeated_fact_changes_nothing_not_even_how_often_the_row_changed() -> None:
    facts = whole_market()
    hear(*facts)
    before = list(ItemStatus.objects.order_by("pk").values()), list(RentalStatus.objects.order_by("pk").values())

    hear(*facts, *reversed(facts))

    assert (list(ItemStatus.objects.order_by("pk").values()), list(RentalStatus.objects.order_by("pk").values())) == before


@pytest.mark.django_db
def test_a_late_fact_enters_the_story_alone() -> None:
    item = ItemTale()
    rental = RentalTale(item)
    requested, paid = rental.then(RentalRequested), rental.then(RentalPaid, at=NOON + timedelta(minutes=1), state="paid", paid_at=NOON)

    hear(paid, requested)

    row = rental_row(rental)
    assert (row.state, row.version, row.paid_at, row.updated_at) == ("paid", 2, NOON, NOON + timedelta(minutes=1))
    assert story_of(rental) == ["RentalRequested", "RentalPaid"]


@pytest.mark.django_db
def test_an_older_revision_of_an_item_does_not_come_back() -> None:
    item = ItemTale()
    registered, revised, withdrawn = (
        item.then(ItemRegistered),
        item.then(ItemRevised, name="해머 드릴"),
        item.then(ItemWithdrawn, state="withdrawn"),
    )

    hear(registered, withdrawn, revised)

    assert (item_row(item).name, item_row(item).state, item_row(item).version) == ("해머 드릴", "withdrawn", 3)


@pytest.mark.django_db
def test_an_item_that_rentals_spoke_of_first_is_nobodys_until_its_own_fact_comes() -> None:
    item = ItemTale()
    rental = RentalTale(item)

    hear(rental.then(RentalRequested))

    assert (item_row(item).version, item_row(item).availability) == (0, "reserved")
    with pytest.raises(ItemStatusNotFoundError):
        queries.get_item(item_id=item.id, manager_id=item.manager_id)

    hear(item.then(ItemRegistered))

    row = queries.get_item(item_id=item.id, manager_id=item.manager_id)
    assert (row["name"], row["availability"], row["current_rental_id"]) == ("충전 드릴", "reserved", rental.id)


@pytest.mark.django_db
def test_a_rental_that_payments_spoke_of_first_is_nobodys_until_its_own_fact_comes() -> None:
    item = ItemTale()
    renter_id = ids.uuid7()
    rental = RentalTale(item, renter_id=renter_id)
    requested = rental.then(RentalRequested)
    started, approved, paid = rental.pays(ids.uuid7())

    hear(approved)

    assert (rental_row(rental).version, rental_row(rental).paid) == (0, 8_000)
    with pytest.raises(RentalStatusNotFoundError):
        queries.get_rental(rental_id=rental.id, person_id=renter_id)

    hear(requested, started, paid)

    row = queries.get_rental(rental_id=rental.id, person_id=renter_id)
    assert (row["state"], row["paid"], row["payment_state"]) == ("paid", 8_000, "approved")
    assert story_of(rental) == ["RentalRequested", "RentalPaymentStarted", "PaymentApproved", "RentalPaid"]


@pytest.mark.django_db
def test_attempts_to_pay_one_after_another_add_up() -> None:
    rental = RentalTale(ItemTale())
    first, second = ids.uuid7(), ids.uuid7()
    hear(rental.then(RentalRequested), *rental.fails_to_pay(first))
    assert (rental_row(rental).paid, rental_row(rental).payment_id, rental_row(rental).payment_state) == (0, first, "declined")

    hear(*rental.pays(second))
    assert (rental_row(rental).paid, rental_row(rental).refunded, rental_row(rental).payment_id) == (8_000, 0, second)

    hear(*rental.is_refunded(second))
    row = rental_row(rental)
    assert (row.paid, row.refunded, row.state) == (8_000, 8_000, "cancelled")
    assert {payment_id: payment["state"] for payment_id, payment in row.payments.items()} == {
        str(first): "declined",
        str(second): "refunded",
    }


@pytest.mark.django_db
def test_an_approval_heard_after_the_refund_does_not_undo_it() -> None:
    rental, payment_id = RentalTale(ItemTale()), ids.uuid7()

    hear(
        rental.then(RentalRequested),
        payment_fact(PaymentRefunded, rental=rental, payment_id=payment_id),
        payment_fact(PaymentApproved, rental=rental, payment_id=payment_id),
    )

    assert (rental_row(rental).paid, rental_row(rental).refunded) == (8_000, 8_000)
    assert rental_row(rental).payments[str(payment_id)]["state"] == "refunded"


@pytest.mark.django_db
@pytest.mark.parametrize("kind", handlers.SOURCES.rentals)
def test_every_fact_of_a_rental_enters_its_story_and_changes_its_row(kind: type[Any]) -> None:
    rental = RentalTale(ItemTale())
    said: dict[str, Any] = {field.name: "so" for field in dataclasses.fields(kind) if field.name in {"reason", "method"}}

    hear(rental.then(kind, price=9_000, **said))

    assert (story_of(rental), rental_row(rental).price) == ([kind.__name__], 9_000)


@pytest.mark.django_db
def test_hearing_publishes_nothing() -> None:
    hear(*whole_market())

    assert not Event.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(15))
def test_the_same_facts_in_any_order_and_any_number_of_times_give_the_same_rows(seed: int) -> None:
    """The bus promises order within a stream; the rows do not even need that."""
    chance = random.Random(seed)
    facts = whole_market()
    hear(*facts)
    expected = rows()
    ItemStatus.objects.all().delete()
    RentalStatus.objects.all().delete()

    told = facts + chance.choices(facts, k=len(facts) // 2)
    chance.shuffle(told)
    hear(*told)

    assert rows() == expected
    assert len(expected) == 5


def test_the_bus_delivers_them_so(alone: None) -> None:
    facts = whole_market()
    record(*facts)

    assert bus.run_until_idle() == len(facts)

    heard = rows()
    ItemStatus.objects.all().delete()
    RentalStatus.objects.all().delete()
    hear(*facts)
    assert rows() == heard


def _hear_in_parallel(first: Any, second: Any) -> None:
    """Let the second fact be heard while the transaction that heard the first is still open."""

    def hear_second() -> None:
        try:
            hear(second)
        finally:
            connection.close()

    other = threading.Thread(target=hear_second)
    with transaction.atomic():
        hear(first)
        other.start()
        other.join(0.5)
        assert other.is_alive()
    other.join(10)
    assert not other.is_alive()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("item_is_known", [True, False])
def test_two_rentals_of_one_item_heard_in_parallel_both_count(item_is_known: bool) -> None:
    item = ItemTale()
    sooner, later = RentalTale(item), RentalTale(item, starts_at=NOON + 5 * DAY)
    if item_is_known:
        hear(item.then(ItemRegistered))

    _hear_in_parallel(sooner.then(RentalRequested), later.then(RentalRequested))

    assert (item_row(item).current_rental_id, item_row(item).availability) == (sooner.id, "reserved")
    assert RentalStatus.objects.count() == 2


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_of_the_item_one_of_them_would_be_overlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    item = ItemTale()
    sooner, later = RentalTale(item), RentalTale(item, starts_at=NOON + 5 * DAY)
    hear(item.then(ItemRegistered))
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)

    _hear_in_parallel(sooner.then(RentalRequested), later.then(RentalRequested))

    assert item_row(item).current_rental_id == later.id


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_rental_and_its_payment_heard_in_parallel_make_one_row() -> None:
    rental = RentalTale(ItemTale())
    requested = rental.then(RentalRequested)
    _started, approved, _paid = rental.pays(ids.uuid7())

    _hear_in_parallel(requested, approved)

    row = rental_row(rental)
    assert (row.version, row.paid, story_of(rental)) == (1, 8_000, ["RentalRequested", "PaymentApproved"])
