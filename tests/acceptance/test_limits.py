"""What one account may hold without paying, over HTTP: the market that one account emptied, and the limits that keep it open."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from apps.rentals.events import PaymentDeadlinePassed, RentalRequested
from apps.rentals.models import Rental, Renter
from gdmarket import breaker
from gdmarket.breaker import store
from tests.acceptance.conftest import Drain, Market
from tests.acceptance.webhooks import payment_of
from tests.log import recorded
from tests.passing_time import PassingTime
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.usefixtures("long_sessions")


DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
UNPAID = ("requested", "paying", "refunding")


def ask(market: Market, item: dict[str, Any], **wishes: Any) -> Any:
    return market.renter.post(
        "/api/v1/rentals", {"item": item["id"], **wishes}, format="json", headers={"Idempotency-Key": f"attack-{uuid4()}"}
    )


def cancel_payment(market: Market, rental: dict[str, Any]) -> Any:
    return market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment")


def days_from_now(days: float, *, lasting: float = 1) -> dict[str, Any]:
    start = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
    return {"starts_at": start.isoformat(), "ends_at": (start + timedelta(days=lasting)).isoformat()}


def unpaid_holds() -> list[Rental]:
    return list(Rental.objects.filter(state__in=UNPAID))


@pytest.mark.parametrize("trick", ["pay and cancel the payment", "a payment that cannot be sent"])
def test_one_fresh_account_does_not_empty_the_market(market: Market, pass_time: PassingTime, drain: Drain, trick: str) -> None:
    """The story: requests for everything, then new minutes for each hold just before its end, for as long as anybody looks."""
    items = [market.register(name=f"물건 {number}") for number in range(8)]
    most_held, looks = 0, 12

    for _ in range(looks):
        for item in items:
            ask(market, item, **days_from_now(30, lasting=300))
        most_held = max(most_held, len(unpaid_holds()))
        pass_time(minutes=14)
        for row in unpaid_holds():
            rental = {"id": str(row.id)}
            if trick == "pay and cancel the payment":
                market.pay(rental)
                cancel_payment(market, rental)
            else:
                market.pay(rental, "pm_down")
        breaker.reset()
        drain()

    assert most_held == 3
    held = [(row.closed_at or datetime.now(UTC)) - row.requested_at for row in Rental.objects.all()]
    assert max(held) <= HOUR + timedelta(minutes=1)
    assert max(Rental.objects.filter(item_id=item["id"]).count() for item in items) <= 2
    pass_time(hours=1)
    drain()
    assert not unpaid_holds()
    assert {market.availability(item) for item in items} == {"available"}


def test_a_fourth_unpaid_hold_is_refused_with_the_ids_of_the_three(market: Market) -> None:
    items = [market.register(name=f"물건 {number}") for number in range(4)]
    held = [market.request(item) for item in items[:3]]

    refused = ask(market, items[3])

    assert (refused.status_code, refused.json()["code"], refused.json()["limit"]) == (409, "too_many_unpaid_holds", 3)
    assert sorted(refused.json()["rentals"]) == sorted(rental["id"] for rental in held)
    assert Rental.objects.filter(item_id=items[3]["id"]).count() == 0
    assert market.availability(items[3]) == "available"
    market.pay(held[0])
    assert ask(market, items[3]).status_code == 201


def test_the_limits_are_the_settings(market: Market, settings: Settings) -> None:
    assert (settings.GDMARKET_UNPAID_HOLDS, settings.GDMARKET_UNPAID_HOLDS_PER_ITEM, settings.GDMARKET_LONGEST_HOLD_S) == (3, 2, 3600)
    assert (settings.GDMARKET_DECLINES_PER_RENTAL, settings.GDMARKET_DECLINES_PER_RENTER) == (5, 10)
    assert settings.GDMARKET_CANCELLED_PAYMENTS == 5
    settings.GDMARKET_UNPAID_HOLDS = 1
    market.request(market.register())

    assert ask(market, market.register()).json()["code"] == "too_many_unpaid_holds"


def test_an_item_held_unpaid_is_not_held_for_another_period_too_until_it_is_paid(market: Market) -> None:
    item = market.register()
    first = market.request(item)

    refused = ask(market, item, **days_from_now(3))

    assert (refused.status_code, refused.json()["code"], refused.json()["rental"]) == (409, "item_held_unpaid", first["id"])
    market.pay(first)
    assert ask(market, item, **days_from_now(3)).status_code == 201


def test_who_let_a_hold_expire_leaves_the_item_to_others_for_as_long(market: Market, pass_time: PassingTime, drain: Drain) -> None:
    item = market.register()
    market.request(item)
    pass_time(minutes=15, seconds=1)
    drain()

    refused = ask(market, item)

    assert (refused.status_code, refused.json()["code"]) == (429, "hold_again_later")
    assert 0 < (wait_s := int(refused.headers["Retry-After"])) <= 15 * 60 + 2
    assert f"in 0 h {math.ceil(wait_s / 60)} min" in refused.json()["detail"]
    assert Rental.objects.count() == 1
    assert market.request(item, by=market.neighbour)["state"] == "requested"
    pass_time(minutes=16)
    drain()
    assert ask(market, item).status_code == 201


def test_a_mistake_that_is_corrected_at_once_costs_no_wait_but_a_third_hold_in_a_day_is_refused(
    market: Market, pass_time: PassingTime
) -> None:
    item = market.register()
    for days in (1, 2):
        wrong = market.request(item, **days_from_now(days))
        assert market.command(market.renter, wrong, "cancel").status_code == 200

    refused = ask(market, item)

    assert (refused.status_code, refused.json()["code"]) == (429, "hold_again_later")
    assert 23 * 3600 < int(refused.headers["Retry-After"]) <= 24 * 3600
    pass_time(days=1)
    assert ask(market, item).status_code == 201


def test_what_the_manager_cancelled_was_not_given_up_by_the_renter(market: Market) -> None:
    item = market.register()
    for days in (1, 2, 3):
        rental = market.request(item, **days_from_now(days))
        assert market.command(market.manager, rental, "cancel").status_code == 200

    assert ask(market, item).status_code == 201


def test_a_cancelled_payment_gives_what_is_left_of_the_hour_and_the_time_while_it_was_paid_does_not_count(
    market: Market, pass_time: PassingTime
) -> None:
    rental = market.request(market.register(), **days_from_now(30))
    pass_time(minutes=14)
    market.pay(rental)
    pass_time(days=3)

    again = cancel_payment(market, rental).json()

    assert again["state"] == "requested"
    left = datetime.fromisoformat(again["payment_due_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    for _ in range(2):
        pass_time(minutes=14)
        market.pay(rental)
        again = cancel_payment(market, rental).json()
    assert again["state"] == "requested"
    pass_time(minutes=14)
    assert market.pay(rental).status_code == 200
    assert cancel_payment(market, rental).json()["state"] == "cancelled"


def test_a_payment_cancelled_when_no_hold_is_left_gives_the_money_back_and_cancels_the_rental(
    market: Market, provider: FakeGateway, pass_time: PassingTime, drain: Drain
) -> None:
    item = market.register()
    rental = market.request(item, **days_from_now(30))
    Rental.objects.filter(id=rental["id"]).update(hold_limit_at=datetime.now(UTC) + timedelta(minutes=4))
    market.pay(rental)

    answer = cancel_payment(market, rental)
    drain()

    assert answer.json()["cancel_requested"] is True
    assert market.see(rental)["state"] == "cancelled"
    assert provider.records[payment_of(rental).id].refunded == rental["price"]
    assert market.availability(item) == "available"


def test_cancelled_payments_do_not_add_up_to_more_unpaid_holds_than_are_allowed(market: Market, drain: Drain) -> None:
    paid = [market.request(market.register(name=f"물건 {number}")) for number in range(3)]
    for rental in paid:
        market.pay(rental)
    held = [market.request(market.register(name=f"잡은 것 {number}")) for number in range(2)]

    answers = [cancel_payment(market, rental).json()["state"] for rental in paid]
    drain()

    assert answers == ["requested", "cancelled", "cancelled"]
    assert sorted(str(row.id) for row in unpaid_holds()) == sorted(rental["id"] for rental in (paid[0], *held))


def test_a_hold_is_prolonged_while_the_breaker_is_open_but_never_beyond_its_hour(market: Market, pass_time: PassingTime) -> None:
    rental = market.request(market.register(), **days_from_now(30))
    dues = []
    for _ in range(18):
        store.open_by_hand(name="payments", for_s=3600, reason="test")
        breaker.reset()
        assert market.pay(rental).status_code in {409, 503}
        dues.append(datetime.fromisoformat(market.see(rental)["payment_due_at"]))
        pass_time(minutes=4)

    assert dues[0] > datetime.fromisoformat(rental["payment_due_at"])
    assert max(dues) == datetime.fromisoformat(rental["requested_at"]) + HOUR


def test_a_hold_whose_time_is_over_is_not_prolonged_before_its_timer_comes(market: Market, pass_time: PassingTime) -> None:
    rental = market.see(market.request(market.register(), **days_from_now(30)))
    store.open_by_hand(name="payments", for_s=3600, reason="test")
    breaker.reset()
    pass_time(minutes=16)

    refused = market.pay(rental)

    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert market.see(rental) == rental


def test_a_row_of_the_previous_version_has_an_hour_from_its_request(market: Market, pass_time: PassingTime) -> None:
    rental = market.request(market.register(), **days_from_now(30))
    Rental.objects.update(hold_limit_at=None)
    Renter.objects.all().delete()
    pass_time(minutes=14)
    market.pay(rental)

    again = cancel_payment(market, rental).json()

    assert again["state"] == "requested"
    assert Rental.objects.get().hold_limit_at is not None


def test_a_refusal_leaves_no_event(market: Market) -> None:
    item = market.register()
    market.request(item)
    before = recorded([RentalRequested, PaymentDeadlinePassed])

    assert ask(market, item, **days_from_now(3)).status_code == 409

    assert recorded([RentalRequested, PaymentDeadlinePassed]) == before
