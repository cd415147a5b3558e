"""Partial refunds: the rental is unchanged, and a cancel refunds the rest."""

from typing import Any

import pytest
from django.core.management import call_command

from apps.payments.gateways.port import NoAnswerError
from apps.payments.models import Refund
from tests.acceptance.conftest import Drain, Market, PassTime
from tests.acceptance.webhooks import payment_of
from tests.factories.accounts import UserFactory
from tests.unit.payments.actions import balances
from tests.unit.payments.fake_gateway import FakeGateway


def give_back(rental: dict[str, Any], amount: int | None = None, reason: str = "it was late") -> None:
    """Give a part of a rental's payment back as an operator, or all that is left of it."""
    operator = UserFactory(operator=True)
    wanted = "--all" if amount is None else str(amount)
    call_command("refund_payment", str(payment_of(rental).id), wanted, reason=reason, by=operator.email, verbosity=0)


def money_of(market: Market, rental: dict[str, Any]) -> tuple[str, int, int]:
    """Return a rental's state, what was paid and what was refunded, as the status view shows them."""
    row = market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()
    return row["state"], row["money"]["paid"], row["money"]["refunded"]


def test_partial_refunds_add_up_in_the_status_view_and_the_rental_stays_paid(market: Market, provider: FakeGateway, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)

    seen = []
    for amount in (1_000, 2_500):
        give_back(rental, amount)
        drain()
        seen.append(money_of(market, rental))

    assert seen == [("paid", 8_000, 1_000), ("paid", 8_000, 3_500)]
    assert (market.see(rental)["state"], market.see(rental)["payment"]["state"]) == ("paid", "approved")
    assert market.availability(item) == "reserved"
    assert balances() == {"manager_payable": -4_500, "provider_clearing": 4_500}
    assert market.command(market.manager, rental, "handover").json()["state"] == "rented"


def test_after_a_partial_refund_a_cancel_refunds_the_rest(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    give_back(rental, 3_000)

    answer = market.command(market.renter, rental, "cancel")
    drain()

    assert answer.status_code in {200, 202}
    assert money_of(market, rental) == ("cancelled", 8_000, 8_000)
    assert sorted(Refund.objects.values_list("amount", flat=True)) == [3_000, 5_000]
    assert (provider.records[payment_of(rental).id].refunded, balances()) == (8_000, {})


def test_after_a_partial_refund_the_payment_can_be_cancelled_and_made_again(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    give_back(rental, 3_000)
    market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment")
    drain()

    assert market.pay(rental).json()["state"] == "paid"
    drain()

    assert money_of(market, rental) == ("paid", 16_000, 8_000)
    assert balances() == {"manager_payable": -8_000, "provider_clearing": 8_000}


def test_a_rebuilt_view_shows_the_same(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    give_back(rental, 3_000)
    drain()
    call_command("check_status_view", verbosity=0)
    call_command("rebuild_status_view", verbosity=0)
    assert money_of(market, rental) == ("paid", 8_000, 3_000)


def timeline_of(market: Market, rental: dict[str, Any]) -> list[dict[str, Any]]:
    return list(market.manager.get(f"/api/v1/status/rentals/{rental['id']}").json()["timeline"])


def test_a_part_says_who_gave_it_back_and_why(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    give_back(rental, 3_000, "사흘 늦게 건네받음")
    drain()

    (entry,) = (entry for entry in timeline_of(market, rental) if entry["fact"] == "PaymentPartlyRefunded")

    assert (entry["by"], entry["reason"], entry["amount"]) == ("operator", "사흘 늦게 건네받음", 3_000)
    call_command("check_status_view", verbosity=0)


def test_all_of_it_before_the_handover_cancels_the_rental(market: Market, provider: FakeGateway, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    give_back(rental, 3_000)

    give_back(rental, reason="고장")
    drain()

    seen = market.see(rental)
    assert (seen["state"], seen["cancelled_by"], seen["payment"]["state"]) == ("cancelled", "operator", "refunded")
    assert (money_of(market, rental), balances(), market.availability(item)) == (("cancelled", 8_000, 8_000), {}, "available")
    assert provider.calls.count("refund") == 2
    told = {entry["fact"]: (entry.get("by"), entry.get("reason")) for entry in timeline_of(market, rental)}
    assert told["PaymentRefunded"] == told["RentalCancelRequested"] == told["RentalCancelled"] == ("operator", "고장")
    assert "RentalRefundDue" not in told
    call_command("check_status_view", verbosity=0)


def test_all_of_it_after_the_handover_leaves_the_rental_as_it_is(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    market.command(market.manager, rental, "handover")

    give_back(rental, reason="고장")
    drain()

    assert money_of(market, rental) == ("rented", 8_000, 8_000)
    assert market.see(rental)["payment"]["state"] == "refunded"
    assert [entry["fact"] for entry in timeline_of(market, rental)][-2:] == ["PaymentRefunded", "RentalRefunded"]
    assert market.command(market.manager, rental, "return").json()["state"] == "returned"
    drain()
    assert market.see(rental)["payment"]["state"] == "refunded"
    assert (payment_of(rental).state, balances()) == ("refunded", {})
    call_command("check_status_view", verbosity=0)


def test_all_of_it_after_the_return_says_so_too(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    for command in ("handover", "return"):
        market.command(market.manager, rental, command)

    give_back(rental, reason="고장")
    drain()

    seen = market.see(rental)
    assert (seen["state"], seen["payment"]["state"], money_of(market, rental)) == ("returned", "refunded", ("returned", 8_000, 8_000))
    call_command("check_status_view", verbosity=0)


@pytest.mark.usefixtures("long_sessions")
@pytest.mark.parametrize("in_parts", [False, True])
def test_what_is_to_go_back_in_full_is_not_handed_over_while_the_provider_is_away(
    market: Market, provider: FakeGateway, drain: Drain, pass_time: PassTime, *, in_parts: bool
) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    provider.fails["refund"] = lambda: NoAnswerError("timed_out")
    if in_parts:
        give_back(rental, 3_000)
        drain()
    give_back(rental, reason="고장")

    before_it_is_heard = market.command(market.manager, rental, "handover")
    drain()
    seen = market.see(rental)
    after = market.command(market.manager, rental, "handover")

    for refused in (before_it_is_heard, after):
        assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "wrong_state", "refunding")
    assert (seen["state"], seen["cancel_requested"], seen["cancelled_by"]) == ("refunding", True, "operator")
    provider.fails.clear()
    pass_time(hours=2)
    drain()
    assert (market.see(rental)["state"], money_of(market, rental), balances()) == ("cancelled", ("cancelled", 8_000, 8_000), {})
    call_command("check_status_view", verbosity=0)
