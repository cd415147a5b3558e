"""Money is taken once for ever under a key, whoever asks and however often."""

from dataclasses import replace
from functools import partial

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from gdmarket import ids
from tests.unit.payments.actions import at_once
from tests.unit.payments.contract.harness import AMPLE_S, AdapterHarness, Feature

NOTHING = ChargeRecord(status=ChargeStatus.NOT_FOUND)
ROUNDS = 10


def is_charged(record: ChargeRecord, wanted: ChargeRequest, *, refunded: int = 0) -> bool:
    """Say whether a record tells of exactly what was meant."""
    said = (record.status, record.amount, record.refunded, record.currency, record.reason)
    return said == (ChargeStatus.CHARGED, wanted.amount, refunded, wanted.currency, "") and record.reference != ""


def test_a_good_method_is_charged(harness: AdapterHarness) -> None:
    wanted = harness.request()
    record = harness.charge(wanted)
    assert is_charged(record, wanted)
    assert harness.lookup(wanted) == record
    assert is_charged(harness.record(wanted.payment_id), wanted)


def test_only_the_provider_s_methods_are_accepted(harness: AdapterHarness) -> None:
    asked = (harness.good_method, harness.bad_method, "", "gold coins\n")
    assert [harness.gateway.accepts(method=method) for method in asked] == [True, True, False, False]


def test_the_same_key_again_charges_nothing_more(harness: AdapterHarness) -> None:
    wanted = harness.request()
    record = harness.charge(wanted)
    assert harness.charge(wanted) == record
    assert harness.lookup(wanted) == record
    assert is_charged(harness.record(wanted.payment_id), wanted)


@pytest.mark.needs(Feature.KEYS_ALONE)
@pytest.mark.parametrize("changes", [{"amount": 9_000}, {"amount": 7_000}, {"currency": "USD"}, {"method": "bad"}])
def test_another_sum_under_the_same_key_charges_nothing_more(harness: AdapterHarness, changes: dict[str, object]) -> None:
    wanted = harness.request()
    record = harness.charge(wanted)
    assert harness.charge(replace(wanted, **changes | ({"method": harness.bad_method} if "method" in changes else {}))) == record  # type: ignore[arg-type]  # a table of changes
    assert is_charged(harness.record(wanted.payment_id), wanted)


def test_keys_are_charged_apart(harness: AdapterHarness) -> None:
    first, second = harness.request(), harness.request(amount=9_000)
    harness.charge(first)
    harness.charge(second)
    assert is_charged(harness.lookup(first), first)
    assert is_charged(harness.lookup(second), second)


def test_a_bad_method_is_declined_and_nothing_taken(harness: AdapterHarness) -> None:
    wanted = harness.request(method=harness.bad_method)
    record = harness.charge(wanted)
    assert (record.status, record.amount) == (ChargeStatus.DECLINED, 0)
    assert record.reason
    assert harness.record(wanted.payment_id).amount == 0


def test_what_was_declined_stays_declined(harness: AdapterHarness) -> None:
    wanted = harness.request(method=harness.bad_method)
    record = harness.charge(wanted)
    assert harness.charge(wanted) == record
    assert harness.lookup(wanted).status is ChargeStatus.DECLINED
    assert harness.record(wanted.payment_id).amount == 0


@pytest.mark.needs(Feature.KEYS_ALONE)
def test_what_was_declined_stays_declined_for_another_method_too(harness: AdapterHarness) -> None:
    wanted = harness.request(method=harness.bad_method)
    record = harness.charge(wanted)
    assert harness.charge(replace(wanted, method=harness.good_method)) == record
    assert harness.record(wanted.payment_id).amount == 0


def test_a_key_that_was_never_used_is_not_found_and_not_charged(harness: AdapterHarness) -> None:
    wanted = harness.request()
    assert harness.lookup(wanted) == NOTHING
    assert harness.record(wanted.payment_id) == NOTHING


@pytest.mark.needs(Feature.KEYS_ALONE)
def test_threads_with_one_key_charge_once(harness: AdapterHarness) -> None:
    key = ids.uuid7()
    records = at_once([partial(harness.charge, harness.request(payment_id=key, amount=amount)) for amount in range(8_000, 8_016)])
    assert len(set(records)) == 1
    assert harness.record(key) == records[0]


@pytest.mark.needs(Feature.TOMBSTONES)
def test_a_tombstone_refuses_every_later_charge(harness: AdapterHarness) -> None:
    wanted = harness.request()
    tombstone = ChargeRecord(status=ChargeStatus.VOIDED)
    assert harness.void(wanted) == tombstone
    assert harness.void(wanted) == tombstone
    assert harness.charge(wanted) == tombstone
    assert harness.charge(replace(wanted, method=harness.bad_method)) == tombstone
    assert harness.lookup(wanted) == harness.record(wanted.payment_id) == tombstone


def test_what_is_charged_cannot_be_voided(harness: AdapterHarness) -> None:
    wanted = harness.request()
    record = harness.charge(wanted)
    assert harness.void(wanted) == record
    assert harness.lookup(wanted) == harness.record(wanted.payment_id) == record


def test_what_was_declined_needs_no_tombstone(harness: AdapterHarness) -> None:
    wanted = harness.request(method=harness.bad_method)
    harness.charge(wanted)
    assert harness.void(wanted).status in {ChargeStatus.DECLINED, ChargeStatus.VOIDED}
    assert harness.record(wanted.payment_id).amount == 0


@pytest.mark.needs(Feature.TOMBSTONES)
def test_a_charge_and_a_void_at_one_moment_agree_on_what_happened(harness: AdapterHarness) -> None:
    for _ in range(ROUNDS):
        wanted = harness.request()
        records = at_once([partial(harness.charge, wanted), partial(harness.gateway.void, request=wanted, deadline_s=AMPLE_S)])
        assert records[0] == records[1] == harness.record(wanted.payment_id)
        assert records[0] == ChargeRecord(status=ChargeStatus.VOIDED) or is_charged(harness.record(wanted.payment_id), wanted)
