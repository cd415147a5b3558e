"""What was written before searches compared folded text is found after the upgrade, also what the old version writes during it."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections

from apps.accounts import queries as accounts
from apps.accounts.models import User
from apps.items.api import filters
from apps.items.models import Item
from apps.rentals.models import Rental
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import clock, databases, ids
from gdmarket.text_columns import holding, refold, unfolded
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.migrating import migrate, newest
from tests.unit.config.doctor import relay_is_alive, run_checks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def before() -> Iterator[Any]:
    yield migrate(("items", "0001_initial"))
    migrate(newest("items"))


def _found(**parameters: str) -> list[Any]:
    search, order = filters.search(parameters=parameters)
    return search.fetch(order=order, after=None, limit=100)


def test_items_of_before_are_found_however_they_are_written(before: Any) -> None:
    old: Any = before.get_model("items", "Item").objects
    details = {"daily_price": 8_000, "deposit": 0, "latitude": 37.5, "longitude": 127.0, "place": "성수역", "currency": "KRW"}
    times = {"registered_at": clock.now(), "updated_at": clock.now()}
    written = {"name": "캠핑\u00a0의자", "category": "전동 공구", "search_text": "캠핑\u00a0의자 …", **details, **times}
    for _ in range(3):
        old.create(id=ids.uuid7(), manager_id=ids.uuid7(), **written)

    migrate(newest("items"))

    assert len(_found(q="캠핑의자 성수역")) == 3
    assert len(_found(category="전동공구")) == 3


def _written_by_the_version_before() -> None:
    """Write rows as a version does that does not know the folded columns."""
    now, own = clock.now(), {"manager_id": ids.uuid7(), "item_name": "캠핑 의자"}
    ItemFactory(name="캠핑 의자", category="전동 공구")
    UserFactory(display_name="김 민수")
    people = {"item_id": ids.uuid7(), "renter_id": ids.uuid7(), **own}
    times = {"starts_at": now, "ends_at": now.replace(year=now.year + 1), "payment_due_at": now, "requested_at": now}
    for model in (Rental, RentalStatus):
        model.objects.create(id=ids.uuid7(), version=1, price=1, currency="KRW", state="requested", **people, **times)
    ItemStatus.objects.create(id=ids.uuid7(), version=1, manager_id=ids.uuid7(), name="캠핑 의자", category="전동 공구")
    with connection.cursor() as cursor:
        for table, column in (
            ("items_item", "category_key"),
            ("accounts_user", "search_text"),
            ("rentals_rental", "search_text"),
            ("status_view_rentalstatus", "search_text"),
            ("status_view_itemstatus", "search_text"),
        ):
            cursor.execute(f"UPDATE {table} SET {column} = NULL")


def test_the_doctor_names_what_the_old_version_wrote_and_refold_text_fills_it_in(settings: Any) -> None:
    settings.SECRET_KEY = "".join(chr(97 + number % 26) + str(number) for number in range(40))
    relay_is_alive()
    _written_by_the_version_before()
    said = run_checks()["database.W007"]
    assert said.msg == (
        "rows that searches do not find: accounts_user: 1, items_item: 1, rentals_rental: 1, "
        "status_view_itemstatus: 1, status_view_rentalstatus: 1"
    )
    output = StringIO()
    for _ in range(2):
        call_command("refold_text", stdout=output)
    lines = output.getvalue().splitlines()
    first, second = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    assert sum(line.endswith(": 1 changed") for line in first) == 5
    assert {line.rpartition(": ")[0] for line in first if line.endswith(": 0 changed")} == {"rentals_guest"}
    assert all(line.endswith(": 0 changed") for line in second)
    assert "database.W007" not in run_checks()
    assert not any(unfolded(model).exists() for model in (Item, User, Rental, ItemStatus, RentalStatus))
    assert [holding(rows=model.objects.all(), words="캠핑의자").count() for model in (Item, Rental, ItemStatus, RentalStatus)] == [1] * 4
    assert len(_found(category="전동공구")) == 1
    assert accounts.search_users(words="김민수").count() == 1


def test_a_row_that_is_changed_meanwhile_keeps_the_change() -> None:
    item: Any = ItemFactory(name="옛 이름")
    Item.objects.filter(pk=item.pk).update(search_text="")
    changed: list[str] = []

    def change_first(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE") and not changed:
            changed.append(sql)
            Item.objects.filter(pk=item.pk).update(name="새 이름", search_text="새이름")
        return execute(sql, *rest)

    with connections[databases.alias_for("items")].execute_wrapper(change_first):
        assert refold(rows=Item.objects.all()) == 0
    item.refresh_from_db()
    assert (item.name, item.search_text) == ("새 이름", "새이름")


@pytest.mark.postgresql
def test_giving_names_their_order_rewrites_no_row() -> None:
    migrate(("items", "0001_initial"))

    def file() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_relation_filenode('items_item')")
            return cursor.fetchone()

    then = file()
    migrate(("items", "0002_text"))
    now = file()
    migrate(newest("items"))
    assert now == then
