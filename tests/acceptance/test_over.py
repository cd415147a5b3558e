"""A rental whose period is over: no command revives it or moves money for it, and what was never fetched is free again."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from apps.payments.gateways.port import NoAnswerError, NotSentError
from apps.payments.models import Payment
from apps.rentals.models import Rental
from apps.rentals.queries import count_open, work_queues
from apps.rentals.queries.work_queues import WorkQueue
from apps.rentals.services import cancelling
from gdmarket import clock
from gdmarket.bus.models import Event
from tests.acceptance.conftest import Drain, Market, PassTime
from tests.acceptance.short_rentals import facts, post, refusal, request_paid, soon, status
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.usefixtures("short_rentals")


# -- Nothing is paid, and nothing lives again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("timers_are_late", [True, False])
def test_a_hold_ends_with_its_period_and_nothing_is_paid_after_it(
    market: Market, drain: Drain, pass_time: PassTime, timers_are_late: bool
) -> None:
    rental = market.request(market.register(), ends_at=soon(seconds=6))
    assert rental["payment_due_at"] == rental["ends_at"]

    pass_time(seconds=9)
    if not timers_are_late:
        drain()

    assert refusal(market.pay(rental)) == (409, "period_over")
    assert market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment").status_code == 409
    assert refusal(market.pay(rental)) == (409, "period_over")
    assert not Payment.objects.exists()
    drain()
    assert market.see(rental)["state"] == "expired"


def test_a_provider_that_is_unavailable_prolongs_no_hold_beyond_its_period(market: Market, provider: FakeGateway) -> None:
    rental = market.request(market.register(), ends_at=soon(minutes=10))
    provider.fails["charge"] = lambda: NotSentError("overloaded", retry_after_s=3600)

    assert refusal(market.pay(rental)) == (503, "payment_unavailable")
    assert market.see(rental)["payment_due_at"] <= rental["ends_at"]


def test_a_renter_cannot_cancel_what_is_over(market: Market, drain: Drain, pass_time: PassTime) -> None:
    _item, rental = request_paid(market)
    pass_time(minutes=31)

    for _ in ("before the timer", "after the timer"):
        before = market.see(rental)
        assert refusal(post(market.renter, rental, "cancel", reason="never mind")) == (409, "period_over")
        assert refusal(market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment")) == (409, "period_over")
        assert market.see(rental) == before
        drain()
    assert [payment.refunded for payment in Payment.objects.all()] == [0]


def test_the_manager_cancels_what_is_over_with_a_reason_and_the_money_goes_back(market: Market, drain: Drain, pass_time: PassTime) -> None:
    item, rental = request_paid(market)
    pass_time(minutes=31)
    drain()

    assert refusal(post(market.manager, rental, "cancel")) == (400, "reason_required")
    for nothing in (" \n", "\u3164\u200b"):
        assert refusal(post(market.manager, rental, "cancel", reason=nothing)) == (400, "reason_required")
    assert market.see(rental)["state"] == "no_show"
    answer = post(market.manager, rental, "cancel", reason="The shop was shut.\nOur mistake.")
    drain()

    assert answer.status_code in {200, 202}
    shown = status(market, rental)
    assert (shown["state"], shown["cancelled_by"], shown["money"]["refunded"]) == ("cancelled", "manager", rental["price"])
    assert next(entry for entry in shown["timeline"] if entry["fact"] == "RentalCancelled")["reason"] == "The shop was shut.\nOur mistake."
    assert market.availability(item) == "available"


@pytest.mark.parametrize("charged", [True, False])
def test_an_attempt_whose_outcome_comes_after_the_end_leaves_the_rental_expired_and_the_money_with_the_renter(
    market: Market, provider: FakeGateway, drain: Drain, pass_time: PassTime, charged: bool
) -> None:
    rental = market.request(market.register(), ends_at=soon(minutes=1))
    (provider.loses if charged else provider.fails)["charge"] = lambda: NoAnswerError("timeout")
    assert market.pay(rental).json()["state"] == "paying"

    pass_time(minutes=2)
    drain()
    pass_time(minutes=10)
    drain()

    shown = status(market, rental)
    assert shown["state"] == "expired"
    assert shown["money"]["paid"] - shown["money"]["refunded"] == 0
    assert ("RentalRefundDue" in facts(market, rental)) == charged
    assert "RentalPaid" not in facts(market, rental)
    assert market.availability({"id": rental["item"]}) == "available"


def test_an_approval_that_comes_after_the_end_within_one_call_is_refunded(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register(), ends_at=soon(seconds=2))
    provider.on_answer["charge"] = lambda: time.sleep(2.1)

    refused = market.pay(rental)
    assert (refusal(refused), refused.json()["rental"]["id"]) == ((409, "period_over"), rental["id"])
    assert "money that was taken goes back" in refused.json()["detail"]
    drain()

    shown = status(market, rental)
    assert (shown["state"], shown["money"]["paid"], shown["money"]["refunded"]) == ("expired", rental["price"], rental["price"])


def test_a_payment_cancelled_in_time_whose_refund_comes_after_the_end_holds_nothing_again(
    market: Market, provider: FakeGateway, drain: Drain, pass_time: PassTime
) -> None:
    _item, rental = request_paid(market, ends_at=soon(minutes=1))
    provider.fails["refund"] = lambda: NoAnswerError("timeout")
    assert market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment").status_code == 202

    pass_time(minutes=2)
    provider.fails.clear()
    drain()
    pass_time(minutes=10)
    drain()

    assert market.see(rental)["state"] == "expired"
    assert status(market, rental)["money"]["refunded"] == rental["price"]


# -- Never fetched -------------------------------------------------------------------------------------------------------------------


def waiting() -> list[WorkQueue]:
    """Return the queues of the desk in which there is a rental."""
    now = clock.now()
    manager_id = Rental.objects.get().manager_id
    return [queue for queue in WorkQueue if work_queues.list_work_queue(queue=queue, manager_id=manager_id, now=now, limit=1)]


def test_a_paid_rental_that_was_never_fetched_frees_the_item(market: Market, drain: Drain, pass_time: PassTime) -> None:
    item, rental = request_paid(market)
    drain()
    assert waiting() == [WorkQueue.TO_HAND_OVER]

    pass_time(minutes=31)
    drain()

    shown = status(market, rental)
    assert (shown["state"], shown["turn"], shown["deadline"], shown["overdue"]) == ("no_show", "nobody", None, False)
    assert shown["money"] == {"price": rental["price"], "paid": rental["price"], "refunded": 0, "currency": "KRW"}
    assert facts(market, rental).count("RentalNoShowRecorded") == 1
    assert waiting() == []
    item_status = market.manager.get(f"/api/v1/status/items/{item['id']}").json()
    assert (market.availability(item), item_status["availability"], item_status["current_rental"]) == ("available", "available", None)
    assert refusal(post(market.manager, rental, "handover")) == (409, "period_over")
    market.request(item, by=market.neighbour)


def test_an_item_whose_renter_never_came_can_be_withdrawn(market: Market, drain: Drain, pass_time: PassTime) -> None:
    item, _rental = request_paid(market)
    pass_time(minutes=31)
    drain()

    assert market.manager.delete(f"/api/v1/items/{item['id']}").status_code == 204


def test_nothing_is_handed_over_from_the_end_of_the_period_on_though_the_timer_is_late(market: Market, pass_time: PassTime) -> None:
    _item, rental = request_paid(market)
    pass_time(minutes=31)
    before = Event.objects.count()

    assert refusal(post(market.manager, rental, "handover")) == (409, "period_over")
    assert (market.see(rental)["state"], Event.objects.count()) == ("paid", before)
    assert [(open_ones.state, open_ones.late) for open_ones in count_open(now=clock.now()) if open_ones.count] == [("paid", 1)]


def test_a_rental_paid_again_after_its_period_began_is_a_no_show_too(market: Market, drain: Drain, pass_time: PassTime) -> None:
    _item, rental = request_paid(market)
    pass_time(minutes=1)
    drain()
    market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment")
    drain()
    assert market.pay(rental).json()["state"] == "paid"

    pass_time(minutes=30)
    drain()

    assert market.see(rental)["state"] == "no_show"


def test_an_item_refused_late_gives_the_money_of_a_no_show_back(market: Market, drain: Drain, pass_time: PassTime) -> None:
    _item, rental = request_paid(market)
    pass_time(minutes=31)
    drain()

    cancelling.refuse_rental(rental_id=Rental.objects.get().id, reason="item_withdrawn", now=clock.now())
    drain()

    shown = status(market, rental)
    assert (shown["state"], shown["cancelled_by"], shown["money"]["refunded"]) == ("cancelled", "system", rental["price"])


# -- Periods and prices --------------------------------------------------------------------------------------------------------------


def test_the_next_free_period_is_accepted_as_it_stands(market: Market) -> None:
    item = market.register()
    market.request(item, ends_at=soon(hours=5, microseconds=1))

    refused = market.neighbour.post("/api/v1/rentals", {"item": item["id"]}, format="json")
    answer = market.neighbour.post("/api/v1/rentals", {"item": item["id"], **refused.json()["next_free"]}, format="json")

    assert (refusal(refused), answer.status_code) == ((409, "period_taken"), 201)


def test_there_is_no_next_free_period_beyond_the_horizon(market: Market) -> None:
    item = market.register()
    market.request(item, ends_at=soon(days=365, hours=-1))

    refused = market.neighbour.post("/api/v1/rentals", {"item": item["id"]}, format="json")

    assert (refusal(refused), refused.json()["next_free"]) == ((409, "period_taken"), None)


def test_a_day_by_a_clock_that_is_two_seconds_fast_costs_one_day(market: Market) -> None:
    rental = market.request(market.register(daily_price=8_000), ends_at=soon(days=1, seconds=2))
    assert rental["price"] == 8_000


def test_nobody_rents_for_a_microsecond(market: Market, settings: Settings) -> None:
    settings.GDMARKET_SHORTEST_RENTAL_S = 3600
    item = market.register()
    start = clock.now() + timedelta(hours=1)
    for lasting in (timedelta(microseconds=1), timedelta(minutes=59, seconds=59)):
        period = {"starts_at": start.isoformat(), "ends_at": (start + lasting).isoformat()}
        refused = market.renter.post("/api/v1/rentals", {"item": item["id"], **period}, format="json")
        assert refusal(refused) == (400, "period_too_short")
    assert not Rental.objects.exists()


def test_a_rental_is_in_whole_seconds(market: Market) -> None:
    start = (clock.now() + timedelta(hours=1)).replace(microsecond=0)
    rental = market.request(market.register(), starts_at=(start + timedelta(milliseconds=700)).isoformat())
    assert rental["starts_at"] == start.isoformat().replace("+00:00", "Z")


def test_a_rental_is_headed_with_the_day_where_the_market_is() -> None:
    rental = Rental(item_name="drill", starts_at=datetime(2026, 12, 9, 15, 30, tzinfo=UTC))
    assert str(rental) == "drill (2026-12-10)"
