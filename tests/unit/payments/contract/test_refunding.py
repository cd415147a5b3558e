"""Money is given back once for ever under a refund key, and never more than was charged."""

from collections import Counter
from uuid import UUID

import pytest

from apps.payments.gateways.port import Intent, RefundEntry, RefundStanding
from gdmarket import ids
from tests.unit.payments.contract.bench import AMPLE_S, Bench, Feature
from tests.unit.payments.till import at_once

REFUNDED, REFUSED = RefundStanding.REFUNDED, RefundStanding.REFUSED


def refund(bench: Bench, intent: Intent, amount: int, refund_key: UUID | None = None) -> RefundEntry:
    return bench.gateway.refund(intent=intent, refund_key=refund_key or ids.uuid7(), amount=amount, deadline_s=AMPLE_S)


@pytest.fixture
def intent(bench: Bench) -> Intent:
    """Return 8,000 won that were charged."""
    intent = bench.intent()
    bench.charge(intent)
    return intent


def test_all_of_a_charge_is_given_back(bench: Bench, intent: Intent) -> None:
    entry = refund(bench, intent, 8_000)
    assert (entry.standing, entry.reason) == (REFUNDED, "")
    assert entry.reference
    assert (bench.lookup(intent).amount, bench.lookup(intent).refunded) == (8_000, 8_000)
    assert bench.book(intent.key).refunded == 8_000


def test_a_charge_is_given_back_in_parts(bench: Bench, intent: Intent) -> None:
    entries = [refund(bench, intent, amount) for amount in (3_000, 1, 4_999)]
    assert [entry.standing for entry in entries] == [REFUNDED] * 3
    assert len({entry.reference for entry in entries}) == 3
    assert bench.lookup(intent).refunded == bench.book(intent.key).refunded == 8_000


@pytest.mark.parametrize("given", [0, 5_000, 8_000])
def test_more_than_was_charged_is_never_given_back(bench: Bench, intent: Intent, given: int) -> None:
    if given:
        refund(bench, intent, given)
    entry = refund(bench, intent, 8_001 - given)
    assert entry.standing is REFUSED
    assert entry.reason
    assert bench.lookup(intent).refunded == bench.book(intent.key).refunded == given


def test_the_same_refund_again_gives_nothing_more(bench: Bench, intent: Intent) -> None:
    refund_key = ids.uuid7()
    entries = [refund(bench, intent, 3_000, refund_key) for _ in range(3)]
    assert entries == [entries[0]] * 3
    assert bench.lookup(intent).refunded == bench.book(intent.key).refunded == 3_000


def test_another_sum_under_the_same_refund_key_gives_nothing_more(bench: Bench, intent: Intent) -> None:
    refund_key = ids.uuid7()
    refund(bench, intent, 3_000, refund_key)
    assert refund(bench, intent, 2_000, refund_key).standing is REFUSED
    assert bench.book(intent.key).refunded == 3_000


def test_a_refund_that_was_refused_may_be_asked_for_again(bench: Bench, intent: Intent) -> None:
    refund_key = ids.uuid7()
    assert refund(bench, intent, 8_001, refund_key).standing is REFUSED
    assert refund(bench, intent, 8_001, refund_key).standing is REFUSED
    assert refund(bench, intent, 8_000, refund_key).standing is REFUNDED
    assert bench.book(intent.key).refunded == 8_000


def test_what_was_never_charged_is_not_given_back(bench: Bench) -> None:
    assert refund(bench, bench.intent(), 8_000).standing is REFUSED


def test_what_was_declined_is_not_given_back(bench: Bench) -> None:
    intent = bench.intent(method=bench.bad_method)
    bench.charge(intent)
    assert refund(bench, intent, 8_000).standing is REFUSED


@pytest.mark.needs(Feature.TOMBSTONES)
def test_what_was_voided_is_not_given_back(bench: Bench) -> None:
    intent = bench.intent()
    bench.void(intent)
    assert refund(bench, intent, 8_000).standing is REFUSED


@pytest.mark.needs(Feature.FRESH_REPLAYS)
def test_what_was_given_back_stays_charged_when_it_is_charged_or_voided_again(bench: Bench, intent: Intent) -> None:
    refund(bench, intent, 8_000)
    assert bench.charge(intent) == bench.void(intent) == bench.lookup(intent)
    assert (bench.book(intent.key).amount, bench.book(intent.key).refunded) == (8_000, 8_000)


def test_threads_that_refund_one_charge_give_it_back_once(bench: Bench, intent: Intent) -> None:
    answers = at_once([lambda: refund(bench, intent, 8_000)] * 16)
    standings = Counter(answer.standing if isinstance(answer, RefundEntry) else repr(answer) for answer in answers)
    assert standings == {REFUNDED: 1, REFUSED: 15}
    assert bench.book(intent.key).refunded == 8_000


def test_threads_with_one_refund_key_give_back_once(bench: Bench, intent: Intent) -> None:
    refund_key = ids.uuid7()
    answers = at_once([lambda: refund(bench, intent, 3_000, refund_key)] * 16)
    assert len(set(answers)) == 1
    assert bench.book(intent.key).refunded == 3_000
