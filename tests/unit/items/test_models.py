"""The constraints of items' tables."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.items.models import BusyPeriod, Item
from tests.factories.items import BusyPeriodFactory, ItemFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"description": "가" * 2_001},
        {"category": ""},
        {"place": ""},
        {"daily_price": 0},
        {"daily_price": 10_000_001},
        {"deposit": 100_000_001},
        {"currency": "USD"},
        {"latitude": 90.1},
        {"latitude": float("nan")},
        {"longitude": -180.1},
        {"state": "withdrawn"},
        {"state": "gone"},
        {"availability": "lost"},
        {"version": 0},
    ],
)
def test_the_database_refuses_an_impossible_item(wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ItemFactory(**wrong)
    assert not Item.objects.exists()


def test_the_database_refuses_an_empty_busy_period() -> None:
    period = BusyPeriodFactory.build(item=ItemFactory())
    period.ends_at = period.starts_at
    with pytest.raises(IntegrityError), transaction.atomic():
        period.save()
    assert not BusyPeriod.objects.exists()


def test_the_database_refuses_an_unknown_hold() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        BusyPeriodFactory(hold="lost", ends_at=ItemFactory().registered_at + timedelta(days=9))
    assert not BusyPeriod.objects.exists()
