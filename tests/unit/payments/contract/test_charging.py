"""A charge is made once for ever under its key."""

from dataclasses import replace
from functools import partial

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from gdmarket import ids
from tests.unit.payments.actions import concurrently
from tests.unit.payments.contract.harness import AdapterHarness, Feature
from tests.unit.payments.gateway_calls import NOTHING, VOIDED

ROUNDS = 10


def is_charged(record: ChargeRecord, wanted: ChargeRequest) -> bool:
    """Say whether a record is the one of the requested charge."""
    charged = ChargeRecord(status=ChargeStatus.CHARGED, amount=wanted.amount, currency=wanted.currency, reference=record.reference)
    return record == charged and record.reference != ""


def test_a_good_method_is_charged(harness: AdapterHarness) -> None:
    wanted = harness.request()
    record = harness.charge(wanted)
    assert is_charged(record, wanted)
    assert harness.lookup(wanted) == record
    assert is_charged(harness.record(wanted.payment_id), wanted)


def test_only_the_providers_methods_are_accepted(harness: AdapterHarness) -> None:
    methods = (harness.good_method, harness.bad_method, "", "gold coins\n")
    assert [harness.gateway.accepts(method=method) for method in methods] == [True, True, False, False]


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


def test_keys_are_charged_separately(harness: AdapterHarness) -> None:
    first, second = harness.request(), harness.request(amount=9_000)
    harness.charge(first)
    harness.charge(second)
    assert is_charged(harness.lookup(first), first)
    assert is_charged(harness.lookup(second), second)


def test_a_bad_method_is_declined(harness: AdapterHarness) -> None:
    wanted = harness.request(method=harness.bad_method)
    record = harness.charge(wanted)
    assert (record.status, record.amount) == (ChargeStatus.DECLINED, 0)
    assert record.reason
    assert harness.charge(wanted) == record
    assert harness.lookup(wanted).status is ChargeStatus.DECLINED
    assert harness.record(wanted.payment_id).amount == 0


@pytest.mark.needs(Feature.KEYS_ALONE)
def test_a_declined_charge_stays_declined_for_another_method(harness: AdapterHarness) -> None:
    wanted = harness.request(method=harness.bad_method)
    record = harness.charge(wanted)
    assert harness.charge(replace(wanted, method=harness.good_method)) == record
    assert harness.record(wanted.payment_id).amount == 0


def test_a_key_that_was_never_used_is_not_found_and_not_charged(harness: AdapterHarness) -> None:
    wanted = harness.request()
    assert harness.lookup(wanted) == NOTHING
    assert harness.record(wanted.payment_id) == NOTHING


@pytest.mark.needs(Feature.KEYS_ALONE)
def test_concurrent_charges_with_one_key_charge_once(harness: AdapterHarness) -> None:
    key = ids.uuid7()
    records = concurrently([partial(harness.charge, harness.request(payment_id=key, amount=amount)) for amount in range(8_000, 8_016)])
    assert len(set(records)) == 1
    assert harness.record(key) == records[0]


@pytest.mark.needs(Feature.TOMBSTONES)
def test_a_tombstone_refuses_every_later_charge(harness: AdapterHarness) -> None:
    wanted = harness.request()
    assert harness.void(wanted) == harness.void(wanted) == VOIDED
    assert harness.charge(wanted) == harness.charge(replace(wanted, method=harness.bad_method)) == VOIDED
    assert harness.lookup(wanted) == harness.record(wanted.payment_id) == VOIDED


def test_a_charge_that_was_made_cannot_be_voided(harness: AdapterHarness) -> None:
    wanted = harness.request()
    record = harness.charge(wanted)
    assert harness.void(wanted) == record
    assert harness.lookup(wanted) == harness.record(wanted.payment_id) == record


def test_a_declined_charge_may_be_voided(harness: AdapterHarness) -> None:
    wanted = harness.request(method=harness.bad_method)
    harness.charge(wanted)
    assert harness.void(wanted).status in {ChargeStatus.DECLINED, ChargeStatus.VOIDED}
    assert harness.record(wanted.payment_id).amount == 0


@pytest.mark.needs(Feature.TOMBSTONES)
def test_a_concurrent_charge_and_void_agree_on_the_outcome(harness: AdapterHarness) -> None:
    for _ in range(ROUNDS):
        wanted = harness.request()
        records = concurrently([partial(harness.charge, wanted), partial(harness.void, wanted)])
        assert records[0] == records[1] == harness.record(wanted.payment_id)
        assert records[0] == VOIDED or is_charged(harness.record(wanted.payment_id), wanted)
