"""The HTTP adapter against the simulator's faults: a call ends in time, and says whether nothing was done or nobody knows."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeStatus, NoAnswerError, NotSentError, RefundStatus, RefusedError
from deploy.servers.simulator import SimulatorProcess
from tests.unit.payments.contract.http_harness import HttpHarness
from tests.unit.payments.gateway_calls import AMPLE_S, NOTHING, VOIDED, charge, look_up, refund, void

SHORT_S = 0.4
BEFORE: list[tuple[str, dict[str, Any]]] = [
    *(("error", {"status": status}) for status in (500, 502, 503, 504, 429, 408, 409, 425)),
    ("redirect", {}),
    ("reset", {}),
    ("hang", {}),
    ("latency", {"before_s": 60}),
]
AFTER: list[tuple[str, dict[str, Any]]] = [
    *(("error_after", {"status": status}) for status in (500, 503)),
    *(("garbage", {"body": body}) for body in ("html", "empty", "truncated", "cut", "huge")),
    ("answer_lost", {}),
    ("hang_after", {}),
    ("slow_drip", {}),
    ("latency", {"after_s": 60}),
]
# These last: the call ends because its deadline does.
DEADLINES_S = dict.fromkeys(("hang", "hang_after", "slow_drip", "latency"), SHORT_S)
CALLS: dict[str, Callable[[HttpHarness, ChargeRequest, float], object]] = {
    "charge": lambda http, request, s: charge(http.gateway, request, deadline_s=s),
    "refund": lambda http, request, s: refund(http.gateway, request, request.payment_id, deadline_s=s),
    "void": lambda http, request, s: void(http.gateway, request, deadline_s=s),
    "lookup": lambda http, request, s: look_up(http.gateway, request, deadline_s=s),
    "list": lambda http, _request, s: http.gateway.list_charges(
        since=http.now() - timedelta(hours=1), until=http.now() + timedelta(hours=1), deadline_s=s
    ),
}


@pytest.fixture
def http(simulator_process: SimulatorProcess) -> Iterator[HttpHarness]:
    harness = HttpHarness(simulator_process)
    yield harness
    harness.close()


@pytest.mark.parametrize(("do", "details"), BEFORE)
def test_a_charge_that_fails_before_it_is_recorded_charges_nothing(http: HttpHarness, do: str, details: dict[str, Any]) -> None:
    request = http.request()
    http.inject_fault(do, call="charge", **details)
    with pytest.raises(NoAnswerError):
        http.charge(request, deadline_s=DEADLINES_S.get(do, AMPLE_S))
    http.clear_faults()
    if do != "latency":  # which may go on after the caller gave up
        assert http.lookup(request) == http.record(request.payment_id) == NOTHING
    assert http.charge(request).status is ChargeStatus.CHARGED


@pytest.mark.parametrize(("do", "details"), AFTER)
def test_a_charge_whose_answer_is_lost_is_found_again_and_made_once(http: HttpHarness, do: str, details: dict[str, Any]) -> None:
    request = http.request()
    http.inject_fault(do, call="charge", **details)
    with pytest.raises(NoAnswerError):
        http.charge(request, deadline_s=DEADLINES_S.get(do, AMPLE_S))
    http.clear_faults()
    record = http.written(request)
    assert (record.status, record.amount, record.refunded, record.currency) == (ChargeStatus.CHARGED, 8_000, 0, "KRW")
    assert http.lookup(request) == http.charge(request) == http.record(request.payment_id) == record


@pytest.mark.parametrize(("do", "details"), AFTER)
def test_a_refund_whose_answer_is_lost_is_made_once(http: HttpHarness, do: str, details: dict[str, Any]) -> None:
    request = http.request()
    http.charge(request)
    http.inject_fault(do, call="refund", **details)
    with pytest.raises(NoAnswerError):
        CALLS["refund"](http, request, DEADLINES_S.get(do, AMPLE_S))
    http.clear_faults()
    assert refund(http.gateway, request, request.payment_id).status is RefundStatus.REFUNDED
    assert http.record(request.payment_id).refunded == 8_000


@pytest.mark.parametrize("do", ["answer_lost", "garbage", "error_after"])
def test_a_void_whose_answer_is_lost_holds(http: HttpHarness, do: str) -> None:
    request = http.request()
    http.inject_fault(do, call="void")
    with pytest.raises(NoAnswerError):
        http.void(request)
    http.clear_faults()
    assert http.charge(request) == http.void(request) == http.record(request.payment_id) == VOIDED


@pytest.mark.parametrize("call", [call for call in CALLS if call != "charge"])
@pytest.mark.parametrize("do", ["error", "redirect", "reset", "hang", "answer_lost", "garbage", "slow_drip"])
def test_no_call_takes_a_failure_for_an_answer(http: HttpHarness, call: str, do: str) -> None:
    request = http.request()
    http.charge(request)
    http.inject_fault(do, call=call)
    with pytest.raises(NoAnswerError):
        CALLS[call](http, request, DEADLINES_S.get(do, AMPLE_S))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_call_that_the_provider_rejects_does_nothing(http: HttpHarness, call: str, status: int) -> None:
    request = http.request()
    http.inject_fault("error", call=call, status=status)
    with pytest.raises(RefusedError):
        CALLS[call](http, request, AMPLE_S)
    assert http.record(request.payment_id) == NOTHING


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_passed_on(http: HttpHarness, status: int) -> None:
    http.inject_fault("error", call="charge", status=status, retry_after_s=7)
    with pytest.raises(NoAnswerError) as refused:
        http.charge(http.request())
    assert refused.value.retry_after_s == 7


def test_a_charge_of_another_sum_or_currency_is_returned_as_it_is(http: HttpHarness) -> None:
    http.inject_fault("wrong_amount", call="charge")
    assert http.charge(http.request()).amount == 8_001
    http.inject_fault("wrong_currency", call="charge")
    assert http.charge(http.request()).currency == "USD"


def test_a_call_to_a_provider_that_refuses_connections_was_not_sent(http: HttpHarness) -> None:
    request = http.request()
    http.lookup(request)  # so that there is a connection, which is cut
    http.go_down()
    for call in CALLS.values():
        with pytest.raises(NotSentError):
            call(http, request, AMPLE_S)
    assert http.record(request.payment_id) == NOTHING
    http.clear_faults()
    assert http.charge(request).status is ChargeStatus.CHARGED


def test_a_charge_that_outlasts_its_deadline_is_read_within_another(http: HttpHarness) -> None:
    request = http.request()
    http.inject_fault("latency", call="charge", before_s=SHORT_S)
    with pytest.raises(NoAnswerError):
        http.charge(request, deadline_s=SHORT_S / 2)
    assert http.charge(request) == http.written(request)
