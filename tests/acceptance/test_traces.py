"""`bus trace` by what an operator has at hand: the id of a rental, an item, a payment, a refund or a person, or an e-mail address."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.payments.models import Refund
from config import tracing
from gdmarket.bus.models import Event
from tests.acceptance.conftest import Drain, Market

Trace = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def trace(capsys: pytest.CaptureFixture[str]) -> Trace:
    """Return what runs `bus trace … --json` and returns the events."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        call_command("bus", "trace", *arguments, "--json")
        return list(json.loads(capsys.readouterr().out))

    return run


def _cancelled(market: Market, drain: Drain) -> dict[str, Any]:
    rental = market.request(market.register())
    assert market.pay(rental).status_code == 200
    assert market.command(market.renter, rental, "cancel").status_code == 200
    drain()
    return market.see(rental)


def _types(steps: list[dict[str, Any]]) -> set[str]:
    return {step["type"] for step in steps}


def test_a_rental_is_traced_with_its_payment_and_refund_the_newest_first(market: Market, drain: Drain, trace: Trace) -> None:
    rental, other = _cancelled(market, drain), market.request(market.register(), market.neighbour)

    steps = trace(rental["id"])

    assert _types(steps) >= {"rentals.RentalRequested", "payments.PaymentApproved", "payments.RefundRecorded", "payments.PaymentRefunded"}
    assert [step["recorded_at"] for step in steps] == sorted((step["recorded_at"] for step in steps), reverse=True)
    assert not any(other["id"] in step["stream"] for step in steps)
    assert {step["correlation"] for step in steps} == set(
        Event.objects.filter(stream=f"rental:{rental['id']}").values_list("correlation", flat=True)
    )


def test_every_id_of_a_rental_leads_to_it_with_hyphens_or_without(market: Market, drain: Drain, trace: Trace) -> None:
    rental = _cancelled(market, drain)
    payment_id, refund_id = rental["payment"]["id"], str(Refund.objects.get().id)

    of_rental = trace(rental["id"])

    assert trace(payment_id) == trace(refund_id) == trace(UUID(payment_id).hex) == trace(UUID(rental["id"]).hex) == of_rental
    of_item = trace(rental["item"])
    assert _types(of_item) - _types(of_rental) == {"items.ItemRegistered"}


def test_a_person_is_traced_by_id_or_address_however_it_is_written(market: Market, drain: Drain, trace: Trace) -> None:
    rental = _cancelled(market, drain)
    renter, manager = (User.objects.get(id=rental[who]) for who in ("renter", "manager"))

    assert trace(renter.email.upper()) == trace(str(renter.pk)) == trace(rental["id"])
    assert _types(trace(manager.email)) - _types(trace(renter.email)) == {"items.ItemRegistered"}


def test_what_is_outstanding_is_shown_and_a_request_is_named(market: Market, capsys: pytest.CaptureFixture[str]) -> None:
    rental = market.request(market.register())
    event = Event.objects.get(stream=f"rental:{rental['id']}")

    call_command("bus", "trace", rental["id"])

    shown = capsys.readouterr().out
    assert f"rentals.RentalRequested  rental:{rental['id']} v1  of request {event.correlation}" in shown
    assert "waits for rentals: due " in shown  # the timer of the hold
    assert "2 events, the newest first; 1 deliveries outstanding" in shown.splitlines()[-1]


def test_the_newest_events_are_shown_and_that_there_are_more(
    market: Market, drain: Drain, trace: Trace, capsys: pytest.CaptureFixture[str]
) -> None:
    rental = _cancelled(market, drain)

    everything, newest = trace(rental["id"]), trace(rental["id"], "--limit", "2")
    call_command("bus", "trace", rental["id"], "--limit", "2")

    assert newest == everything[:2]
    assert "There are older ones" in capsys.readouterr().out
    assert len(everything) > 2


def test_a_correlation_id_still_shows_the_whole_request(market: Market, drain: Drain, trace: Trace) -> None:
    rental = _cancelled(market, drain)
    event = Event.objects.get(stream=f"rental:{rental['id']}", version=1)

    assert {step["correlation"] for step in trace(event.correlation)} == {event.correlation}
    assert any(step["depth"] for step in trace(trace(rental["id"])[0]["correlation"]))


@pytest.mark.parametrize("what", ["nobody@example.com", "0193b1b2-0000-7000-8000-000000000000", "drill", "no id", "\N{PILE OF POO}" * 70])
def test_what_the_log_does_not_know_is_refused_with_what_to_give(market: Market, what: str) -> None:
    with pytest.raises(CommandError, match="X-Correlation-ID"):
        call_command("bus", "trace", what)


def test_many_rentals_cost_no_more_queries_than_one_and_are_bounded(
    market: Market, drain: Drain, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    settings.GDMARKET_UNPAID_HOLDS = 0
    monkeypatch.setattr(tracing, "MOST_RENTALS", 3)
    market.request(market.register())
    renter = User.objects.get(id=market.see(market.request(market.register()))["renter"])
    drain()

    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            call_command("bus", "trace", renter.email)
        return len(captured)

    few, output = queries(), capsys.readouterr().out
    for _ in range(4):
        market.request(market.register())
    drain()

    assert queries() == few
    assert "Of its rentals only the newest are shown" not in output
    assert "Of its rentals only the newest are shown" in capsys.readouterr().out
