"""How often a payment may be cancelled, and holds that came to nothing through no fault of their renter."""

from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from apps.rentals.models import ListingManager, Rental
from apps.rentals.services import cancelling
from gdmarket import breaker, clock
from gdmarket.bus.models import Event
from tests.acceptance.conftest import Drain, Market
from tests.acceptance.test_limits import ask, cancel_payment, days_from_now
from tests.passing_time import PassingTime

pytestmark = pytest.mark.usefixtures("long_sessions")


def test_a_payment_is_cancelled_three_times_and_the_fourth_time_cancels_the_rental(market: Market, drain: Drain) -> None:
    rental = market.request(market.register(), **days_from_now(30))
    states = []
    for _ in range(4):
        assert market.pay(rental).status_code == 200
        states.append(cancel_payment(market, rental).json()["state"])
    drain()

    assert states == ["requested"] * 3 + ["cancelled"]
    assert market.pay(rental).json()["code"] == "wrong_state"
    assert Event.objects.filter(type="rentals.PeriodBegan").count() == 1


def test_a_period_that_began_while_the_payment_was_cancelled_begins_once_it_is_paid_again(
    market: Market, pass_time: PassingTime, drain: Drain
) -> None:
    rental = market.request(market.register(), **days_from_now(5 / 24 / 60))
    market.pay(rental)
    cancel_payment(market, rental)
    pass_time(minutes=6)
    drain()
    assert Rental.objects.get().began_at is None

    market.pay(rental)
    drain()

    assert Rental.objects.get().began_at is not None


def test_a_hold_that_ran_out_while_the_provider_failed_costs_its_renter_no_wait(
    market: Market, pass_time: PassingTime, drain: Drain
) -> None:
    item = market.register()
    rental = market.request(item, **days_from_now(30))
    pass_time(minutes=14)
    assert market.pay(rental, "pm_down").status_code == 503
    breaker.reset()
    pass_time(minutes=20)
    drain()
    assert market.see(rental)["state"] == "expired"

    assert ask(market, item).status_code == 201


def test_a_hold_that_ran_out_while_the_manager_was_suspended_costs_its_renter_no_wait(
    market: Market, pass_time: PassingTime, drain: Drain
) -> None:
    item = market.register()
    market.request(item)
    manager = ListingManager.objects.create(manager_id=item["manager"], is_suspended=True, version=1)
    pass_time(minutes=16)
    drain()
    manager.delete()

    assert ask(market, item).status_code == 201


def test_the_wait_is_counted_from_the_end_of_the_hold_although_its_timer_was_late(
    market: Market, pass_time: PassingTime, drain: Drain
) -> None:
    item = market.register()
    market.request(item)
    pass_time(minutes=31)
    drain()

    assert ask(market, item).status_code == 201


@pytest.mark.parametrize("command", ["cancel the rental", "cancel the payment, then the rental"])
def test_places_are_not_collected_by_paying_and_cancelling(
    market: Market, pass_time: PassingTime, drain: Drain, settings: Settings, command: str
) -> None:
    items = [market.register() for _ in range(7)]
    answers = [ask(market, item, payment_method="pm_ok", **days_from_now(30)) for item in items[:5]]
    for answer in answers:
        if command != "cancel the rental":
            assert cancel_payment(market, answer.json()).json()["state"] == "requested"
        assert market.command(market.renter, answer.json(), "cancel").status_code == 200
    drain()
    before = Rental.objects.count()

    refused = [ask(market, items[5], **wish) for wish in ({}, {"payment_method": "pm_ok"})]

    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(429, "too_many_cancelled")}
    assert 86_000 < int(refused[0].headers["Retry-After"]) <= 86_400
    assert "5 rentals" in refused[0].json()["detail"]
    assert Rental.objects.count() == before
    assert market.request(items[5], by=market.neighbour)["state"] == "requested"
    settings.GDMARKET_CANCELLED_PAYMENTS = 0
    kept = ask(market, items[6], payment_method="pm_ok").json()
    settings.GDMARKET_CANCELLED_PAYMENTS = 5
    assert market.command(market.renter, kept, "cancel").json()["state"] == "cancelled"
    pass_time(days=1, minutes=1)
    assert ask(market, market.register()).status_code == 201


@pytest.mark.parametrize("by", ["manager", "operator", "market"])
def test_what_others_cancelled_and_what_was_never_paid_is_not_counted_as_cancelled(
    market: Market, settings: Settings, drain: Drain, by: str
) -> None:
    settings.GDMARKET_CANCELLED_PAYMENTS = 1
    unpaid = market.request(market.register())
    market.pay(unpaid, "pm_declined")
    market.command(market.renter, unpaid, "cancel")
    paid_again = ask(market, market.register(), payment_method="pm_ok").json()
    cancel_payment(market, paid_again)
    market.pay(paid_again)
    rental = ask(market, market.register(), payment_method="pm_ok").json()
    if by == "manager":
        market.command(market.manager, rental, "cancel")
    elif by == "operator":
        cancelling.cancel_rental(rental_id=UUID(rental["id"]), by=uuid4(), as_operator=True, now=clock.now())
    else:
        cancelling.refuse_rental(rental_id=UUID(rental["id"]), reason="item_withdrawn", now=clock.now())
    drain()
    assert market.see(rental)["state"] == "cancelled"

    last = ask(market, market.register(), payment_method="pm_ok")
    market.command(market.renter, last.json(), "cancel")

    assert last.status_code == 201
    assert ask(market, market.register()).json()["code"] == "too_many_cancelled"
