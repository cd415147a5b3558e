"""Registering, revising and withdrawing."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from apps.items import domain, services
from apps.items.errors import BadDailyPriceError, ItemBusyError, ItemIdTakenError, ItemNotFoundError
from apps.items.events import ItemRegistered, ItemRevised, ItemWithdrawn
from apps.items.models import BusyPeriod, Item
from apps.rentals.contracts import RentalSnapshot
from gdmarket import ids
from tests.factories.items import BusyPeriodFactory, ItemFactory, rental_fact
from tests.log import recorded

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)
MANAGER = ids.uuid7()
DRILL: domain.Details = {
    "name": "전동 드릴",
    "category": "공구",
    "place": "서울 중구",
    "latitude": 37.5663,
    "longitude": 126.9779,
    "daily_price": 8_000,
}


def _facts(*types: type) -> list[Any]:
    return [row.event for row in recorded(types or (ItemRegistered, ItemRevised, ItemWithdrawn))]


def test_a_registered_item_is_listed_and_published() -> None:
    item_id = ids.uuid7()
    item = services.register_item(item_id=item_id, manager_id=MANAGER, now=NOW, **DRILL)
    item.refresh_from_db()
    assert (item.state, item.availability, item.version) == ("listed", "available", 1)
    assert (item.description, item.deposit, item.currency) == ("", 0, "KRW")
    assert (item.registered_at, item.updated_at, item.withdrawn_at) == (NOW, NOW, None)
    assert _facts() == [
        ItemRegistered(
            item_id=item_id,
            manager_id=MANAGER,
            name="전동 드릴",
            category="공구",
            place="서울 중구",
            latitude=37.5663,
            longitude=126.9779,
            daily_price=8_000,
            deposit=0,
            currency="KRW",
            state="listed",
            version=1,
            thumbnail=None,
            occurred_at=NOW,
            description="",
        )
    ]


def test_registering_one_id_twice_creates_one_item() -> None:
    item_id = ids.uuid7()
    for _ in range(2):
        assert services.register_item(item_id=item_id, manager_id=MANAGER, now=NOW, **DRILL).id == item_id
    assert Item.objects.count() == 1
    assert len(_facts()) == 1


def test_the_id_of_anothers_item_cannot_be_taken() -> None:
    item = ItemFactory(name="남의 드릴")
    with pytest.raises(ItemIdTakenError):
        services.register_item(item_id=item.id, manager_id=MANAGER, now=NOW, **DRILL)
    item.refresh_from_db()
    assert item.name == "남의 드릴"
    assert _facts() == []


def test_an_invalid_price_registers_nothing() -> None:
    with pytest.raises(BadDailyPriceError):
        services.register_item(item_id=ids.uuid7(), manager_id=MANAGER, now=NOW, **(DRILL | {"daily_price": -5}))
    assert not Item.objects.exists()
    assert _facts() == []


def test_a_revised_item_has_the_next_version_and_is_published() -> None:
    item = ItemFactory(manager_id=MANAGER, availability="rented")
    later = NOW + timedelta(days=1)
    services.revise_item(item_id=item.id, by=MANAGER, now=later, expected_version=1, name="해머 드릴", daily_price=9_000)
    item.refresh_from_db()
    assert (item.name, item.daily_price, item.version, item.updated_at) == ("해머 드릴", 9_000, 2, later)
    assert item.availability == "rented"
    assert "해머드릴" in item.search_text
    [fact] = _facts()
    assert isinstance(fact, ItemRevised)
    assert (fact.name, fact.daily_price, fact.version, fact.occurred_at) == ("해머 드릴", 9_000, 2, later)


def test_a_revision_that_changes_nothing_publishes_nothing() -> None:
    item = ItemFactory(manager_id=MANAGER, name="드릴")
    assert services.revise_item(item_id=item.id, by=MANAGER, now=NOW, name="드릴").version == 1
    assert services.revise_item(item_id=item.id, by=MANAGER, now=NOW).version == 1
    assert _facts() == []


def _others_item() -> Any:
    return ItemFactory().id


def _withdrawn_item() -> Any:
    return ItemFactory(manager_id=MANAGER, withdrawn=True).id


@pytest.mark.parametrize("made", [ids.uuid7, _others_item, _withdrawn_item])
def test_only_an_own_listed_item_can_be_revised_or_withdrawn(made: Any) -> None:
    item_id = made()
    with pytest.raises(ItemNotFoundError):
        services.revise_item(item_id=item_id, by=MANAGER, now=NOW, name="해머 드릴")
    with pytest.raises(ItemNotFoundError):
        services.withdraw_item(item_id=item_id, by=MANAGER, now=NOW)
    assert not Item.objects.filter(name="해머 드릴").exists()
    assert _facts() == []


def test_a_withdrawn_item_keeps_its_row_and_is_published() -> None:
    item = ItemFactory(manager_id=MANAGER)
    services.withdraw_item(item_id=item.id, by=MANAGER, now=NOW)
    item.refresh_from_db()
    assert (item.state, item.version, item.withdrawn_at, item.updated_at) == ("withdrawn", 2, NOW, NOW)
    [fact] = _facts()
    assert isinstance(fact, ItemWithdrawn)
    assert (fact.item_id, fact.state, fact.version) == (item.id, "withdrawn", 2)


@pytest.mark.parametrize("availability", ["reserved", "rented"])
def test_an_item_with_an_open_rental_cannot_be_withdrawn(availability: str) -> None:
    item = ItemFactory(manager_id=MANAGER, availability=availability)
    with pytest.raises(ItemBusyError):
        services.withdraw_item(item_id=item.id, by=MANAGER, now=NOW)
    item.refresh_from_db()
    assert (item.state, item.version) == ("listed", 1)
    assert _facts() == []


def _reserve_while_withdrawing() -> tuple[str, int]:
    """Withdraw an item in another thread while the transaction that reserves it is open; return its state and its periods."""
    item = ItemFactory(manager_id=MANAGER)
    rental = rental_fact(RentalSnapshot, item_id=item.id, rental_id=ids.uuid7(), version=1, starts_at=NOW)

    def withdraw() -> None:
        try:
            services.withdraw_item(item_id=item.id, by=MANAGER, now=NOW)
        except ItemBusyError:
            pass
        finally:
            connection.close()

    rival = threading.Thread(target=withdraw)
    with transaction.atomic():
        services.reserve_item(rental=rental, now=NOW)
        rival.start()
        rival.join(timeout=0.7)
    rival.join()
    item.refresh_from_db()
    return item.state, BusyPeriod.objects.filter(item=item).count()


@pytest.mark.django_db(transaction=True)
def test_an_item_cannot_be_withdrawn_while_it_is_being_reserved() -> None:
    assert _reserve_while_withdrawing() == ("listed", 1)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_it_would_be_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_lock_item", lambda item_id: Item.objects.filter(id=item_id).first())
    assert _reserve_while_withdrawing() == ("withdrawn", 1)


def test_rentals_of_other_items_do_not_reserve_an_item() -> None:
    item = ItemFactory(manager_id=MANAGER)
    BusyPeriodFactory(item=item, hold="over")
    BusyPeriodFactory()
    assert services.withdraw_item(item_id=item.id, by=MANAGER, now=NOW).state == "withdrawn"
