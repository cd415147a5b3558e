"""A large market that the bench loads is what the product itself would have, but for its log."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.core.management import call_command

from apps.items.models import Item
from apps.rentals.models import Rental
from apps.status_view.services import checking
from bench import load as loading
from bench.neighbourhoods import Neighbourhoods
from gdmarket import bus, clock

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = datetime(2026, 12, 1, tzinfo=UTC)


def load(*, seed: int = 1) -> None:
    loading.load(items=60, rentals=200, seed=seed, today=TODAY)
    bus.run_until_idle()


def test_a_loaded_market_has_so_many_items_and_rentals_and_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_PART", 20)
    call_command("load_demo")
    bus.run_until_idle()
    demo = Item.objects.count(), Rental.objects.count()

    load()
    load()

    assert (Item.objects.count() - demo[0], Rental.objects.count() - demo[1]) == (60, 200)
    found = {difference.column for row in checking.list_differences(now=clock.now()) for difference in row}
    assert found == {"timeline"}


def test_another_market_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_DEMO_ITEMS", 50)
    load()
    before = Item.objects.count()

    with pytest.raises(SystemExit, match="items of another load"):
        load(seed=2)
    assert Item.objects.count() == before


def test_the_same_seed_gives_the_same_rows() -> None:
    same, again, other = (
        list(Neighbourhoods(items=9, rentals=30, seed=seed, today=TODAY, demo_manager=UUID(int=1), demo_renter=UUID(int=2)).part(0, 1))
        for seed in (1, 1, 2)
    )
    assert same == again
    assert same != other
    assert sum(len(rentals) for _, rentals in same) == 30
