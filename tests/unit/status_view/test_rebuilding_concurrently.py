"""Rebuilding while facts arrive and people read; killed and continued; one at a time."""

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import islice
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import connection, transaction
from django.db.models import F

from apps.items.events import ItemRegistered
from apps.rentals.events import RentalHandedOver, RentalOverdue, RentalRequested, RentalReturned
from apps.status_view.errors import RebuildLostError
from apps.status_view.models import ItemStatus, Rebuild, RentalStatus
from apps.status_view.services import owners, rebuilding
from apps.status_view.services.rebuilding import LEASE
from gdmarket import bus, clock
from gdmarket.bus.models import Delivery
from tests.unit.status_view.commands import check, rebuild
from tests.unit.status_view.facts import ItemFacts, RentalFacts, deliver, lock_nothing, record, rental_row, rows, whole_market

pytestmark = pytest.mark.usefixtures("only_status_view")
REBUILT = "The status view is rebuilt. Rows: 5."


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "PAGE", 2)


def rebuild_pages() -> Generator[int, None, None]:
    return rebuilding.rebuild_view(now=clock.now())


def expire_the_lease() -> None:
    Rebuild.objects.update(leased_until=F("leased_until") - LEASE)


def spoil_the_rows() -> None:
    RentalStatus.objects.update(price=1)
    ItemStatus.objects.update(name="x")


