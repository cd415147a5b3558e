"""A prepared query finds what its QuerySet finds, in the database that the router names, and is compiled once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import BooleanField, DateTimeField, Exists, F, JSONField, OuterRef, QuerySet, UUIDField, Value
from django.db.transaction import TransactionManagementError
from django.utils.connection import ConnectionDoesNotExist
from pytest_django import DjangoAssertNumQueries

from apps.items.models import BusyPeriod, Item
from gdmarket import ids
from gdmarket.prepared import Param, Prepared, among
from tests.factories.items import BusyPeriodFactory, ItemFactory

pytestmark = pytest.mark.django_db

ITEM_ID = Param("item_id", UUIDField())


def test_a_model_is_that_of_the_queryset() -> None:
    item, _ = ItemFactory(), ItemFactory()

    found = Prepared(Item.objects.filter(id=ITEM_ID)).first(item_id=item.id)

    expected = Item.objects.get(id=item.id)
    assert found is not None
    assert {name: value for name, value in vars(found).items() if name != "_state"} == {
        name: value for name, value in vars(expected).items() if name != "_state"
    }
    assert (found._state.db, found._state.adding) == (expected._state.db, False)


@pytest.mark.parametrize(
    "shape",
    [
        lambda items: items.values(),
        lambda items: items.values("id", "registered_at", called=F("name")),
        lambda items: items.values_list("id", "latitude"),
        lambda items: items.values_list("registered_at", flat=True),
        lambda items: items.annotate(is_busy=Exists(BusyPeriod.objects.filter(item=OuterRef("id")))).values("id", "is_busy"),
        lambda items: items.annotate(told=Value({"a": 1}, JSONField())).values_list("told", "withdrawn_at"),
    ],
)
def test_rows_are_those_of_the_queryset(shape: Callable[[Any], QuerySet[Item, Any]]) -> None:
    items = [BusyPeriodFactory().item, ItemFactory(withdrawn=True)]
    prepared = Prepared(shape(Item.objects.filter(registered_at__lte=Param("now", DateTimeField()))).order_by("id"))

    now = datetime.now(UTC) + timedelta(hours=1)

    assert prepared.all(now=now) == list(shape(Item.objects.filter(id__in=[item.id for item in items])).order_by("id"))
    assert prepared.all(now=now - timedelta(days=1)) == []
    assert prepared.all(now=now, limit=1) == prepared.all(now=now)[:1] == [prepared.first(now=now)]


def test_an_annotated_model_carries_its_annotation_and_a_value_stands_in_a_subquery() -> None:
    period = BusyPeriodFactory()
    busy = BusyPeriod.objects.filter(item=OuterRef("id"), rental_id=Param("rental_id", UUIDField()))
    prepared = Prepared(Item.objects.annotate(is_busy=Exists(busy)).filter(id=ITEM_ID))

    found = [prepared.first(item_id=period.item_id, rental_id=rental_id) for rental_id in (period.rental_id, ids.uuid7())]

    assert [item and item.is_busy for item in found] == [True, False]


def test_a_list_of_any_length_is_one_parameter() -> None:
    items = sorted(ItemFactory().id for _ in range(3))
    prepared = Prepared(Item.objects.filter(among("id", "item_ids", UUIDField())).order_by("id").values_list("id", flat=True))

    assert [prepared.all(item_ids=items[:count]) for count in range(4)] == [items[:count] for count in range(4)]
    assert prepared.all(item_ids=[items[1], *(ids.uuid7() for _ in range(1000))]) == [items[1]]
    with pytest.raises(ValueError, match="item_ids holds None"):
        prepared.all(item_ids=[None])


def test_none_is_refused_and_so_are_values_that_the_query_does_not_have() -> None:
    prepared = Prepared(Item.objects.filter(id=ITEM_ID))

    with pytest.raises(ValueError, match="item_id is None"):
        prepared.first(item_id=None)
    wrongs: list[dict[str, Any]] = [{}, {"item_id": ids.uuid7(), "name": "x"}]
    for wrong in wrongs:
        with pytest.raises(TypeError, match="run with item_id"):
            prepared.first(**wrong)


def test_a_limit_of_its_own_is_kept() -> None:
    items = sorted(ItemFactory().id for _ in range(3))
    prepared = Prepared(Item.objects.order_by("id").values_list("id", flat=True)[1:2])

    assert (prepared.first(), prepared.all()) == (items[1], items[1:2])
    with pytest.raises(TypeError, match="no limit"):
        prepared.all(limit=2)


def test_it_is_compiled_once_and_seen_by_whoever_watches_the_connection(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    item = ItemFactory()
    prepared = Prepared(Item.objects.filter(id=ITEM_ID))
    watched: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        watched.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch), django_assert_num_queries(2):
        prepared.first(item_id=item.id)
        prepared._compile = None  # type: ignore[assignment, method-assign]  # a second compilation would fail
        prepared.first(item_id=item.id)

    assert watched == [watched[0]] * 2
    assert watched[0].startswith("SELECT")


@pytest.mark.django_db(transaction=True)
def test_one_that_locks_needs_a_transaction() -> None:
    item = ItemFactory()
    prepared = Prepared(Item.objects.select_for_update().filter(id=ITEM_ID))

    with pytest.raises(TransactionManagementError):
        prepared.first(item_id=item.id)
    with transaction.atomic():
        assert prepared.first(item_id=item.id) == item


def test_what_it_cannot_do_is_refused() -> None:
    refused: list[QuerySet[Any, Any]] = [BusyPeriod.objects.select_related("item"), Item.objects.distinct()]
    for queryset in refused:
        with pytest.raises(TypeError, match="DISTINCT"):
            Prepared(queryset)
    named: QuerySet[Any, Any] = Item.objects.values_list("id", named=True)
    with pytest.raises(TypeError, match="makes models"):
        Prepared(named).all()


def test_the_router_names_the_database(settings: Any) -> None:
    prepared = Prepared(Item.objects.filter(id=ITEM_ID))
    settings.GDMARKET_CONTEXT_DATABASES = {"items": "elsewhere"}

    with pytest.raises(ConnectionDoesNotExist, match="elsewhere"):
        prepared.first(item_id=ids.uuid7())
    assert prepared.first(item_id=ids.uuid7(), using="default") is None


@pytest.mark.django_db(transaction=True)
def test_threads_share_one() -> None:
    items = [ItemFactory().id for _ in range(4)]
    prepared = Prepared(Item.objects.filter(id=ITEM_ID).annotate(yes=Value(True, BooleanField())).values_list("id", flat=True))
    found: list[Any] = []

    def read(item_id: Any) -> None:
        found.extend(prepared.first(item_id=item_id) for _ in range(20))
        connections.close_all()

    threads = [Thread(target=read, args=[item_id]) for item_id in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found, key=str) == sorted([item_id for item_id in items for _ in range(20)], key=str)
