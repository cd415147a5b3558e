"""The sandbox's payment methods mean the same in this process and over a wire."""

import pytest

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, GatewayError, NoAnswerError
from tests.unit.payments.contract.harness import SHORT_S, AdapterHarness, Feature

pytestmark = pytest.mark.needs(Feature.SANDBOX_METHODS)


def test_a_slow_method_is_charged(harness: AdapterHarness) -> None:
    assert harness.charge(harness.request(method="pm_slow")).status is ChargeStatus.CHARGED


def test_a_lost_answer_is_waited_for_in_vain_and_the_money_taken(harness: AdapterHarness) -> None:
    wanted = harness.request(method="pm_lost")
    with pytest.raises(NoAnswerError):
        harness.charge(wanted, deadline_s=SHORT_S)
    assert harness.written(wanted).status is ChargeStatus.CHARGED


def test_an_error_charges_nothing_and_nobody_knows(harness: AdapterHarness) -> None:
    wanted = harness.request(method="pm_error")
    with pytest.raises(NoAnswerError):
        harness.charge(wanted)
    assert harness.lookup(wanted) == ChargeRecord(status=ChargeStatus.NOT_FOUND)


def test_a_cut_connection_charges_nothing(harness: AdapterHarness) -> None:
    wanted = harness.request(method="pm_down")
    with pytest.raises(GatewayError):
        harness.charge(wanted)
    assert harness.lookup(wanted) == ChargeRecord(status=ChargeStatus.NOT_FOUND)


def test_an_unknown_method_is_declined(harness: AdapterHarness) -> None:
    record = harness.charge(harness.request(method="pm_gold"))
    assert (record.status, record.reason) == (ChargeStatus.DECLINED, "unknown_method")