def run_in_background(work: Callable[[], None]) -> tuple[threading.Thread, list[BaseException]]:
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


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Return a list of actions to run between the reading of the log and the writing of the first page."""
    actions: list[Callable[[], None]] = []
    history = bus.history

    def read_and_pause(**wanted: Any) -> Any:
        facts = history(**wanted)
        while actions:
            actions.pop()()
        return facts

    monkeypatch.setattr(bus, "history", read_and_pause)
    return actions


@pytest.fixture
def rental() -> RentalFacts:
    item = ItemFacts()
    rental = RentalFacts(item)
    record(item.then(ItemRegistered), rental.then(RentalRequested))
    bus.run_until_idle()
    return rental


@pytest.mark.parametrize("compared", [True, False])
def test_a_fact_handled_after_the_owners_were_asked_is_kept_by_comparing_revisions(
    rental: RentalFacts, meanwhile: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch, compared: bool
) -> None:
    if not compared:
        monkeypatch.setattr(rebuilding, "_has_changed", lambda _row, *, since: False)  # noqa: ARG005  # the real one's signature

    def hand_over() -> None:
        record(rental.then(RentalHandedOver, state="rented"))
        bus.run_until_idle()

    spoil_the_rows()
    meanwhile.append(hand_over)
    list(rebuild_pages())

    assert rental_row(rental).state == ("rented" if compared else "requested")
    assert check()[0] == (0 if compared else 1)


def _rebuild_while_a_handler_holds_the_row(rental: RentalFacts, meanwhile: list[Callable[[], None]]) -> None:
    """Handle a fact in a transaction that commits while the rebuild waits to write the same row."""
    fact = rental.then(RentalHandedOver, state="rented")
    handled, threads = threading.Event(), []
    spoil_the_rows()

    def handle_and_hold() -> None:
        with transaction.atomic():
            deliver(fact)
            handled.set()
            threading.Event().wait(0.5)

    def start() -> None:
        record(fact)
        threads.append(run_in_background(handle_and_hold))
        assert handled.wait(10)

    meanwhile.append(start)
    list(rebuild_pages())
    [(thread, failures)] = threads
    thread.join()
    assert failures == []


@pytest.mark.postgresql
@pytest.mark.parametrize("locked", [True, False])
def test_a_fact_whose_handler_holds_the_row_is_kept_by_the_lock(
    rental: RentalFacts, meanwhile: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    if not locked:
        lock_nothing(monkeypatch)

    _rebuild_while_a_handler_holds_the_row(rental, meanwhile)

    assert rental_row(rental).state == ("rented" if locked else "requested")


def test_facts_handled_between_pages_stay(rental: RentalFacts) -> None:
    pages = rebuild_pages()
    next(pages)

    record(rental.then(RentalHandedOver, state="rented"), rental.then(RentalReturned, state="returned"))
    bus.run_until_idle()
    list(pages)

    assert rental_row(rental).state == "returned"
    assert check()[0] == 0


def test_facts_older_than_the_snapshots_change_nothing() -> None:
    record(*whole_market())

    rebuild()
    rebuilt = rows()
    bus.run_until_idle()

    assert rows() == rebuilt
    assert check()[0] == 0


def test_a_rental_that_falls_overdue_meanwhile_is_overdue_afterwards(rental: RentalFacts) -> None:
    record(rental.then(RentalHandedOver, state="rented"))
    bus.run_until_idle()
    pages = rebuild_pages()
    record(rental.then(RentalOverdue, overdue=True))

    # The owner, asked as of a moment before, would say that it is not.
    list(pages)
    bus.run_until_idle()

    assert (rental_row(rental).overdue, ItemStatus.objects.get().current_overdue) == (True, True)


def test_pending_deliveries_are_reported_only_when_they_do_not_arrive(market: dict[str, Any]) -> None:
    record(ItemFacts().then(ItemRegistered))

    assert check()[0] == 1
    arriving, _ = run_in_background(_deliver_soon)
    assert check(patience=2.0)[0] == 0
    arriving.join()


def _deliver_soon() -> None:
    threading.Event().wait(0.2)
    bus.run_until_idle()


def test_killed_after_any_page_it_resumes_there(market: dict[str, Any]) -> None:
    pages = len(list(rebuild_pages()))
    assert pages >= 4
    for killed_after in range(1, pages):
        spoil_the_rows()
        killed = rebuild_pages()
        done = list(islice(killed, killed_after))[-1]
        at = Rebuild.objects.values("step", "last_id", "rows_done").get()
        killed.close()
        expire_the_lease()

        assert Rebuild.objects.values("step", "last_id", "rows_done").get() == at
        assert [rows_done for rows_done in rebuild_pages() if rows_done < done] == []
        assert rows() == market
    assert Rebuild.objects.values_list("step", "rows_done").get() == ("", 0)


def test_only_one_rebuild_runs_at_a_time(market: dict[str, Any]) -> None:
    with closing(rebuild_pages()) as first:
        next(first)

        with pytest.raises(CommandError, match="A rebuild of the status view is running"):
            rebuild()

        assert len(list(first)) > 2
    assert rebuild() == REBUILT


def test_a_rebuild_that_lost_its_lease_writes_nothing(market: dict[str, Any]) -> None:
    frozen = rebuild_pages()
    next(frozen)
    expire_the_lease()
    rebuild()
    spoil_the_rows()
    before = rows(), Rebuild.objects.values().get()

    with pytest.raises(RebuildLostError):
        list(frozen)

    assert (rows(), Rebuild.objects.values().get()) == before


def test_a_stopped_rebuild_can_be_continued_at_once_or_begun_anew(market: dict[str, Any]) -> None:
    for restart in (False, True):
        spoil_the_rows()
        stopped = rebuild_pages()
        next(stopped)
        stopped.close()
        spoil_the_rows()
        assert rebuild(dry_run=True) == "A rebuild would resume after 2 of about 5 rows. Nothing was changed."

        assert rebuild(restart=restart) == REBUILT

        assert RentalStatus.objects.filter(price=1).count() == (0 if restart else 2)
    assert rows() == market
    assert rebuild(dry_run=True) == "A rebuild would start with the first of about 5 rows. Nothing was changed."


def test_reads_and_deliveries_work_meanwhile(market: dict[str, Any]) -> None:
    done = threading.Event()
    known = [key[7:] for key in market if key.startswith("rental:")]
    seen: set[int] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(RentalStatus.objects.filter(version__gt=0, id__in=known).count())

    def deliver() -> None:
        for _ in range(3):
            record(*whole_market())
            bus.run_until_idle()

    reader, cannot_read = run_in_background(read)
    deliverer, cannot_deliver = run_in_background(deliver)
    while deliverer.is_alive():
        spoil_the_rows()
        rebuild()
    deliverer.join()
    done.set()
    reader.join()

    assert (cannot_read, cannot_deliver) == ([], [])
    assert seen == {3}
    rebuild()
    assert not Delivery.objects.exists()
    assert check()[0] == 0
    assert {name: row for name, row in rows().items() if name in market} == market
    assert len(rows()) == 20
