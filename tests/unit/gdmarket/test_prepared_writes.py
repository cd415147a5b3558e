"""A prepared write does what the ORM's `save` and `update` do, and is compiled once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import DateTimeField, UUIDField
from pytest_django import DjangoAssertNumQueries

from apps.items.domain import Hold
from apps.items.models import BusyPeriod
from apps.rentals.models import Rental, Renter
from gdmarket import clock, ids
from gdmarket.prepared import Param
from gdmarket.prepared_writes import PreparedInsert, PreparedUpdate
from gdmarket.rest.models import IdempotencyKey
from tests.factories.items import BusyPeriodFactory, ItemFactory

pytestmark = pytest.mark.django_db


def columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def rental() -> Rental:
    now, new = clock.now(), ids.uuid7
    agreed: dict[str, Any] = {
        "item_id": new(),
        "item_name": "드릴 ABC",
        "renter_id": new(),
        "manager_id": new(),
        "price": 1,
        "currency": "KRW",
    }
    return Rental(id=new(), starts_at=now, ends_at=now + timedelta(days=1), payment_due_at=now, requested_at=now, **agreed)


def renter() -> Renter:
    return Renter(renter_id=ids.uuid7(), declines=[[str(ids.uuid7()), clock.now().isoformat()]])


def test_rows_are_inserted_as_save_inserts_them_in_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    insert, rows = PreparedInsert(Renter), [renter() for _ in range(3)]

    with django_assert_num_queries(1):
        assert insert.run(*rows) == 3

    assert {row.pk: columns(row) for row in Renter.objects.all()} == {row.pk: columns(row) for row in rows}
    assert all(not row._state.adding for row in rows)
    assert insert.run(renter()) == 1


def test_a_column_that_follows_from_others_is_filled_in() -> None:
    row = rental()

    PreparedInsert(Rental).run(row)

    written = Rental.objects.get(id=row.id)
    assert (written.search_text, columns(written)) == ("드릴abc", columns(row))


def test_a_broken_constraint_is_an_error_unless_the_row_may_be_taken() -> None:
    row = renter()
    PreparedInsert(Renter).run(row)

    assert PreparedInsert(Renter, unless_taken=True).run(row, renter()) == 1
    with pytest.raises(IntegrityError):
        PreparedInsert(Renter).run(row)


def test_a_key_that_the_database_gives_is_set() -> None:
    insert = PreparedInsert(IdempotencyKey, unless_taken=True)
    now = clock.now()

    def key() -> IdempotencyKey:
        lease = {"operation_id": ids.uuid7(), "run": ids.uuid7()}
        return IdempotencyKey(scope="s", owner="o", key="k", body_digest="d", created_at=now, locked_until=now, **lease)

    first, second = key(), key()

    assert (insert.run(first), insert.run(second)) == (1, 0)
    assert IdempotencyKey.objects.get().id == first.id
    assert second.pk is None


def test_a_newer_row_takes_the_place_of_an_older_one_alone() -> None:
    upsert, busy = PreparedInsert(BusyPeriod, newer_by="version"), BusyPeriodFactory(hold=Hold.RESERVED, version=2)

    def written(version: int) -> tuple[int, str]:
        item, ends_at = ItemFactory(), busy.ends_at + timedelta(hours=version)
        row = BusyPeriod(rental_id=busy.rental_id, item=item, starts_at=busy.starts_at, ends_at=ends_at, hold=Hold.OVER, version=version)
        return upsert.run(row), BusyPeriod.objects.get().hold

    assert [written(version) for version in (1, 2, 3)] == [(0, "reserved"), (0, "reserved"), (1, "over")]
    assert BusyPeriod.objects.get().ends_at == busy.ends_at + timedelta(hours=3)


def test_an_update_changes_what_its_queryset_finds(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    found, other, now = rental(), rental(), clock.now()
    PreparedInsert(Rental).run(found, other)
    due = Rental.objects.filter(id=Param("rental_id", UUIDField()), payment_due_at__gt=Param("now", DateTimeField()))
    update = PreparedUpdate(due, "payment_id", "could_not_pay", "cancel_reason", "returned_at")
    values = {"payment_id": ids.uuid7(), "could_not_pay": None, "cancel_reason": "It rains.", "returned_at": None}

    with django_assert_num_queries(2):
        assert update.run(rental_id=found.id, now=now - timedelta(days=999), **values) == 1
        assert update.run(rental_id=other.id, now=now + timedelta(days=999), **values) == 0

    found.payment_id, found.cancel_reason = values["payment_id"], "It rains."
    assert columns(Rental.objects.get(id=found.id)) == columns(found)
    assert Rental.objects.get(id=other.id).cancel_reason == ""


def test_a_column_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        PreparedUpdate(Renter.objects.filter(renter_id=Param("renter_id", UUIDField())), "declines").run(renter_id=ids.uuid7())
    assert connection.in_atomic_block


def test_more_than_a_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="11 rows: bulk_create"):
        PreparedInsert(Renter).run(*[renter() for _ in range(11)])
    assert not Renter.objects.exists()
