"""However a provider fails, the caller hears in time, and hears the truth: surely nothing, or nobody knows."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.payments.gateways.port import Entry, Intent, NoAnswerError, NotSentError, RefundStanding, RefusedError, Standing
from tests.unit.payments.contract.bench import AMPLE_S, SHORT_S, Bench, Feature

pytestmark = pytest.mark.needs(Feature.WIRE)

NOTHING = Entry(standing=Standing.NOT_FOUND)
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
ANY_CALL: dict[str, Callable[[Bench, Intent, float], object]] = {
    "refund": lambda bench, intent, s: bench.gateway.refund(intent=intent, refund_key=intent.key, amount=8_000, deadline_s=s),
    "void": lambda bench, intent, s: bench.gateway.void(intent=intent, deadline_s=s),
    "lookup": lambda bench, intent, s: bench.gateway.lookup(intent=intent, deadline_s=s),
    "list": lambda bench, _intent, s: bench.gateway.list_charges(
        since=bench.now() - timedelta(hours=1), until=bench.now() + timedelta(hours=1), deadline_s=s
    ),
}


def deadline_of(do: str) -> float:
    return SHORT_S if do in IN_TIME else AMPLE_S


@pytest.mark.parametrize(("do", "details"), BEFORE)
def test_a_call_that_fails_before_the_book_has_an_unknown_outcome_and_charges_nothing(
    bench: Bench, do: str, details: dict[str, Any]
) -> None:
    intent = bench.intent()
    bench.hurt(do, call="charge", **details)
    with pytest.raises(NoAnswerError):
        bench.charge(intent, deadline_s=deadline_of(do))
    bench.heal()
    if do != "latency":  # which may go on after nobody waits for it
        assert bench.lookup(intent) == bench.book(intent.key) == NOTHING
    assert bench.charge(intent).standing is Standing.CHARGED


@pytest.mark.parametrize(("do", "details"), AFTER)
def test_a_charge_whose_answer_is_lost_is_found_again_and_made_once(bench: Bench, do: str, details: dict[str, Any]) -> None:
    intent = bench.intent()
    bench.hurt(do, call="charge", **details)
    with pytest.raises(NoAnswerError):
        bench.charge(intent, deadline_s=deadline_of(do))
    bench.heal()
    entry = bench.written(intent)
    assert (entry.standing, entry.amount, entry.refunded, entry.currency) == (Standing.CHARGED, 8_000, 0, "KRW")
    assert bench.lookup(intent) == bench.charge(intent) == bench.book(intent.key) == entry


@pytest.mark.parametrize(("do", "details"), AFTER)
def test_a_refund_whose_answer_is_lost_is_given_once(bench: Bench, do: str, details: dict[str, Any]) -> None:
    intent = bench.intent()
    bench.charge(intent)
    bench.hurt(do, call="refund", **details)
    with pytest.raises(NoAnswerError):
        ANY_CALL["refund"](bench, intent, deadline_of(do))
    bench.heal()
    entry = bench.gateway.refund(intent=intent, refund_key=intent.key, amount=8_000, deadline_s=AMPLE_S)
    assert entry.standing is RefundStanding.REFUNDED
    assert bench.book(intent.key).refunded == 8_000


@pytest.mark.needs(Feature.TOMBSTONES)
@pytest.mark.parametrize("do", ["answer_lost", "garbage", "error_after"])
def test_a_void_whose_answer_is_lost_holds(bench: Bench, do: str) -> None:
    intent = bench.intent()
    bench.hurt(do, call="void")
    with pytest.raises(NoAnswerError):
        bench.void(intent)
    bench.heal()
    assert bench.charge(intent) == bench.void(intent) == bench.book(intent.key) == Entry(standing=Standing.VOIDED)


@pytest.mark.parametrize("call", ANY_CALL)
@pytest.mark.parametrize("do", ["error", "redirect", "reset", "hang", "answer_lost", "garbage", "slow_drip"])
def test_no_call_takes_a_failure_for_an_answer(bench: Bench, call: str, do: str) -> None:
    intent = bench.intent()
    bench.charge(intent)
    bench.hurt(do, call=call)
    with pytest.raises(NoAnswerError):
        ANY_CALL[call](bench, intent, deadline_of(do))


@pytest.mark.parametrize("call", ["charge", *ANY_CALL])
@pytest.mark.parametrize("status", REFUSALS)
def test_a_call_that_the_provider_does_not_take_is_refused_and_does_nothing(bench: Bench, call: str, status: int) -> None:
    intent = bench.intent()
    bench.hurt("error", call=call, status=status)
    with pytest.raises(RefusedError):
        ({"charge": lambda *_: bench.charge(intent)} | ANY_CALL)[call](bench, intent, AMPLE_S)
    assert bench.book(intent.key) == NOTHING


@pytest.mark.parametrize("status", [429, 503])
def test_the_provider_s_wish_when_to_ask_again_is_heard(bench: Bench, status: int) -> None:
    bench.hurt("error", call="charge", status=status, retry_after_s=7)
    with pytest.raises(NoAnswerError) as refused:
        bench.charge(bench.intent())
    assert refused.value.retry_after_s == 7


def test_another_sum_than_was_asked_for_is_told_as_it_is(bench: Bench) -> None:
    intent = bench.intent()
    bench.hurt("wrong_amount", call="charge")
    assert bench.charge(intent).amount == 8_001


def test_another_currency_than_was_asked_for_is_told_as_it_is(bench: Bench) -> None:
    intent = bench.intent()
    bench.hurt("wrong_currency", call="charge")
    assert bench.charge(intent).currency == "USD"


def test_a_provider_that_refuses_connections_was_surely_not_asked(bench: Bench) -> None:
    intent = bench.intent()
    bench.lookup(intent)  # so that there is a connection, which is cut
    bench.go_down()
    for ask in (lambda *_: bench.charge(intent), *ANY_CALL.values()):
        with pytest.raises(NotSentError):
            ask(bench, intent, AMPLE_S)
    assert bench.book(intent.key) == NOTHING
    bench.heal()
    assert bench.charge(intent).standing is Standing.CHARGED


def test_what_goes_wrong_with_one_key_leaves_the_others_alone(bench: Bench) -> None:
    hurt, other = bench.intent(), bench.intent()
    bench.hurt("reset", call="charge", key=hurt.key)
    with pytest.raises(NoAnswerError):
        bench.charge(hurt)
    assert bench.charge(other).standing is Standing.CHARGED


def test_what_takes_longer_than_one_deadline_is_read_within_another(bench: Bench) -> None:
    intent = bench.intent()
    bench.hurt("latency", call="charge", before_s=SHORT_S)
    with pytest.raises(NoAnswerError):
        bench.charge(intent, deadline_s=SHORT_S / 2)
    assert bench.charge(intent) == bench.written(intent)
