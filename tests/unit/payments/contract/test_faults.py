"""However a provider fails, the caller hears in time, and hears the truth: surely nothing, or nobody knows."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError, RefundStatus, RefusedError
from tests.unit.payments.contract.harness import AMPLE_S, SHORT_S, AdapterHarness, Feature

pytestmark = pytest.mark.needs(Feature.WIRE)

NOTHING = ChargeRecord(status=ChargeStatus.NOT_FOUND)
BEFORE = [
    ("error", {"status": 500}),
    ("error", {"status": 502}),
    ("error", {"status": 503}),
    ("error", {"status": 504}),
    ("error", {"status": 429}),
    ("error", {"status": 408}),
    ("error", {"status": 409}),
    ("error", {"status": 425}),
    ("redirect", {}),
    ("reset", {}),
    ("hang", {}),
    ("latency", {"before_s": 60}),
]
AFTER = [
    ("error_after", {"status": 500}),
    ("error_after", {"status": 503}),
    ("answer_lost", {}),
    ("hang_after", {}),
    ("slow_drip", {}),
    ("garbage", {"body": "html"}),
    ("garbage", {"body": "empty"}),
    ("garbage", {"body": "truncated"}),
    ("garbage", {"body": "cut"}),
    ("garbage", {"body": "huge"}),
    ("latency", {"after_s": 60}),
]
REFUSALS = [400, 401, 403, 422]
IN_TIME = {"hang", "hang_after", "slow_drip", "latency"}  # what lasts: here a call ends because its deadline does
ANY_CALL: dict[str, Callable[[AdapterHarness, ChargeRequest, float], object]] = {
    "refund": lambda harness, wanted, s: harness.gateway.refund(request=wanted, refund_key=wanted.payment_id, amount=8_000, deadline_s=s),
    "void": lambda harness, wanted, s: harness.gateway.void(request=wanted, deadline_s=s),
    "lookup": lambda harness, wanted, s: harness.gateway.lookup(request=wanted, deadline_s=s),
    "list": lambda harness, _intent, s: harness.gateway.list_charges(
        since=harness.now() - timedelta(hours=1), until=harness.now() + timedelta(hours=1), deadline_s=s
    ),
}


def deadline_of(do: str) -> float:
    return SHORT_S if do in IN_TIME else AMPLE_S


@pytest.mark.parametrize(("do", "details"), BEFORE)
def test_a_call_that_fails_before_the_book_has_an_unknown_outcome_and_charges_nothing(
    harness: AdapterHarness, do: str, details: dict[str, Any]
) -> None:
    wanted = harness.request()
    harness.inject_fault(do, call="charge", **details)
    with pytest.raises(NoAnswerError):
        harness.charge(wanted, deadline_s=deadline_of(do))
    harness.clear_faults()
    if do != "latency":  # which may go on after nobody waits for it
        assert harness.lookup(wanted) == harness.record(wanted.payment_id) == NOTHING
    assert harness.charge(wanted).status is ChargeStatus.CHARGED


@pytest.mark.parametrize(("do", "details"), AFTER)
def test_a_charge_whose_answer_is_lost_is_found_again_and_made_once(harness: AdapterHarness, do: str, details: dict[str, Any]) -> None:
    wanted = harness.request()
    harness.inject_fault(do, call="charge", **details)
    with pytest.raises(NoAnswerError):
        harness.charge(wanted, deadline_s=deadline_of(do))
    harness.clear_faults()
    record = harness.written(wanted)
    assert (record.status, record.amount, record.refunded, record.currency) == (ChargeStatus.CHARGED, 8_000, 0, "KRW")
    assert harness.lookup(wanted) == harness.charge(wanted) == harness.record(wanted.payment_id) == record


@pytest.mark.parametrize(("do", "details"), AFTER)
def test_a_refund_whose_answer_is_lost_is_given_once(harness: AdapterHarness, do: str, details: dict[str, Any]) -> None:
    wanted = harness.request()
    harness.charge(wanted)
    harness.inject_fault(do, call="refund", **details)
    with pytest.raises(NoAnswerError):
        ANY_CALL["refund"](harness, wanted, deadline_of(do))
    harness.clear_faults()
    record = harness.gateway.refund(request=wanted, refund_key=wanted.payment_id, amount=8_000, deadline_s=AMPLE_S)
    assert record.status is RefundStatus.REFUNDED
    assert harness.record(wanted.payment_id).refunded == 8_000


@pytest.mark.needs(Feature.TOMBSTONES)
@pytest.mark.parametrize("do", ["answer_lost", "garbage", "error_after"])
def test_a_void_whose_answer_is_lost_holds(harness: AdapterHarness, do: str) -> None:
    wanted = harness.request()
    harness.inject_fault(do, call="void")
    with pytest.raises(NoAnswerError):
        harness.void(wanted)
    harness.clear_faults()
    assert harness.charge(wanted) == harness.void(wanted) == harness.record(wanted.payment_id) == ChargeRecord(status=ChargeStatus.VOIDED)


@pytest.mark.parametrize("call", ANY_CALL)
@pytest.mark.parametrize("do", ["error", "redirect", "reset", "hang", "answer_lost", "garbage", "slow_drip"])
def test_no_call_takes_a_failure_for_an_answer(harness: AdapterHarness, call: str, do: str) -> None:
    wanted = harness.request()
    harness.charge(wanted)
    harness.inject_fault(do, call=call)
    with pytest.raises(NoAnswerError):
        ANY_CALL[call](harness, wanted, deadline_of(do))


@pytest.mark.parametrize("call", ["charge", *ANY_CALL])
@pytest.mark.parametrize("status", REFUSALS)
def test_a_call_that_the_provider_does_not_take_is_refused_and_does_nothing(harness: AdapterHarness, call: str, status: int) -> None:
    wanted = harness.request()
    harness.inject_fault("error", call=call, status=status)
    with pytest.raises(RefusedError):
        ({"charge": lambda *_: harness.charge(wanted)} | ANY_CALL)[call](harness, wanted, AMPLE_S)
    assert harness.record(wanted.payment_id) == NOTHING


@pytest.mark.parametrize("status", [429, 503])
def test_the_provider_s_wish_when_to_ask_again_is_heard(harness: AdapterHarness, status: int) -> None:
    harness.inject_fault("error", call="charge", status=status, retry_after_s=7)
    with pytest.raises(NoAnswerError) as refused:
        harness.charge(harness.request())
    assert refused.value.retry_after_s == 7


def test_another_sum_than_was_asked_for_is_told_as_it_is(harness: AdapterHarness) -> None:
    wanted = harness.request()
    harness.inject_fault("wrong_amount", call="charge")
    assert harness.charge(wanted).amount == 8_001


def test_another_currency_than_was_asked_for_is_told_as_it_is(harness: AdapterHarness) -> None:
    wanted = harness.request()
    harness.inject_fault("wrong_currency", call="charge")
    assert harness.charge(wanted).currency == "USD"


def test_a_provider_that_refuses_connections_was_surely_not_asked(harness: AdapterHarness) -> None:
    wanted = harness.request()
    harness.lookup(wanted)  # so that there is a connection, which is cut
    harness.go_down()
    for ask in (lambda *_: harness.charge(wanted), *ANY_CALL.values()):
        with pytest.raises(NotSentError):
            ask(harness, wanted, AMPLE_S)
    assert harness.record(wanted.payment_id) == NOTHING
    harness.clear_faults()
    assert harness.charge(wanted).status is ChargeStatus.CHARGED


def test_what_goes_wrong_with_one_key_leaves_the_others_alone(harness: AdapterHarness) -> None:
    hurt, other = harness.request(), harness.request()
    harness.inject_fault("reset", call="charge", key=hurt.payment_id)
    with pytest.raises(NoAnswerError):
        harness.charge(hurt)
    assert harness.charge(other).status is ChargeStatus.CHARGED


def test_what_takes_longer_than_one_deadline_is_read_within_another(harness: AdapterHarness) -> None:
    wanted = harness.request()
    harness.inject_fault("latency", call="charge", before_s=SHORT_S)
    with pytest.raises(NoAnswerError):
        harness.charge(wanted, deadline_s=SHORT_S / 2)
    assert harness.charge(wanted) == harness.written(wanted)
