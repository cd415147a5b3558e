"""Money is taken once for ever under a key, whoever asks and however often."""

from dataclasses import replace
from functools import partial

import pytest

from apps.payments.gateways.port import Entry, Intent, Standing
from gdmarket import ids
from tests.unit.payments.contract.bench import AMPLE_S, Bench, Feature
from tests.unit.payments.till import at_once

NOTHING = Entry(standing=Standing.NOT_FOUND)
ROUNDS = 10


def is_charged(entry: Entry, intent: Intent, *, refunded: int = 0) -> bool:
    """Say whether an entry tells of exactly what was meant."""
    said = (entry.standing, entry.amount, entry.refunded, entry.currency, entry.reason)
    return said == (Standing.CHARGED, intent.amount, refunded, intent.currency, "") and entry.reference != ""


def test_a_good_method_is_charged(bench: Bench) -> None:
    intent = bench.intent()
    entry = bench.charge(intent)
    assert is_charged(entry, intent)
    assert bench.lookup(intent) == entry
    assert is_charged(bench.book(intent.key), intent)


def test_only_the_provider_s_methods_are_accepted(bench: Bench) -> None:
    asked = (bench.good_method, bench.bad_method, "", "gold coins\n")
    assert [bench.gateway.accepts(method=method) for method in asked] == [True, True, False, False]


def test_the_same_key_again_charges_nothing_more(bench: Bench) -> None:
    intent = bench.intent()
    entry = bench.charge(intent)
    assert bench.charge(intent) == entry
    assert bench.lookup(intent) == entry
    assert is_charged(bench.book(intent.key), intent)


@pytest.mark.needs(Feature.KEYS_ALONE)
@pytest.mark.parametrize("changes", [{"amount": 9_000}, {"amount": 7_000}, {"currency": "USD"}, {"method": "bad"}])
def test_another_sum_under_the_same_key_charges_nothing_more(bench: Bench, changes: dict[str, object]) -> None:
    intent = bench.intent()
    entry = bench.charge(intent)
    assert bench.charge(replace(intent, **changes | ({"method": bench.bad_method} if "method" in changes else {}))) == entry  # type: ignore[arg-type]  # a table of changes
    assert is_charged(bench.book(intent.key), intent)


def test_keys_are_charged_apart(bench: Bench) -> None:
    first, second = bench.intent(), bench.intent(amount=9_000)
    bench.charge(first)
    bench.charge(second)
    assert is_charged(bench.lookup(first), first)
    assert is_charged(bench.lookup(second), second)


def test_a_bad_method_is_declined_and_nothing_taken(bench: Bench) -> None:
    intent = bench.intent(method=bench.bad_method)
    entry = bench.charge(intent)
    assert (entry.standing, entry.amount) == (Standing.DECLINED, 0)
    assert entry.reason
    assert bench.book(intent.key).amount == 0


def test_what_was_declined_stays_declined(bench: Bench) -> None:
    intent = bench.intent(method=bench.bad_method)
    entry = bench.charge(intent)
    assert bench.charge(intent) == entry
    assert bench.lookup(intent).standing is Standing.DECLINED
    assert bench.book(intent.key).amount == 0


@pytest.mark.needs(Feature.KEYS_ALONE)
def test_what_was_declined_stays_declined_for_another_method_too(bench: Bench) -> None:
    intent = bench.intent(method=bench.bad_method)
    entry = bench.charge(intent)
    assert bench.charge(replace(intent, method=bench.good_method)) == entry
    assert bench.book(intent.key).amount == 0


def test_a_key_that_was_never_used_is_not_found_and_not_charged(bench: Bench) -> None:
    intent = bench.intent()
    assert bench.lookup(intent) == NOTHING
    assert bench.book(intent.key) == NOTHING


@pytest.mark.needs(Feature.KEYS_ALONE)
def test_threads_with_one_key_charge_once(bench: Bench) -> None:
    key = ids.uuid7()
    entries = at_once([partial(bench.charge, bench.intent(key=key, amount=amount)) for amount in range(8_000, 8_016)])
    assert len(set(entries)) == 1
    assert bench.book(key) == entries[0]


@pytest.mark.needs(Feature.TOMBSTONES)
def test_a_tombstone_refuses_every_later_charge(bench: Bench) -> None:
    intent = bench.intent()
    tombstone = Entry(standing=Standing.VOIDED)
    assert bench.void(intent) == tombstone
    assert bench.void(intent) == tombstone
    assert bench.charge(intent) == tombstone
    assert bench.charge(replace(intent, method=bench.bad_method)) == tombstone
    assert bench.lookup(intent) == bench.book(intent.key) == tombstone


def test_what_is_charged_cannot_be_voided(bench: Bench) -> None:
    intent = bench.intent()
    entry = bench.charge(intent)
    assert bench.void(intent) == entry
    assert bench.lookup(intent) == bench.book(intent.key) == entry


def test_what_was_declined_needs_no_tombstone(bench: Bench) -> None:
    intent = bench.intent(method=bench.bad_method)
    bench.charge(intent)
    assert bench.void(intent).standing in {Standing.DECLINED, Standing.VOIDED}
    assert bench.book(intent.key).amount == 0


@pytest.mark.needs(Feature.TOMBSTONES)
def test_a_charge_and_a_void_at_one_moment_agree_on_what_happened(bench: Bench) -> None:
    for _ in range(ROUNDS):
        intent = bench.intent()
        entries = at_once([partial(bench.charge, intent), partial(bench.gateway.void, intent=intent, deadline_s=AMPLE_S)])
        assert entries[0] == entries[1] == bench.book(intent.key)
        assert entries[0] == Entry(standing=Standing.VOIDED) or is_charged(bench.book(intent.key), intent)
