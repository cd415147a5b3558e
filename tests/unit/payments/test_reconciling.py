"""Our payments compared with the provider's records: what is safe is settled, the rest is left for a person."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError
from apps.payments.models import Payment
from apps.payments.services import reconciling, refunding
from apps.payments.services.findings import FindingVerdict, PaymentFinding
from gdmarket import clock
from tests.factories.payments import PaymentFactory, RefundFactory
from tests.unit.payments.actions import charge, charge_request, concurrently, everything, facts, open_breaker, state_of
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

AGREES, IN_FLIGHT, REPAIRED, WOULD_REPAIR, NOT_REACHED, NEEDS_PERSON = FindingVerdict
CHARGED = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW", reference="theirs")
REFUNDED = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, refunded=8_000, currency="KRW")
DECLINED = ChargeRecord(status=ChargeStatus.DECLINED, reason="card_declined")
VOIDED = ChargeRecord(status=ChargeStatus.VOIDED)
PROCESSING = ChargeRecord(status=ChargeStatus.PROCESSING)


def reconcile(**wishes: Any) -> list[PaymentFinding]:
    return list(reconciling.reconcile_payments(now=clock.now(), **wishes))


def verdicts(**wishes: Any) -> list[FindingVerdict]:
    return [finding.verdict for finding in reconcile(**wishes)]


def with_refund(provider: FakeGateway, record: ChargeRecord | None) -> UUID:
    """Return a payment whose refund is recorded but not sent, as the provider knows it."""
    payment: Payment = RefundFactory().payment
    if record is not None:
        provider.records[payment.id] = record
    return payment.id


@pytest.mark.parametrize("state", ["pending", "unknown"])
@pytest.mark.parametrize(
    ("record", "state_after", "fact"),
    [
        (CHARGED, "approved", "PaymentApproved"),
        (DECLINED, "declined", "PaymentDeclined"),
        (VOIDED, "not_sent", "PaymentNotSent"),
        (None, "not_sent", "PaymentNotSent"),
    ],
)
def test_an_unsettled_payment_is_settled_by_the_providers_record(
    provider: FakeGateway, state: str, record: ChargeRecord | None, state_after: str, fact: str
) -> None:
    payment = PaymentFactory(state=state)
    if record:
        provider.records[payment.id] = record

    (finding,) = reconcile()

    assert finding == PaymentFinding(
        payment_id=payment.id,
        rental_id=payment.rental_id,
        verdict=REPAIRED,
        ours=f"{state} 8000 KRW",
        provider=f"now {state_after}",
        currency="KRW",
        held=8_000 if record is CHARGED else 0,
        booked=8_000 if record is CHARGED else 0,
    )
    assert (state_of(payment.id), facts()) == (state_after, [fact])
    assert verdicts() == [AGREES]
    assert facts() == [fact]


def test_an_attempt_never_sent_is_closed(provider: FakeGateway) -> None:
    payment = PaymentFactory(never_sent=True)
    assert verdicts() == [REPAIRED]
    assert (state_of(payment.id), "charge" in provider.calls) == ("not_sent", False)


@pytest.mark.parametrize("record", [CHARGED, REFUNDED])
def test_a_refund_that_is_due_is_sent(provider: FakeGateway, record: ChargeRecord) -> None:
    payment_id = with_refund(provider, CHARGED)
    if record is REFUNDED:  # its answer was lost
        refund = Payment.objects.get(id=payment_id).refunds.get()
        provider.refund(request=charge_request(payment_id), refund_key=refund.id, amount=8_000, deadline_s=1)

    (finding,) = reconcile()

    assert (finding.verdict, finding.ours, finding.provider) == (REPAIRED, "approved 8000 KRW, refund due 8000", "now refunded")
    assert (state_of(payment_id), provider.records[payment_id].refunded, facts()) == ("refunded", 8_000, ["PaymentRefunded"])
    assert verdicts() == [AGREES]


@pytest.mark.parametrize(
    ("state", "record"),
    [
        ("approved", CHARGED),
        ("refunded", REFUNDED),
        ("declined", DECLINED),
        ("declined", None),
        ("not_sent", VOIDED),
        ("not_sent", None),
        ("not_sent", DECLINED),
        ("declined", REFUNDED),
    ],
)
def test_payments_that_agree_are_left_alone(provider: FakeGateway, state: str, record: ChargeRecord | None) -> None:
    payment = PaymentFactory(state=state)
    if record:
        provider.records[payment.id] = record
    before = everything()
    assert verdicts() == [AGREES]
    assert everything() == before
    assert provider.calls == ["list"]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("state", "record", "description"),
    [
        ("approved", None, "not_found"),
        ("approved", DECLINED, "declined"),
        ("approved", REFUNDED, "charged 8000 KRW, refunded 8000"),
        ("approved", ChargeRecord(status=ChargeStatus.CHARGED, amount=80_000, currency="KRW"), "charged 80000 KRW"),
        ("approved", ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="USD"), "charged 8000 USD"),
        ("refunded", CHARGED, "charged 8000 KRW"),
        ("declined", CHARGED, "charged 8000 KRW"),
        ("not_sent", CHARGED, "charged 8000 KRW"),
        ("unknown", ChargeRecord(status=ChargeStatus.CHARGED, amount=80_000, currency="KRW"), "charged 80000 KRW"),
        ("pending", ChargeRecord(status=ChargeStatus.CHARGED, amount=80_000, currency="KRW"), "charged 80000 KRW"),
    ],
)
def test_a_difference_is_left_for_a_person(
    provider: FakeGateway, state: str, record: ChargeRecord | None, description: str, dry_run: bool
) -> None:
    payment = PaymentFactory(state=state)
    if record:
        provider.records[payment.id] = record
    before, records = everything(), dict(provider.records)

    (finding,) = reconcile(dry_run=dry_run)

    assert (finding.verdict, finding.ours, finding.provider) == (NEEDS_PERSON, f"{state} 8000 KRW", description)
    assert everything() == before
    assert (provider.records, sorted(provider.calls)) == (records, ["list", "lookup"])


@pytest.mark.parametrize(
    ("record", "would_be"),
    [
        (None, NEEDS_PERSON),
        (DECLINED, NEEDS_PERSON),
        # To a reader it looks like a refund of ours whose answer was lost.
        (ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, refunded=5_000, currency="KRW"), WOULD_REPAIR),
    ],
)
def test_a_refund_that_the_provider_refuses_is_left_for_a_person(
    provider: FakeGateway, record: ChargeRecord | None, would_be: FindingVerdict
) -> None:
    payment_id = with_refund(provider, record)
    records = dict(provider.records)

    (dry,) = reconcile(dry_run=True)
    (finding,) = reconcile()

    assert (dry.verdict, finding.verdict) == (would_be, NEEDS_PERSON)
    assert finding.ours == dry.ours == "approved 8000 KRW, refund due 8000"
    assert finding.provider == "refuses the refund: more_than_charged"
    assert (state_of(payment_id), facts(), provider.records) == ("approved", [], records)


def test_a_dry_run_reports_what_would_be_repaired_and_changes_nothing(provider: FakeGateway) -> None:
    lost, unseen, never_sent = PaymentFactory(state="unknown"), PaymentFactory(), PaymentFactory(never_sent=True)
    provider.records[lost.id] = CHARGED
    due = with_refund(provider, CHARGED)
    before, records = everything(), dict(provider.records)

    findings = reconcile(dry_run=True)

    found = {finding.payment_id: (finding.verdict, finding.provider) for finding in findings}
    assert found == {
        lost.id: (WOULD_REPAIR, "charged 8000 KRW"),
        unseen.id: (WOULD_REPAIR, "not_found"),
        never_sent.id: (WOULD_REPAIR, "not_found"),
        due: (WOULD_REPAIR, "charged 8000 KRW"),
    }
    assert everything() == before
    assert (provider.records, set(provider.calls)) == (records, {"list", "lookup"})


def test_an_attempt_in_progress_is_left_alone(provider: FakeGateway) -> None:
    payment = PaymentFactory(created_at=clock.now())
    before = everything()
    (finding,) = reconcile()
    assert (finding.payment_id, finding.verdict) == (payment.id, IN_FLIGHT)
    assert everything() == before
    assert provider.calls == ["list"]


def test_charges_still_processing_do_not_end_the_run(provider: FakeGateway) -> None:
    first, second, lost = PaymentFactory.create_batch(3, state="unknown")
    provider.records = {first.id: PROCESSING, second.id: PROCESSING, lost.id: CHARGED}

    findings = {finding.payment_id: (finding.verdict, finding.provider) for finding in reconcile()}

    in_flight = (IN_FLIGHT, "still processing")
    assert findings == {first.id: in_flight, second.id: in_flight, lost.id: (REPAIRED, "now approved")}


def test_younger_payments_can_be_left_out(provider: FakeGateway) -> None:
    old, young = PaymentFactory(state="unknown"), PaymentFactory(state="unknown", created_at=clock.now() - timedelta(minutes=1))
    listed = charge(now=clock.now()).payment_id
    findings = reconcile(older_than_s=120.0)
    assert [finding.payment_id for finding in findings] == [old.id]
    assert (state_of(old.id), state_of(young.id), state_of(listed)) == ("not_sent", "unknown", "approved")


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_ends_when_the_provider_refuses_connections(provider: FakeGateway, dry_run: bool) -> None:
    PaymentFactory(state="approved")
    first = min(PaymentFactory.create_batch(2, state="unknown"), key=lambda payment: payment.id)
    before = everything()
    provider.fails["lookup"] = lambda: NotSentError("connection_refused")

    (finding,) = reconcile(dry_run=dry_run)

    assert (finding.payment_id, finding.verdict, finding.provider) == (first.id, NOT_REACHED, "not reached: connection_refused")
    assert everything() == before
    assert provider.calls == ["lookup"]


def test_a_lookup_without_an_answer_does_not_end_the_run(provider: FakeGateway) -> None:
    silent, lost = sorted(PaymentFactory.create_batch(2, state="unknown"), key=lambda payment: payment.id)
    paid = charge(now=clock.now()).payment_id
    provider.records[lost.id] = CHARGED
    provider.unanswered.add(silent.id)

    assert {finding.payment_id: finding.verdict for finding in reconcile()} == {silent.id: NOT_REACHED, lost.id: REPAIRED, paid: AGREES}


def test_a_run_ends_after_five_lookups_without_an_answer(provider: FakeGateway) -> None:
    PaymentFactory.create_batch(7, state="unknown")
    provider.fails["lookup"] = lambda: NoAnswerError("timed_out")
    assert verdicts() == [NOT_REACHED] * 5


def test_a_run_makes_no_call_while_the_breaker_is_open(provider: FakeGateway) -> None:
    PaymentFactory(state="unknown")
    open_breaker()
    assert verdicts() == [NOT_REACHED]
    assert provider.calls == []


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_payment_refunded_during_the_comparison_is_no_difference(provider: FakeGateway, is_recorded: bool) -> None:
    payment = PaymentFactory(state="approved")
    provider.records[payment.id] = CHARGED
    provider.made_at[payment.id] = clock.now() - timedelta(days=2)  # by a clock that is slow: it is not on the list

    def refund() -> None:
        provider.on_arrival.clear()
        recorded = refunding.record_refund(payment_id=payment.id, now=clock.now())
        if is_recorded:
            refunding.send_refund(refund_id=recorded.id, now=clock.now())
        else:  # refunded, but not yet recorded
            provider.refund(request=charge_request(payment.id), refund_key=recorded.id, amount=8_000, deadline_s=1)

    provider.on_arrival["lookup"] = refund

    assert verdicts(since=clock.now() - timedelta(days=1)) == [IN_FLIGHT]


def test_concurrent_runs_settle_each_payment_once(provider: FakeGateway) -> None:
    open_ones = [PaymentFactory(state="unknown") for _ in range(5)]
    for payment in open_ones:
        provider.records[payment.id] = replace(CHARGED, reference=f"theirs-{payment.id}")
    due = [with_refund(provider, CHARGED) for _ in range(5)]

    runs = concurrently([verdicts] * 4)

    assert not [run for run in runs if isinstance(run, Exception)]
    assert all(NEEDS_PERSON not in run for run in runs if not isinstance(run, Exception))
    assert {state_of(payment.id) for payment in open_ones} == {"approved"}
    assert {(state_of(payment_id), provider.records[payment_id].refunded) for payment_id in due} == {("refunded", 8_000)}
    assert sorted(facts()) == ["PaymentApproved"] * 5 + ["PaymentRefunded"] * 5
    assert verdicts() == [AGREES] * 10
