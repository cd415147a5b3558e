"""Concurrent callers charge once; with a negative control."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from apps.payments.contracts import ChargeOutcome, ChargeResult
from apps.payments.errors import PaymentInProgressError
from apps.payments.events import PaymentApproved
from apps.payments.gateways.port import ChargeStatus
from apps.payments.models import Payment
from apps.payments.services import charging, checking
from gdmarket import ids
from tests.log import recorded
from tests.unit.payments.actions import charge, charge_request, concurrently, facts, new_attempt, scheduled_checks, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 10


@pytest.fixture
def attempt() -> dict[str, Any]:
    return new_attempt()


def test_ten_callers_with_one_id_charge_once(provider: FakeGateway, attempt: dict[str, Any]) -> None:
    results = concurrently([lambda: charge(**attempt, now=NOON)] * CALLERS)

    outcomes = Counter(result.outcome for result in results if isinstance(result, ChargeResult))
    assert outcomes.total() == CALLERS, results
    assert outcomes[ChargeOutcome.APPROVED] >= 1
    assert set(outcomes) <= {ChargeOutcome.APPROVED, ChargeOutcome.UNKNOWN}
    assert provider.calls == ["charge"]
    assert (state_of(attempt["payment_id"]), facts(), scheduled_checks()) == ("approved", ["PaymentApproved"], [attempt["payment_id"]])


def test_without_the_claim_each_of_the_ten_would_send_the_charge(
    provider: FakeGateway, attempt: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charging, "claim_sending", lambda **_: True)

    concurrently([lambda: charge(**attempt, now=NOON)] * CALLERS)

    assert provider.calls == ["charge"] * CALLERS
    # Even then one fact is published: a settled payment is never settled again.
    assert facts() == ["PaymentApproved"]


def test_ten_attempts_for_one_rental_charge_once(provider: FakeGateway) -> None:
    rental_id = ids.uuid7()

    results = concurrently([lambda: charge(rental_id=rental_id, now=NOON)] * CALLERS)

    (won,) = [result for result in results if isinstance(result, ChargeResult)]
    assert won.outcome is ChargeOutcome.APPROVED
    assert [type(result) for result in results if result is not won] == [PaymentInProgressError] * (CALLERS - 1)
    assert provider.calls == ["charge"]
    assert list(Payment.objects.values_list("id", "state")) == [(won.payment_id, "approved")]
    assert [fact.event.payment_id for fact in recorded([PaymentApproved])] == [won.payment_id]


def test_concurrent_charges_and_checks_agree_with_the_provider(provider: FakeGateway) -> None:
    later = NOON + timedelta(seconds=5)
    for _ in range(10):
        attempt = new_attempt()
        charging.open_payment(request=charge_request(**attempt), now=NOON)

        calls: list[Callable[[], Any]] = [
            partial(checking.check_payment, payment_id=attempt["payment_id"], now=later),
            partial(charge, **attempt, now=later),
        ]

        results = concurrently(calls * 3)

        assert not [result for result in results if isinstance(result, Exception)]
        is_charged = attempt["payment_id"] in provider.records and provider.records[attempt["payment_id"]].status is ChargeStatus.CHARGED
        assert state_of(attempt["payment_id"]) == ("approved" if is_charged else "not_sent")
    assert len(facts()) == 10


def test_ten_concurrent_checks_settle_once(provider: FakeGateway, attempt: dict[str, Any]) -> None:
    provider.loses["charge"] = SystemExit
    with pytest.raises(SystemExit):
        charge(**attempt, now=NOON)

    results = concurrently([lambda: checking.check_payment(payment_id=attempt["payment_id"], now=NOON)] * CALLERS)

    assert [getattr(result, "state", result) for result in results] == ["approved"] * CALLERS
    assert (facts(), provider.calls.count("charge")) == (["PaymentApproved"], 1)
    assert Payment.objects.get().version == 2
