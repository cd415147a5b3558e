"""Concurrent commands about one rental's money: one legal outcome, on which ledger and provider agree."""

from typing import Any
from uuid import UUID

import pytest

from apps.payments import queries
from apps.payments.gateways.port import NoAnswerError
from apps.payments.models import Payment, Refund
from apps.payments.services import reconciling, refunding
from apps.payments.services.findings import FindingVerdict
from apps.rentals.models import Rental
from apps.rentals.services import requesting
from gdmarket import clock, ids
from tests.acceptance.conftest import Drain, Market, PassTime
from tests.acceptance.webhooks import ledger_entries, payment_of
from tests.unit.payments.actions import balances, concurrently
from tests.unit.payments.fake_gateway import FakeGateway

CHARGED = [("charged", 8_000), ("earned", 8_000)]
GIVEN_BACK = [*CHARGED, ("refund_due", 8_000), ("refunded", 8_000)]
TIMES = 6


def held_by_provider(provider: FakeGateway) -> int:
    """Return what the provider still holds, after asserting that the ledger agrees for each payment."""
    keys = [payment.id for payment in Payment.objects.all()]
    held = queries.held_by_ledger(payment_ids=keys)
    for key in keys:
        entry = provider.records.get(key)
        assert held.get(key, 0) == (entry.amount - entry.refunded if entry else 0)
    return sum(held.values())


def assert_reconciled() -> None:
    assert {finding.verdict for finding in reconciling.reconcile_payments(now=clock.now(), dry_run=True)} <= {FindingVerdict.AGREES}
    assert sum(balance for _account, _currency, balance in queries.list_balances()) == 0


@pytest.mark.parametrize("_time", range(TIMES))
def test_a_cancel_races_the_payment(market: Market, provider: FakeGateway, drain: Drain, _time: int) -> None:
    rental = market.request(market.register())

    paid, cancelled = concurrently([lambda: market.pay(rental), lambda: market.command(market.renter, rental, "cancel")])
    drain()

    assert not isinstance(paid, Exception)
    assert not isinstance(cancelled, Exception)
    assert cancelled.status_code in {200, 202}
    seen = market.see(rental)
    assert (seen["state"], held_by_provider(provider), balances()) == ("cancelled", 0, {})
    assert ledger_entries() == (GIVEN_BACK if provider.records else [])
    assert paid.status_code in ({200, 202, 409} if provider.records else {409})
    assert_reconciled()


@pytest.mark.parametrize("_time", range(TIMES))
def test_the_payment_races_the_deadline(market: Market, provider: FakeGateway, drain: Drain, _time: int) -> None:
    rental = market.request(market.register())
    row = Rental.objects.get(id=rental["id"])

    paid, expired = concurrently(
        [
            lambda: market.pay(rental),
            lambda: requesting.expire_unpaid(rental_id=row.id, due_at=row.payment_due_at, now=row.payment_due_at),
        ]
    )
    drain()

    assert not isinstance(paid, Exception)
    assert not isinstance(expired, Exception)
    ends = {200: ("paid", 8_000, CHARGED), 409: ("expired", 0, [])}
    assert (market.see(rental)["state"], held_by_provider(provider), ledger_entries()) == ends[paid.status_code]
    assert_reconciled()


@pytest.mark.parametrize("_time", range(TIMES))
def test_two_cancels_refund_once(market: Market, provider: FakeGateway, drain: Drain, _time: int) -> None:
    rental = market.request(market.register())
    market.pay(rental)

    answers = concurrently([lambda who=who: market.command(who, rental, "cancel") for who in (market.renter, market.manager)])  # type: ignore[misc]
    drain()

    codes = [getattr(answer, "status_code", answer) for answer in answers]
    assert set(codes) <= {200, 202, 409}, codes
    assert {200, 202} & set(codes)
    assert (market.see(rental)["state"], held_by_provider(provider), ledger_entries()) == ("cancelled", 0, GIVEN_BACK)
    assert (provider.calls.count("refund"), Refund.objects.count()) == (1, 1)
    assert_reconciled()


@pytest.mark.parametrize("_time", range(TIMES))
def test_a_partial_refund_races_the_cancel(market: Market, provider: FakeGateway, drain: Drain, _time: int) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    part: dict[str, Any] = {"refund_id": UUID(int=_time + 1), "payment_id": payment_of(rental).id, "amount": 3_000, "now": clock.now()}

    concurrently(
        [lambda: refunding.refund_payment(**part, reason="late", by=ids.uuid7()), lambda: market.command(market.renter, rental, "cancel")]
    )
    drain()

    assert (market.see(rental)["state"], held_by_provider(provider), balances()) == ("cancelled", 0, {})
    assert sum(Refund.objects.values_list("amount", flat=True)) == 8_000
    assert_reconciled()


@pytest.mark.usefixtures("long_sessions")
@pytest.mark.parametrize("_time", range(TIMES))
def test_a_full_refund_races_the_handover(market: Market, provider: FakeGateway, drain: Drain, pass_time: PassTime, _time: int) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    provider.fails["refund"] = lambda: NoAnswerError("timed_out")
    full: dict[str, Any] = {"refund_id": ids.uuid7(), "payment_id": payment_of(rental).id, "reason": "broken", "by": ids.uuid7()}

    given, handed = concurrently(
        [lambda: refunding.refund_payment(**full, now=clock.now()), lambda: market.command(market.manager, rental, "handover")]
    )
    later = market.command(market.manager, rental, "handover")

    assert isinstance(given, Refund)
    assert not isinstance(handed, Exception)
    assert (handed.status_code, later.status_code) in {(200, 409), (409, 409)}
    provider.fails.clear()
    drain()
    pass_time(hours=2)
    drain()
    seen = market.see(rental)
    assert (seen["state"], seen["payment"]["state"]) == ("rented" if handed.status_code == 200 else "cancelled", "refunded")
    assert (held_by_provider(provider), balances()) == (0, {})


@pytest.mark.parametrize("_time", range(TIMES))
def test_two_renters_who_pay_with_one_charge_pay_once(market: Market, provider: FakeGateway, drain: Drain, _time: int) -> None:
    provider.reference = "theirs"
    mine, hers = market.request(market.register()), market.request(market.register(), by=market.neighbour)

    answers = concurrently(
        [
            lambda who=who, rental=rental: who.post(  # type: ignore[misc]
                f"/api/v1/rentals/{rental['id']}/payment", {"payment_method": "pm_ok"}, format="json"
            )
            for who, rental in ((market.renter, mine), (market.neighbour, hers))
        ]
    )
    drain()

    answered: list[Any] = [answer for answer in answers if not isinstance(answer, Exception)]
    assert sorted(answer.status_code for answer in answered) == [200, 402]
    assert sorted(Payment.objects.values_list("state", "reason")) == [("approved", ""), ("declined", "paid_for_another")]
    assert sorted(Rental.objects.values_list("state", flat=True)) == ["paid", "requested"]
    assert (ledger_entries(), balances()) == (CHARGED, {"manager_payable": -8_000, "provider_clearing": 8_000})
