"""The sandbox's payment methods mean the same in this process and over a wire."""

import pytest

from apps.payments.gateways.port import ChargeStatus, GatewayError, NoAnswerError
from tests.unit.payments.contract.harness import AdapterHarness, Feature
from tests.unit.payments.gateway_calls import NOTHING

pytestmark = pytest.mark.needs(Feature.SANDBOX_METHODS)


def test_a_slow_method_is_charged(harness: AdapterHarness) -> None:
    assert harness.charge(harness.request(method="pm_slow")).status is ChargeStatus.CHARGED


def test_a_method_whose_answer_is_lost_is_charged(harness: AdapterHarness) -> None:
    wanted = harness.request(method="pm_lost")
    with pytest.raises(NoAnswerError):
        harness.charge(wanted, deadline_s=0.4)
    assert harness.written(wanted).status is ChargeStatus.CHARGED


@pytest.mark.parametrize(("method", "error"), [("pm_error", NoAnswerError), ("pm_down", GatewayError)])
def test_an_error_or_a_cut_connection_charges_nothing(harness: AdapterHarness, method: str, error: type[GatewayError]) -> None:
    wanted = harness.request(method=method)
    with pytest.raises(error):
        harness.charge(wanted)
    assert harness.lookup(wanted) == NOTHING


def test_an_unknown_method_is_declined(harness: AdapterHarness) -> None:
    record = harness.charge(harness.request(method="pm_gold"))
    assert (record.status, record.reason) == (ChargeStatus.DECLINED, "unknown_method")
