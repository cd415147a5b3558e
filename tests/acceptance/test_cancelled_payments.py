"""How often a payment may be cancelled, and holds that came to nothing through no fault of their renter."""

import pytest

from apps.rentals.models import ListingManager, Rental
from gdmarket import breaker
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
