"""The view is rebuilt and checked while it is being read and while facts flow."""

import threading
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from django.db import connection

from apps.items.events import ItemRegistered
from apps.rentals.events import RentalHandedOver, RentalRequested, RentalReturned
from apps.status_view import handlers, services
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import bus
from gdmarket.bus.models import Delivery
from tests.unit.status_view.commands import check, rebuild
from tests.unit.status_view.story import ItemTale, RentalTale, hear, item_row, record, rental_row, rows, whole_market

pytestmark = pytest.mark.usefixtures("alone")


def test_facts_on_their_way_are_an_alarm_only_when_they_do_not_arrive(told: dict[str, Any]) -> None:
    item = ItemTale()
    record(item.then(ItemRegistered))

    assert check()[0] == 1
    arriving = threading.Timer(0.2, _deliver)
    arriving.start()
    assert check(patience=2.0)[0] == 0
    arriving.join()


def _deliver() -> None:
    try:
        bus.run_until_idle()
    finally:
        connection.close()


def test_a_rebuild_that_is_quicker_than_the_deliveries_loses_nothing() -> None:
    item = ItemTale()
    rental = RentalTale(item)
    record(item.then(ItemRegistered), rental.then(RentalRequested), rental.then(RentalHandedOver, state="rented"))
    bus.run_until_idle()
    record(rental.then(RentalReturned, state="returned"))

    # Stopped after the rentals, before it came to the items.
    next(found for found in services.refold_view(log=handlers.LOG, repair=True) if found)
    assert (rental_row(rental).state, item_row(item).availability) == ("returned", "rented")

    assert bus.run_until_idle() == 1
    assert item_row(item).availability == "available"
    assert not Delivery.objects.exists()
    assert check()[0] == 0


def test_a_rebuild_before_any_delivery_leaves_those_nothing_to_do() -> None:
    facts = whole_market()
    record(*facts)

    rebuild()
    rebuilt = rows()
    bus.run_until_idle()

    assert rows() == rebuilt
    assert check()[0] == 0


def test_it_may_be_stopped_anywhere_and_repeated(told: dict[str, Any]) -> None:
    for stop_after in range(5):
        ItemStatus.objects.all().delete()
        RentalStatus.objects.all().delete()
        assert len(list(islice(services.refold_view(log=handlers.LOG, repair=True), stop_after))) == stop_after

        rebuild()

        assert rows() == told


def _in_the_background(work: Callable[[], None]) -> tuple[threading.Thread, list[BaseException]]:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001  # shown by the test
            failures.append(failure)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures


def test_readers_and_deliveries_go_on_while_it_is_rebuilt(told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_PAGE", 2)
    done = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(RentalStatus.objects.filter(version__gt=0, pk__in=[key[7:] for key in told if key.startswith("rental:")]).count())

    def deliver() -> None:
        for _ in range(3):
            record(*whole_market())
            bus.run_until_idle()

    reader, cannot_read = _in_the_background(read)
    deliverer, cannot_deliver = _in_the_background(deliver)
    while deliverer.is_alive():
        RentalStatus.objects.update(price=1)
        ItemStatus.objects.update(name="x")
        rebuild()
    deliverer.join()
    done.set()
    reader.join()

    assert (cannot_read, cannot_deliver) == ([], [])
    assert seen == {3}
    rebuild()
    assert not Delivery.objects.exists()
    flown = rows()
    assert {name: flown[name] for name in told} == told
    ItemStatus.objects.all().delete()
    RentalStatus.objects.all().delete()
    hear(*(recorded.event for recorded in bus.recorded(types=[*handlers.LOG.items, *handlers.LOG.rentals, *handlers.LOG.payments])))
    assert rows() == flown
    assert len(flown) == 20
