"""Generations side by side: built while facts flow and people read, killed and gone on with, shown at once, and taken back."""

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import islice
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection
from django.db.models import F

from apps.items.events import ItemRegistered
from apps.rentals.events import RentalHandedOver, RentalOverdue, RentalRequested, RentalReturned
from apps.status_view import handlers, services
from apps.status_view.errors import RebuildLostError
from apps.status_view.models import Generations, ItemStatus, RentalStatus
from apps.status_view.services import owners
from apps.status_view.services.generations import LEASE
from gdmarket import bus, clock
from gdmarket.bus.models import Delivery
from tests.unit.status_view.commands import check, rebuild
from tests.unit.status_view.story import ItemTale, RentalTale, item_row, record, rental_row, rows, whole_market

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "PAGE", 2)


def build() -> Generator[services.Progress, None, None]:
    return services.rebuild_view(sources=handlers.SOURCES, now=clock.now())


def let_the_lease_run_out() -> None:
    Generations.objects.update(leased_until=F("leased_until") - LEASE)


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


def test_what_happens_while_it_is_built_goes_into_both_generations() -> None:
    item = ItemTale()
    rental = RentalTale(item)
    record(item.then(ItemRegistered), rental.then(RentalRequested), rental.then(RentalHandedOver, state="rented"))
    bus.run_until_idle()
    building = build()
    next(building)
    assert (rental_row(rental).state, item_row(item).availability) == ("rented", "rented")

    record(rental.then(RentalReturned, state="returned"))
    bus.run_until_idle()

    assert (rental_row(rental).generation, rental_row(rental).state, item_row(item).availability) == (1, "returned", "available")
    list(building)
    assert (rental_row(rental).generation, rental_row(rental).state, item_row(item).availability) == (2, "returned", "available")
    assert check()[0] == 0


def test_a_rebuild_before_any_delivery_leaves_those_nothing_to_do() -> None:
    record(*whole_market())

    rebuild()
    rebuilt = rows()
    bus.run_until_idle()

    assert rows() == rebuilt
    assert check()[0] == 0


def test_killed_after_any_page_it_goes_on_from_there(told: dict[str, Any]) -> None:
    pages = len(list(build()))
    assert pages >= 4
    for killed_after in range(1, pages):
        assert len(list(islice(build(), killed_after))) == killed_after
        killed = Generations.objects.get()
        let_the_lease_run_out()

        rest = list(build())

        assert {progress.generation for progress in rest} == {killed.building}
        assert [progress.built for progress in rest if progress.built < killed.built] == []
        assert rest[-1].built == 5
        assert (Generations.objects.get().active, rows()) == (killed.building, told)


def test_killed_when_all_is_built_and_nothing_shown_the_next_shows_it(told: dict[str, Any]) -> None:
    building = build()
    next(building)
    while Generations.objects.get().step != "done":
        next(building)
    building.close()
    assert Generations.objects.get().active == 1

    assert rebuild().startswith("Generation 2 is read now. Rows built: 5.")

    assert rows() == told


def test_a_rental_that_falls_overdue_while_it_is_built_is_overdue_in_the_next_generation_too() -> None:
    item = ItemTale()
    rental = RentalTale(item)
    record(item.then(ItemRegistered), rental.then(RentalRequested), rental.then(RentalHandedOver, state="rented"))
    bus.run_until_idle()
    building = build()
    record(rental.then(RentalOverdue, overdue=True))

    # The owner, asked as of a moment before, would say that it is not.
    list(building)
    bus.run_until_idle()

    assert (rental_row(rental).generation, rental_row(rental).overdue, item_row(item).current_overdue) == (2, True, True)


def test_the_leftovers_of_earlier_generations_are_cleared_away(told: dict[str, Any]) -> None:
    for _ in range(3):
        rebuild()

    assert set(RentalStatus.every.values_list("generation", flat=True)) == {3, 4}
    assert set(ItemStatus.every.values_list("generation", flat=True)) == {3, 4}


def test_only_one_rebuild_runs_at_a_time(told: dict[str, Any]) -> None:
    with closing(build()) as first:
        next(first)

        with pytest.raises(CommandError, match="A rebuild of the status view is running"):
            rebuild()
        with pytest.raises(CommandError, match="A rebuild of the status view is running"):
            rebuild(discard=True)

        assert len(list(first)) > 2
    assert (Generations.objects.get().active, rows()) == (2, told)


def test_one_that_was_silent_too_long_changes_nothing_more(told: dict[str, Any]) -> None:
    frozen = build()
    next(frozen)
    let_the_lease_run_out()
    rebuild()
    RentalStatus.objects.update(price=1)
    before = list(RentalStatus.every.order_by("key").values()), Generations.objects.values().get()

    with pytest.raises(RebuildLostError):
        list(frozen)

    assert (list(RentalStatus.every.order_by("key").values()), Generations.objects.values().get()) == before


def test_stopped_by_hand_it_lets_the_next_begin_at_once(told: dict[str, Any]) -> None:
    stopped = build()
    next(stopped)
    stopped.close()

    assert rebuild(dry_run=True).startswith("Generation 1 is read. A rebuild would go on with generation 2, 2 rows of which are built")
    assert rebuild().startswith("Generation 2 is read now. Rows built: 5.")


def test_it_can_begin_anew_instead(told: dict[str, Any]) -> None:
    stopped = build()
    next(stopped)
    stopped.close()

    assert rebuild(restart=True).startswith("Generation 3 is read now. Rows built: 5.")

    assert set(RentalStatus.every.values_list("generation", flat=True)) == {1, 3}
    assert rows() == told


def test_the_generation_before_stays_up_to_date_and_can_be_read_again(told: dict[str, Any]) -> None:
    rebuild()
    item = ItemTale()
    record(item.then(ItemRegistered))
    bus.run_until_idle()
    after = rows()

    assert rebuild(rollback=True) == "Generation 1 is read again."
    assert (rows(), check()[0]) == (after, 0)
    assert rebuild(rollback=True) == "Generation 2 is read again."
    assert (rows(), check()[0]) == (after, 0)


def test_there_is_no_way_back_before_a_rebuild_or_after_a_discard_or_amid_the_next(told: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match="There is no previous generation"):
        rebuild(rollback=True)
    rebuild()
    assert rebuild(discard=True) == "Rows deleted: 5. Generation 2 is read."
    with pytest.raises(CommandError, match="There is no previous generation"):
        rebuild(rollback=True)
    with closing(build()) as half:
        next(half)
        with pytest.raises(CommandError, match="The next generation is half built"):
            rebuild(rollback=True)
    assert (Generations.objects.get().active, rows()) == (2, told)
    assert rebuild(discard=True).startswith("Rows deleted: ")
    assert set(RentalStatus.every.values_list("generation", flat=True)) == {2}


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


def test_readers_and_deliveries_go_on_while_it_is_built(told: dict[str, Any]) -> None:
    done = threading.Event()
    ours = [key[7:] for key in told if key.startswith("rental:")]
    seen: set[tuple[int, int]] = set()

    def read() -> None:
        while not done.is_set():
            generations = list(RentalStatus.objects.filter(version__gt=0, id__in=ours).values_list("generation", flat=True))
            seen.add((len(generations), len(set(generations))))

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
    assert seen == {(3, 1)}
    rebuild()
    assert not Delivery.objects.exists()
    assert check()[0] == 0
    assert {name: said for name, said in rows().items() if name in told} == told
    assert len(rows()) == 20
