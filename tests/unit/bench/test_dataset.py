"""What the bench copies in bulk is consistent, as the market itself would have written it."""

from pathlib import Path

import pytest
from django.core.management import call_command

from apps.items.models import BusyPeriod, Item
from apps.rentals.models import Listing, Rental
from bench.bus.backlog import Backlog, pending
from bench.dataset import load_market
from gdmarket import bus
from gdmarket.bus.models import Delivery, Event
from tests.unit.status_view.commands import check, rebuild

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.nightly("sqlite")]  # slow: by day on PostgreSQL alone


@pytest.fixture(autouse=True)
def _demo() -> None:
    call_command("load_demo")
    bus.run_until_idle()


def test_a_backlog_waits_for_the_status_view_and_is_delivered_in_full(tmp_path: Path) -> None:
    backlog = Backlog(deliveries=200, folder=tmp_path)

    backlog.refill()

    deliveries = pending()
    assert deliveries >= 200
    assert bus.run_until_idle() == deliveries
    assert not Delivery.objects.exists()


def test_a_loaded_market_agrees_with_its_log_and_its_view_is_rebuilt_from_nothing() -> None:
    before = {model: model.objects.count() for model in (Rental, BusyPeriod, Item, Listing)}
    returned = Event.objects.filter(type="rentals.RentalReturned").count()

    assert load_market(rentals=40) == 2

    rebuild()
    assert check()[0] == 0
    added = [model.objects.count() - rows for model, rows in before.items()]
    assert added == [40, 40, 2, 2]
    assert Event.objects.filter(type="rentals.RentalReturned").count() - returned == 30
    assert not Delivery.objects.filter(version__gt=0).exists()
