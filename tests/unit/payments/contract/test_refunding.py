"""A refund is made once for ever under its key, and never above the charge."""

from collections import Counter
from contextlib import closing

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import RefundRecord, RefundStatus
from gdmarket import ids
from tests.unit.payments.actions import concurrently
from tests.unit.payments.contract.harness import AdapterHarness, Feature
from tests.unit.payments.contract.stripe_harness import StripeHarness
from tests.unit.payments.contract.toss_harness import TossHarness
from tests.unit.payments.gateway_calls import refund

REFUNDED, REFUSED = RefundStatus.REFUNDED, RefundStatus.REFUSED


@pytest.fixture
def charged(harness: AdapterHarness) -> ChargeRequest:
    """Return the request of a charge of 8,000 won."""
    charged = harness.request()
    harness.charge(charged)
    return charged


def test_a_charge_is_refunded_in_full(harness: AdapterHarness, charged: ChargeRequest) -> None:
    record = refund(harness.gateway, charged)
    assert (record.status, record.reason) == (REFUNDED, "")
    assert record.reference
    assert (harness.lookup(charged).amount, harness.lookup(charged).refunded) == (8_000, 8_000)
    assert harness.record(charged.payment_id).refunded == 8_000


def test_a_charge_is_refunded_in_parts(harness: AdapterHarness, charged: ChargeRequest) -> None:
    records = [refund(harness.gateway, charged, amount=amount) for amount in (3_000, 1, 4_999)]
    assert [record.status for record in records] == [REFUNDED] * 3
    assert len({record.reference for record in records}) == 3
    assert harness.lookup(charged).refunded == harness.record(charged.payment_id).refunded == 8_000


@pytest.mark.parametrize("refunded", [0, 5_000, 8_000])
def test_a_refund_above_the_charge_is_refused(harness: AdapterHarness, charged: ChargeRequest, refunded: int) -> None:
    if refunded:
        refund(harness.gateway, charged, amount=refunded)
    record = refund(harness.gateway, charged, amount=8_001 - refunded)
    assert record.status is REFUSED
    assert record.reason
    assert harness.lookup(charged).refunded == harness.record(charged.payment_id).refunded == refunded


@pytest.mark.parametrize("harness_type", [StripeHarness, TossHarness])
@pytest.mark.parametrize("refunded", [0, 5_000])
def test_a_refund_above_the_charge_is_never_requested(harness_type: type[StripeHarness | TossHarness], refunded: int) -> None:
    with closing(harness_type()) as harness:
        request = harness.request()
        harness.charge(request)
        if refunded:
            refund(harness.gateway, request, amount=refunded)
        harness.stub.requests.clear()

        record = refund(harness.gateway, request, amount=8_001 - refunded)

        assert (record.status, record.reason) == (REFUSED, "more_than_charged")
        assert not [call for call in harness.stub.calls() if call.startswith("POST") and call.endswith(("/refunds", "/cancel"))]


def test_a_repeated_refund_is_made_once(harness: AdapterHarness, charged: ChargeRequest) -> None:
    refund_key = ids.uuid7()
    records = [refund(harness.gateway, charged, refund_key, 3_000) for _ in range(3)]
    assert records == [records[0]] * 3
    assert harness.lookup(charged).refunded == harness.record(charged.payment_id).refunded == 3_000


def test_another_sum_under_the_same_refund_key_is_refused(harness: AdapterHarness, charged: ChargeRequest) -> None:
    refund_key = ids.uuid7()
    refund(harness.gateway, charged, refund_key, 3_000)
    assert refund(harness.gateway, charged, refund_key, 2_000).status is REFUSED
    assert harness.record(charged.payment_id).refunded == 3_000


def test_a_refused_refund_may_be_requested_again(harness: AdapterHarness, charged: ChargeRequest) -> None:
    refund_key = ids.uuid7()
    statuses = [refund(harness.gateway, charged, refund_key, amount).status for amount in (8_001, 8_001, 8_000)]
    assert statuses == [REFUSED, REFUSED, REFUNDED]
    assert harness.record(charged.payment_id).refunded == 8_000


def test_what_was_never_charged_is_not_refunded(harness: AdapterHarness) -> None:
    unseen, declined = harness.request(), harness.request(method=harness.bad_method)
    harness.charge(declined)
    assert [refund(harness.gateway, request).status for request in (unseen, declined)] == [REFUSED] * 2


@pytest.mark.needs(Feature.TOMBSTONES)
def test_a_voided_charge_is_not_refunded(harness: AdapterHarness) -> None:
    voided = harness.request()
    harness.void(voided)
    assert refund(harness.gateway, voided).status is REFUSED


@pytest.mark.needs(Feature.FRESH_REPLAYS)
def test_a_refunded_charge_stays_charged_when_it_is_repeated_or_voided(harness: AdapterHarness, charged: ChargeRequest) -> None:
    refund(harness.gateway, charged)
    assert harness.charge(charged) == harness.void(charged) == harness.lookup(charged)
    assert (harness.record(charged.payment_id).amount, harness.record(charged.payment_id).refunded) == (8_000, 8_000)


def test_concurrent_full_refunds_of_one_charge_refund_it_once(harness: AdapterHarness, charged: ChargeRequest) -> None:
    answers = concurrently([lambda: refund(harness.gateway, charged)] * 16)
    statuses = Counter(answer.status if isinstance(answer, RefundRecord) else repr(answer) for answer in answers)
    assert statuses == {REFUNDED: 1, REFUSED: 15}
    assert harness.record(charged.payment_id).refunded == 8_000


def test_concurrent_refunds_with_one_key_refund_once(harness: AdapterHarness, charged: ChargeRequest) -> None:
    refund_key = ids.uuid7()
    answers = concurrently([lambda: refund(harness.gateway, charged, refund_key, 3_000)] * 16)
    assert len(set(answers)) == 1
    assert harness.record(charged.payment_id).refunded == 3_000
