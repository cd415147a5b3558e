"""Callers that die, charges that arrive late, and answers after the payment was settled."""

from datetime import timedelta

import pytest

from apps.payments.contracts import ChargeOutcome
from apps.payments.domain import PaymentState
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError
from apps.payments.services import charging, checking
from gdmarket import ids
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import charge, everything, facts, in_another_thread, scheduled_checks, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_attempt_whose_caller_died_is_settled_by_the_check(provider: FakeGateway) -> None:
    provider.loses["charge"] = SystemExit
    payment_id = ids.uuid7()
    with pytest.raises(SystemExit):
        charge(payment_id=payment_id, now=NOON)
    assert (state_of(payment_id), facts(), scheduled_checks()) == ("pending", [], [payment_id])

    checking.check_payment(payment_id=payment_id, now=NOON + timedelta(seconds=5))

    assert (state_of(payment_id), facts(), provider.calls) == ("approved", ["PaymentApproved"], ["charge", "lookup"])


def test_an_attempt_whose_gateway_broke_its_contract_is_settled_by_the_check(provider: FakeGateway) -> None:
    provider.fails["charge"] = lambda: ValueError("an unexpected error")
    payment_id = ids.uuid7()
    with pytest.raises(ValueError, match="unexpected"):
        charge(payment_id=payment_id, now=NOON)

    checking.check_payment(payment_id=payment_id, now=NOON + timedelta(seconds=5))

    assert (state_of(payment_id), provider.calls) == ("not_sent", ["charge", "lookup", "void"])


def test_a_charge_that_arrives_after_the_void_is_not_sent(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()

    def settle() -> None:
        checking.check_payment(payment_id=payment_id, now=NOON + timedelta(seconds=5))

    provider.on_arrival["charge"] = lambda: in_another_thread(settle)

    result = charge(payment_id=payment_id, now=NOON)

    assert (result.outcome, result.reason, result.version) == (ChargeOutcome.NOT_SENT, "voided", 2)
    assert provider.records[payment_id] == ChargeRecord(status=ChargeStatus.VOIDED)
    assert (provider.calls, facts()) == (["charge", "lookup", "void"], ["PaymentNotSent"])


def test_an_answer_lost_after_the_check_found_the_charge_changes_nothing(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()

    def lose_the_answer() -> NoAnswerError:
        in_another_thread(lambda: checking.check_payment(payment_id=payment_id, now=NOON + timedelta(seconds=5)))
        return NoAnswerError("timed_out")

    provider.loses["charge"] = lose_the_answer

    result = charge(payment_id=payment_id, now=NOON)

    assert (result.outcome, result.version, facts()) == (ChargeOutcome.APPROVED, 2, ["PaymentApproved"])


@pytest.mark.parametrize("settled", ["declined", "not_sent"])
def test_a_late_approval_changes_nothing_and_is_logged_as_critical(caplog: pytest.LogCaptureFixture, settled: str) -> None:
    payment = PaymentFactory(state=settled)
    before = everything()

    standing = charging.record_outcome(payment_id=payment.id, outcome=charging.ProviderOutcome(state=PaymentState.APPROVED), now=NOON)

    assert standing.state == settled
    assert everything() == before
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "reconcile_payments" in caplog.text
