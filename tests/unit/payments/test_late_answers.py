"""Callers that die, charges that come too late, answers that nobody waits for any more."""

from datetime import timedelta

import pytest

from apps.payments.contracts import ChargeOutcome
from apps.payments.domain import PaymentState
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError
from apps.payments.services import charging, checking
from gdmarket import ids
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import charge, elsewhere, everything, facts, reminders, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_caller_that_dies_in_the_midst_leaves_an_attempt_that_heals(provider: FakeGateway) -> None:
    provider.loses["charge"] = SystemExit
    payment_id = ids.uuid7()
    with pytest.raises(SystemExit):
        charge(payment_id=payment_id, now=NOON)
    assert (state_of(payment_id), facts(), reminders()) == ("pending", [], [payment_id])

    checking.check_payment(payment_id=payment_id, now=NOON + timedelta(seconds=5))

    assert (state_of(payment_id), facts(), provider.calls) == ("approved", ["PaymentApproved"], ["charge", "lookup"])


def test_a_gateway_that_breaks_its_word_leaves_an_attempt_that_heals(provider: FakeGateway) -> None:
    provider.fails["charge"] = lambda: ValueError("an answer nobody can read")
    payment_id = ids.uuid7()
    with pytest.raises(ValueError, match="nobody can read"):
        charge(payment_id=payment_id, now=NOON)

    checking.check_payment(payment_id=payment_id, now=NOON + timedelta(seconds=5))

    assert (state_of(payment_id), provider.calls) == ("not_sent", ["charge", "lookup", "void"])


def test_a_charge_that_arrives_after_it_was_given_up_is_refused_by_the_tombstone(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()

    def give_up() -> None:
        checking.check_payment(payment_id=payment_id, now=NOON + timedelta(seconds=5))

    provider.on_arrival["charge"] = lambda: elsewhere(give_up)

    result = charge(payment_id=payment_id, now=NOON)

    assert (result.outcome, result.reason, result.version) == (ChargeOutcome.NOT_SENT, "voided", 2)
    assert provider.records[payment_id] == ChargeRecord(status=ChargeStatus.VOIDED)
    assert (provider.calls, facts()) == (["charge", "lookup", "void"], ["PaymentDeclined"])


def test_an_answer_lost_after_the_check_found_the_charge_changes_nothing(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()

    def lose_the_answer() -> NoAnswerError:
        elsewhere(lambda: checking.check_payment(payment_id=payment_id, now=NOON + timedelta(seconds=5)))
        return NoAnswerError("timed_out")

    provider.loses["charge"] = lose_the_answer

    result = charge(payment_id=payment_id, now=NOON)

    assert (result.outcome, result.version, facts()) == (ChargeOutcome.APPROVED, 2, ["PaymentApproved"])


@pytest.mark.parametrize("settled", ["declined", "not_sent"])
def test_an_approval_too_late_changes_nothing_but_cries_out(caplog: pytest.LogCaptureFixture, settled: str) -> None:
    payment = PaymentFactory(state=settled)
    before = everything()

    standing = charging.record_outcome(payment_id=payment.id, outcome=charging.ProviderOutcome(state=PaymentState.APPROVED), now=NOON)

    assert standing.state == settled
    assert everything() == before
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "reconcile_payments" in caplog.text
