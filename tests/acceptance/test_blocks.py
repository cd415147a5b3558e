"""A manager blocks days of an item: nobody rents it then, and of a request and a block that race one is refused; with negative controls."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from apps.items.models import BlockedPeriod
from apps.rentals import errors
from apps.rentals.events import PeriodBlocked, PeriodUnblocked
from apps.rentals.models import Block, Listing, Rental
from apps.rentals.queries import blocks
from apps.rentals.services import blocking, lending, requesting, transitions
from gdmarket import clock, databases
from gdmarket.errors import ConflictError
from gdmarket.ids import uuid7
from tests.acceptance.conftest import Drain, Market
from tests.log import recorded

DAY = timedelta(days=1)
NOON = (datetime.now(UTC) + DAY).replace(microsecond=0)


def block(item: dict[str, Any], *, from_day: int = 0, days: int = 2, **more: Any) -> Block:
    period = {"starts_at": NOON + from_day * DAY, "ends_at": NOON + (from_day + days) * DAY}
    whose: dict[str, Any] = {"block_id": uuid7(), "item_id": UUID(item["id"]), "by": UUID(item["manager"]), "now": clock.now()}
    return blocking.block_period(**{**whose, **period, **more})


def ask(market: Market, item: dict[str, Any], *, from_day: float = 0, days: float = 1, **more: Any) -> Any:
    period = {"starts_at": (NOON + from_day * DAY).isoformat(), "ends_at": (NOON + (from_day + days) * DAY).isoformat()}
    return market.renter.post("/api/v1/rentals", {"item": item["id"], **period, **more}, format="json")


def found(market: Market, *, from_day: int, days: int = 1) -> list[str]:
    period = {"free_from": (NOON + from_day * DAY).isoformat(), "free_to": (NOON + (from_day + days) * DAY).isoformat()}
    return [item["id"] for item in market.anyone.get("/api/v1/items", period).json()["results"]]


def test_a_blocked_period_is_neither_requested_nor_booked_and_the_next_free_one_is_told(market: Market, drain: Drain) -> None:
    item = market.register()
    drain()
    block(item, from_day=1, days=2, reason="배터리 수리")
    block(item, from_day=4, days=1)

    for from_day, days in ((1, 1), (0, 1.5), (2.5, 1), (0, 9), (1.5, 0.5)):
        refused = ask(market, item, from_day=from_day, days=days)
        assert (refused.status_code, refused.json()["code"]) == (409, "period_taken")
    walk_in = {"renter_name": "김철수", "starts_at": (NOON + DAY).isoformat(), "ends_at": (NOON + 2 * DAY).isoformat()}
    booked = market.manager.post("/api/v1/rentals/walk-in", {"item": item["id"], **walk_in}, format="json")
    assert booked.json()["code"] == "period_taken"
    assert Rental.objects.count() == 0

    def next_free(*, days: int) -> str:
        return str(ask(market, item, from_day=1, days=days).json()["next_free"]["starts_at"])

    assert datetime.fromisoformat(next_free(days=1)) == NOON + 3 * DAY
    assert datetime.fromisoformat(next_free(days=2)) == NOON + 5 * DAY
    assert [ask(market, item, from_day=from_day, payment_method="pm_ok").status_code for from_day in (0, 3)] == [
        201,
        201,
    ]  # beside the blocks


def test_searches_for_free_days_know_blocks_until_they_are_lifted(market: Market, drain: Drain) -> None:
    item, other = market.register(), market.register()
    drain()
    blocked = block(item, from_day=1, days=2)
    drain()

    assert (set(found(market, from_day=0)), found(market, from_day=1), found(market, from_day=2, days=3)) == (
        {item["id"], other["id"]},
        [other["id"]],
        [other["id"]],
    )
    assert market.availability(item) == "available"

    blocking.unblock_period(block_id=blocked.id, by=blocked.manager_id, now=clock.now())
    drain()

    assert set(found(market, from_day=1)) == {item["id"], other["id"]}
    assert ask(market, item, from_day=1).status_code == 201
    assert [type(row.event) for row in recorded((PeriodBlocked, PeriodUnblocked))] == [PeriodBlocked, PeriodUnblocked]
    assert (Block.objects.count(), BlockedPeriod.objects.get().is_lifted) == (0, True)


def test_facts_of_a_block_may_come_in_any_order_and_again(market: Market, drain: Drain) -> None:
    from apps.items import handlers  # noqa: PLC0415  # what the bus calls

    item = market.register()
    drain()
    blocked = block(item)
    blocking.unblock_period(block_id=blocked.id, by=blocked.manager_id, now=clock.now())
    set_, lifted = (row.event for row in recorded((PeriodBlocked, PeriodUnblocked)))
    for event in (lifted, set_, set_, lifted):
        (handlers.on_period_blocked if event is set_ else handlers.on_period_unblocked)(event)
        assert BlockedPeriod.objects.get().is_lifted


@pytest.mark.parametrize("commands", [[], ["pay"], ["pay", "handover"]])
def test_a_period_that_a_rental_holds_is_not_blocked(market: Market, drain: Drain, commands: list[str]) -> None:
    item = market.register()
    rental = market.request(item, starts_at=NOON.isoformat(), ends_at=(NOON + DAY).isoformat())
    for command in commands:
        _ = market.pay(rental) if command == "pay" else market.command(market.manager, rental, command)
    drain()

    with pytest.raises(errors.PeriodRentedError) as refused:
        block(item)

    assert refused.value.details == {"rental": rental["id"]}
    if commands == ["pay", "handover"]:  # it is out from the handover on
        with pytest.raises(errors.PeriodRentedError):
            block(item, starts_at=NOON - DAY / 2, ends_at=NOON)
    block(item, from_day=1)
    drain()
    assert (Block.objects.count(), BlockedPeriod.objects.count()) == (1, 1)


def test_what_is_over_or_overdue_blocks_as_it_should(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    market.command(market.manager, rental, "handover")
    now = datetime.fromisoformat(rental["ends_at"]) + DAY  # it is a day late
    with pytest.raises(errors.PeriodRentedError):
        block(item, starts_at=now - DAY / 2, ends_at=now + DAY, now=now)
    block(item, starts_at=now + DAY, ends_at=now + 2 * DAY, now=now)  # it may be back by then
    lending.take_back(rental_id=UUID(rental["id"]), by=UUID(item["manager"]), now=now)
    block(item, starts_at=now - DAY / 2, ends_at=now + DAY, now=now)
    assert Block.objects.count() == 2


@pytest.mark.parametrize(
    ("period", "refusal"),
    [
        ({"ends_at": NOON}, errors.PeriodReversedError),
        ({"starts_at": NOON - 9 * DAY, "ends_at": NOON - 2 * DAY}, errors.PeriodPastError),
        ({"ends_at": NOON + 400 * DAY}, errors.PeriodTooFarError),
        ({"item_id": uuid7()}, errors.ListingNotFoundError),
        ({"by": uuid7()}, errors.NotTheManagerError),
    ],
)
def test_what_cannot_be_blocked_is_refused_and_nothing_is_told(
    market: Market, drain: Drain, period: dict[str, Any], refusal: type[Exception]
) -> None:
    item = market.register()
    drain()
    with pytest.raises(refusal):
        block(item, **period)
    assert (Block.objects.count(), recorded([PeriodBlocked])) == (0, [])


def test_a_period_is_blocked_once(market: Market, drain: Drain) -> None:
    item = market.register()
    drain()
    first = block(item)
    assert block(item, block_id=first.id) == first
    with pytest.raises(errors.AlreadyBlockedError):
        block(item, from_day=1)
    assert len(recorded([PeriodBlocked])) == 1
    for block_id, by in ((first.id, uuid7()), (uuid7(), first.manager_id)):
        with pytest.raises(errors.BlockNotFoundError):
            blocking.unblock_period(block_id=block_id, by=by, now=clock.now())
    assert list(blocks.list_blocks(item_ids=[first.item_id], since=NOON, until=NOON + DAY)) == [first]
    assert list(blocks.list_blocks(item_ids=[first.item_id], since=NOON + 2 * DAY, until=NOON + 3 * DAY)) == []


def test_a_paused_item_can_be_blocked_and_a_withdrawn_one_cannot(market: Market, drain: Drain) -> None:
    paused, gone = market.register(), market.register()
    market.manager.post(f"/api/v1/items/{paused['id']}/pause")
    market.manager.delete(f"/api/v1/items/{gone['id']}")
    drain()
    block(paused)
    with pytest.raises(errors.ItemWithdrawnError):
        block(gone)


def test_a_request_costs_no_statement_more_where_no_block_is_ahead(market: Market, drain: Drain) -> None:
    first, free, behind, ahead = (market.register() for _ in range(4))
    drain()
    for item, from_day in ((behind, 0), (ahead, 8)):
        block(item, from_day=from_day, days=1)
    _request(first, from_day=2)  # what the first request of a process alone does

    costs = [_statements(partial(_request, item, from_day=2)) for item in (free, behind, ahead)]

    assert [cost - costs[0] for cost in costs] == [0, 0, 1]
    assert Rental.objects.count() == 4


def _statements(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


# -- Races ------------------------------------------------------------------------------------------------------------------------


def _request(item: dict[str, Any], *, from_day: int = 0) -> None:
    period: dict[str, Any] = {"starts_at": NOON + from_day * DAY, "ends_at": NOON + (from_day + 1) * DAY, "now": clock.now()}
    requesting.request_rental(rental_id=uuid7(), item_id=UUID(item["id"]), renter_id=uuid7(), **period)


def _while_open(first: Callable[[], object], second: Callable[[], object]) -> tuple[int, int]:
    """Do one while the transaction of the other is open, in another thread; return how many rentals and blocks there are."""

    def rival() -> None:
        try:
            with suppress(ConflictError):
                second()
        finally:
            connections.close_all()

    thread = threading.Thread(target=rival)
    with databases.transaction_for("rentals"):
        first()
        thread.start()
        thread.join(timeout=0.7)
    thread.join()
    return Rental.objects.count(), Block.objects.count()


def test_a_block_waits_for_a_request_and_is_refused(market: Market, drain: Drain) -> None:
    item = market.register()
    drain()
    assert _while_open(partial(_request, item), partial(block, item)) == (1, 0)


def test_a_request_waits_for_a_block_and_is_refused(market: Market, drain: Drain) -> None:
    item = market.register()
    drain()
    assert _while_open(partial(block, item), partial(_request, item)) == (0, 1)


@pytest.mark.postgresql
@pytest.mark.parametrize("is_block_first", [True, False])
def test_without_the_lock_both_would_have_the_days(
    market: Market, drain: Drain, monkeypatch: pytest.MonkeyPatch, is_block_first: bool
) -> None:
    item = market.register()
    drain()
    monkeypatch.setattr(transitions, "lock_listing", lambda item_id: (Listing.objects.get(item_id=item_id), False))
    pair = (partial(block, item), partial(_request, item))
    assert _while_open(*(pair if is_block_first else reversed(pair))) == (1, 1)


def test_of_many_that_race_either_one_request_or_one_block_has_the_days(market: Market, drain: Drain) -> None:
    from tests.unit.payments.actions import concurrently  # noqa: PLC0415  # for this one alone

    item = market.register()
    drain()

    def attempt(number: int) -> str:
        try:
            (block if number % 2 else _request)(item)
        except ConflictError as refused:
            return refused.code
        return "done"

    for _ in range(3):
        outcomes: list[Any] = concurrently([partial(attempt, number) for number in range(8)])
        assert outcomes.count("done") == 1
        assert set(outcomes) <= {"done", "period_taken", "period_rented", "already_blocked"}
        assert (Rental.objects.count(), Block.objects.count()) in {(1, 0), (0, 1)}
        Rental.objects.all().delete()
        Block.objects.all().delete()
