"""Money is given back once for ever under a refund key, and never more than was charged."""

from collections import Counter
from uuid import UUID

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import RefundRecord, RefundStatus
from gdmarket import ids
from tests.unit.payments.actions import at_once
from tests.unit.payments.contract.harness import AMPLE_S, AdapterHarness, Feature

REFUNDED, REFUSED = RefundStatus.REFUNDED, RefundStatus.REFUSED


def refund(harness: AdapterHarness, wanted: ChargeRequest, amount: int, refund_key: UUID | None = None) -> RefundRecord:
    return harness.gateway.refund(request=wanted, refund_key=refund_key or ids.uuid7(), amount=amount, deadline_s=AMPLE_S)


@pytest.fixture
def wanted(harness: AdapterHarness) -> ChargeRequest:
    """Return 8,000 won that were charged."""
    wanted = harness.request()
    harness.charge(wanted)
    return wanted


def test_all_of_a_charge_is_given_back(harness: AdapterHarness, wanted: ChargeRequest) -> None:
    record = refund(harness, wanted, 8_000)
    assert (record.status, record.reason) == (REFUNDED, "")
    assert record.reference
    assert (harness.lookup(wanted).amount, harness.lookup(wanted).refunded) == (8_000, 8_000)
    assert harness.record(wanted.payment_id).refunded == 8_000


def test_a_charge_is_given_back_in_parts(harness: AdapterHarness, wanted: ChargeRequest) -> None:
    records = [refund(harness, wanted, amount) for amount in (3_000, 1, 4_999)]
    assert [record.status for record in records] == [REFUNDED] * 3
    assert len({record.reference for record in records}) == 3
    assert harness.lookup(wanted).refunded == harness.record(wanted.payment_id).refunded == 8_000


@pytest.mark.parametrize("given", [0, 5_000, 8_000])
def test_more_than_was_charged_is_never_given_back(harness: AdapterHarness, wanted: ChargeRequest, given: int) -> None:
    if given:
        refund(harness, wanted, given)
    record = refund(harness, wanted, 8_001 - given)
    assert record.status is REFUSED
    assert record.reason
    assert harness.lookup(wanted).refunded == harness.record(wanted.payment_id).refunded == given


def test_the_same_refund_again_gives_nothing_more(harness: AdapterHarness, wanted: ChargeRequest) -> None:
    refund_key = ids.uuid7()
    records = [refund(harness, wanted, 3_000, refund_key) for _ in range(3)]
    assert records == [records[0]] * 3
    assert harness.lookup(wanted).refunded == harness.record(wanted.payment_id).refunded == 3_000


def test_another_sum_under_the_same_refund_key_gives_nothing_more(harness: AdapterHarness, wanted: ChargeRequest) -> None:
    refund_key = ids.uuid7()
    refund(harness, wanted, 3_000, refund_key)
    assert refund(harness, wanted, 2_000, refund_key).status is REFUSED
    assert harness.record(wanted.payment_id).refunded == 3_000


def test_a_refund_that_was_refused_may_be_asked_for_again(harness: AdapterHarness, wanted: ChargeRequest) -> None:
    refund_key = ids.uuid7()
    assert refund(harness, wanted, 8_001, refund_key).status is REFUSED
    assert refund(harness, wanted, 8_001, refund_key).status is REFUSED
    assert refund(harness, wanted, 8_000, refund_key).status is REFUNDED
    assert harness.record(wanted.payment_id).refunded == 8_000


def test_what_was_never_charged_is_not_given_back(harness: AdapterHarness) -> None:
    assert refund(harness, harness.request(), 8_000).status is REFUSED


def test_what_was_declined_is_not_given_back(harness: AdapterHarness) -> None:
    wanted = harness.request(method=harness.bad_method)
    harness.charge(wanted)
    assert refund(harness, wanted, 8_000).status is REFUSED


@pytest.mark.needs(Feature.TOMBSTONES)
def test_what_was_voided_is_not_given_back(harness: AdapterHarness) -> None:
    wanted = harness.request()
    harness.void(wanted)
    assert refund(harness, wanted, 8_000).status is REFUSED


@pytest.mark.needs(Feature.FRESH_REPLAYS)
def test_what_was_given_back_stays_charged_when_it_is_charged_or_voided_again(harness: AdapterHarness, wanted: ChargeRequest) -> None:
    refund(harness, wanted, 8_000)
    assert harness.charge(wanted) == harness.void(wanted) == harness.lookup(wanted)
    assert (harness.record(wanted.payment_id).amount, harness.record(wanted.payment_id).refunded) == (8_000, 8_000)


def test_threads_that_refund_one_charge_give_it_back_once(harness: AdapterHarness, wanted: ChargeRequest) -> None:
    answers = at_once([lambda: refund(harness, wanted, 8_000)] * 16)
    statuses = Counter(answer.status if isinstance(answer, RefundRecord) else repr(answer) for answer in answers)
    assert statuses == {REFUNDED: 1, REFUSED: 15}
    assert harness.record(wanted.payment_id).refunded == 8_000


def test_threads_with_one_refund_key_give_back_once(harness: AdapterHarness, wanted: ChargeRequest) -> None:
    refund_key = ids.uuid7()
    answers = at_once([lambda: refund(harness, wanted, 3_000, refund_key)] * 16)
    assert len(set(answers)) == 1
    assert harness.record(wanted.payment_id).refunded == 3_000
