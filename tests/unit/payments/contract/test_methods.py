"""The sandbox's payment methods mean the same in this process and over a wire."""

import pytest

from apps.payments.gateways.port import Entry, GatewayError, NoAnswerError, Standing
from tests.unit.payments.contract.bench import SHORT_S, Bench, Feature

pytestmark = pytest.mark.needs(Feature.SANDBOX_METHODS)


def test_a_slow_method_is_charged(bench: Bench) -> None:
    assert bench.charge(bench.intent(method="pm_slow")).standing is Standing.CHARGED


def test_a_lost_answer_is_waited_for_in_vain_and_the_money_taken(bench: Bench) -> None:
    intent = bench.intent(method="pm_lost")
    with pytest.raises(NoAnswerError):
        bench.charge(intent, deadline_s=SHORT_S)
    assert bench.written(intent).standing is Standing.CHARGED


def test_an_error_charges_nothing_and_nobody_knows(bench: Bench) -> None:
    intent = bench.intent(method="pm_error")
    with pytest.raises(NoAnswerError):
        bench.charge(intent)
    assert bench.lookup(intent) == Entry(standing=Standing.NOT_FOUND)


def test_a_cut_connection_charges_nothing(bench: Bench) -> None:
    intent = bench.intent(method="pm_down")
    with pytest.raises(GatewayError):
        bench.charge(intent)
    assert bench.lookup(intent) == Entry(standing=Standing.NOT_FOUND)


def test_an_unknown_method_is_declined(bench: Bench) -> None:
    entry = bench.charge(bench.intent(method="pm_gold"))
    assert (entry.standing, entry.reason) == (Standing.DECLINED, "unknown_method")
