"""A provider that refuses our call, or is still at it: nothing was done, or nobody knows yet."""

from dataclasses import replace

import pytest

from apps.payments import facade
from apps.payments.contracts import ChargeOutcome
from apps.payments.errors import OutcomeUnknownError, PaymentDiffersError
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, RefusedError
from apps.payments.models import Payment, Posting
from apps.payments.services import checking, reconciling, refunding
from apps.payments.services.findings import FindingVerdict
from gdmarket import clock, ids
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import charge, everything, facts, new_attempt, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

IN_FLIGHT = FindingVerdict.IN_FLIGHT
REPAIRED = FindingVerdict.REPAIRED
PROCESSING = ChargeRecord(status=ChargeStatus.PROCESSING)


def refusing() -> RefusedError:
    return RefusedError("UNAUTHORIZED_KEY")


def test_a_charge_that_the_provider_refuses_to_hear_was_surely_not_made(provider: FakeGateway) -> None:
    provider.fails["charge"] = refusing

    result = charge(now=NOON)

    assert (result.outcome, result.reason, result.retry_after_s) == (ChargeOutcome.NOT_SENT, "UNAUTHORIZED_KEY", None)
    assert (state_of(result.payment_id), facts(), provider.records) == ("not_sent", ["PaymentDeclined"], {})
    assert not Posting.objects.exists()


def test_a_provider_that_refuses_works_so_the_breaker_counts_nothing(provider: FakeGateway) -> None:
    provider.fails["charge"] = refusing
    for _ in range(15):
        assert charge(now=NOON).outcome is ChargeOutcome.NOT_SENT
    assert (facade.closed_for_s(), len(provider.calls)) == (0.0, 15)
    provider.fails.clear()
    assert charge(now=NOON).outcome is ChargeOutcome.APPROVED


def test_a_refund_that_the_provider_refuses_to_hear_is_asked_for_again_later(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id
    refund = refunding.record_refund(payment_id=payment_id, now=NOON)
    provider.fails["refund"] = refusing
    waits = []
    for _ in range(3):
        with pytest.raises(OutcomeUnknownError) as later:
            refunding.send_refund(refund_id=refund.id, now=NOON)
        waits.append(later.value.retry_after_s)
    assert waits == [1, 2, 4]
    assert (state_of(payment_id), facts()) == ("approved", ["PaymentApproved"])
    provider.fails.clear()

    assert refunding.send_refund(refund_id=refund.id, now=NOON).state == "refunded"


def test_a_check_that_the_provider_refuses_to_hear_settles_nothing(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.fails["lookup"] = refusing
    before = everything()
    with pytest.raises(OutcomeUnknownError):
        checking.check_payment(payment_id=payment.id, now=NOON)
    Payment.objects.update(checks=0)
    assert everything() == before


def test_a_charge_that_is_still_processing_is_unknown_and_asked_about_again(provider: FakeGateway) -> None:
    attempt = new_attempt()
    payment_id = attempt["payment_id"]
    provider.records[payment_id] = PROCESSING

    result = charge(**attempt, now=NOON)

    assert (result.outcome, result.reason) == (ChargeOutcome.UNKNOWN, "processing")
    waits = []
    for _ in range(3):
        with pytest.raises(OutcomeUnknownError) as later:
            checking.check_payment(payment_id=payment_id, now=NOON)
        waits.append(later.value.retry_after_s)
    assert (waits, state_of(payment_id), facts()) == ([1, 2, 4], "unknown", [])
    assert provider.calls == ["charge", "lookup", "lookup", "lookup"]  # what is under way is never voided

    provider.records[payment_id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW")
    assert checking.check_payment(payment_id=payment_id, now=NOON).state == "approved"


def test_a_provider_that_keeps_no_tombstones_is_asked_until_the_charge_can_come_no_more(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.on_arrival["void"] = lambda: provider.records.update({payment.id: PROCESSING})
    with pytest.raises(OutcomeUnknownError):
        checking.check_payment(payment_id=payment.id, now=NOON)
    assert (state_of(payment.id), facts(), provider.calls) == ("unknown", [], ["lookup", "void"])


def test_a_refund_that_is_still_processing_is_asked_about_again(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id
    refund = refunding.record_refund(payment_id=payment_id, now=NOON)
    provider.refunds_pending = True
    with pytest.raises(OutcomeUnknownError):
        refunding.send_refund(refund_id=refund.id, now=NOON)
    assert (state_of(payment_id), provider.records[payment_id].refunded) == ("approved", 0)
    provider.refunds_pending = False

    assert refunding.send_refund(refund_id=refund.id, now=NOON).state == "refunded"
    assert (provider.records[payment_id].refunded, facts()) == (8_000, ["PaymentApproved", "PaymentRefunded"])


def test_what_is_still_processing_does_not_hold_reconciling_up(provider: FakeGateway) -> None:
    processing, dawdling, lost = (PaymentFactory(state="unknown", id=ids.uuid7()) for _ in range(3))
    provider.records |= {processing.id: PROCESSING, dawdling.id: PROCESSING}
    provider.records[lost.id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW")

    findings = {finding.payment_id: (finding.verdict, finding.provider) for finding in reconciling.reconcile_payments(now=clock.now())}

    assert findings == {
        processing.id: (IN_FLIGHT, "still processing"),
        dawdling.id: (IN_FLIGHT, "still processing"),
        lost.id: (REPAIRED, "now approved"),
    }


def test_a_charge_of_which_a_part_went_back_already_is_for_a_person(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    whole = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW")
    provider.records[payment.id] = replace(whole, refunded=3_000)
    with pytest.raises(PaymentDiffersError):
        checking.check_payment(payment_id=payment.id, now=NOON)
    assert state_of(payment.id) == "unknown"

    provider.records[payment.id] = replace(whole, refunded=8_000)
    settled = checking.check_payment(payment_id=payment.id, now=NOON)
    assert (settled.state, settled.reason) == ("declined", "given_back")
    assert not Posting.objects.exists()
