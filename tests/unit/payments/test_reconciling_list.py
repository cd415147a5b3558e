"""The provider's own list compared with our payments and the ledger, in both directions."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError
from apps.payments.models import Payment, Posting, Refund
from apps.payments.services import ledger, reconciling, refunding
from apps.payments.services.findings import FindingVerdict, PaymentFinding
from gdmarket import clock, ids
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import charge, charge_request, everything, facts, give_back, state_of
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

AGREES, _, REPAIRED, WOULD_REPAIR, NOT_REACHED, NEEDS_PERSON = FindingVerdict
CHARGED = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW", reference="theirs")


def reconcile(**wishes: Any) -> list[PaymentFinding]:
    return list(reconciling.reconcile_payments(now=clock.now(), **wishes))


def verdicts(**wishes: Any) -> list[FindingVerdict]:
    return [finding.verdict for finding in reconcile(**wishes)]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_charge_that_matches_no_payment_needs_a_person(provider: FakeGateway, dry_run: bool) -> None:
    unmatched, nameless = ids.uuid7(), ids.uuid7()
    provider.records |= {unmatched: CHARGED, nameless: replace(CHARGED, reference="pay_7", refunded=3_000)}
    provider.without_key.add(nameless)

    findings = reconcile(dry_run=dry_run)

    assert sorted(findings, key=lambda finding: -finding.held) == [
        PaymentFinding(verdict=NEEDS_PERSON, provider=f"charged 8000 KRW as {unmatched}", currency="KRW", held=8_000),
        PaymentFinding(verdict=NEEDS_PERSON, provider="charged 8000 KRW, refunded 3000 as pay_7", currency="KRW", held=5_000),
    ]
    assert everything() == [[], [], [], []]


def test_a_list_of_many_pages_is_read_to_its_end(provider: FakeGateway) -> None:
    provider.page = 3
    payments = [charge(now=clock.now()).payment_id for _ in range(7)]
    unmatched = ids.uuid7()
    provider.records[unmatched] = CHARGED

    findings = reconcile()

    found = {finding.payment_id: finding.verdict for finding in findings}
    assert found == dict.fromkeys(payments, AGREES) | {None: NEEDS_PERSON}
    assert (len(findings), provider.calls.count("list"), provider.calls.count("lookup")) == (8, 3, 0)


def test_a_charge_without_our_key_is_matched_by_the_providers_reference(provider: FakeGateway) -> None:
    payment_id = charge(now=clock.now()).payment_id
    provider.without_key.add(payment_id)

    (finding,) = reconcile()

    assert (finding.payment_id, finding.verdict, finding.held, finding.booked) == (payment_id, AGREES, 8_000, 8_000)
    assert "lookup" not in provider.calls


def test_a_ledger_that_differs_from_the_provider_needs_a_person(provider: FakeGateway) -> None:
    payment_id = charge(now=clock.now()).payment_id
    with ledger.guard_disabled():
        Posting.objects.filter(entry="charged").delete()

    (finding,) = reconcile()

    assert (finding.payment_id, finding.verdict) == (payment_id, NEEDS_PERSON)
    assert (finding.held, finding.booked) == (8_000, 0)
    assert (state_of(payment_id), provider.records[payment_id].refunded) == ("approved", 0)


def test_a_second_charge_under_one_key_needs_a_person(provider: FakeGateway) -> None:
    payment_id = charge(now=clock.now()).payment_id
    provider.duplicates[payment_id] = replace(provider.records[payment_id], reference="another")

    findings = reconcile()

    assert {(finding.payment_id, finding.verdict, finding.held) for finding in findings} == {
        (payment_id, AGREES, 8_000),
        (None, NEEDS_PERSON, 8_000),
    }


@pytest.mark.parametrize("older_than_s", [0.0, 3600.0])
def test_a_charge_of_an_unsettled_payment_is_matched_by_its_rental(provider: FakeGateway, older_than_s: float) -> None:
    provider.loses["charge"] = lambda: NoAnswerError("timed_out")
    payment_id = charge(now=clock.now()).payment_id
    provider.without_key.add(payment_id)

    verdicts_ = [finding.verdict for finding in reconcile(older_than_s=older_than_s)]

    assert verdicts_ == ([] if older_than_s else [REPAIRED])


def test_a_charge_recorded_by_a_version_without_the_ledger_is_posted(provider: FakeGateway) -> None:
    payment_id = charge(now=clock.now()).payment_id
    posted = set(Posting.objects.values_list("entry", "debit", "credit", "amount"))
    with ledger.guard_disabled():
        Posting.objects.all().delete()

    assert [finding.verdict for finding in reconcile(dry_run=True)] == [WOULD_REPAIR]
    assert not Posting.objects.exists()
    (finding,) = reconcile()

    assert (finding.payment_id, finding.verdict, finding.provider) == (payment_id, REPAIRED, "now booked")
    assert (finding.held, finding.booked) == (8_000, 8_000)
    assert set(Posting.objects.values_list("entry", "debit", "credit", "amount")) == posted
    assert [finding.verdict for finding in reconcile()] == [AGREES]


def test_a_refund_recorded_by_a_version_without_the_ledger_is_posted_and_made(provider: FakeGateway) -> None:
    payment_id = charge(now=clock.now()).payment_id
    Refund.objects.create(id=ids.uuid7(), payment_id=payment_id, amount=8_000, created_at=clock.now())

    assert [finding.verdict for finding in reconcile()] == [REPAIRED]

    assert (state_of(payment_id), provider.records[payment_id].refunded) == ("refunded", 8_000)
    assert set(Posting.objects.values_list("entry", flat=True)) == {"earned", "charged", "refund_due", "refunded"}


def test_a_refused_refund_is_part_of_the_sums(provider: FakeGateway) -> None:
    payment_id = charge(now=clock.now()).payment_id
    provider.refund(request=charge_request(payment_id), refund_key=ids.uuid7(), amount=3_000, deadline_s=1)
    refunding.record_refund(payment_id=payment_id, now=clock.now())

    (finding,) = reconcile()

    assert (finding.verdict, finding.provider) == (NEEDS_PERSON, "refuses the refund: more_than_charged")
    assert (finding.held, finding.booked) == (5_000, 8_000)


@pytest.mark.parametrize("amount", [3_000, 8_000])
def test_a_refund_made_at_the_provider_alone_needs_a_person(provider: FakeGateway, amount: int) -> None:
    payment_id = charge(now=clock.now()).payment_id
    provider.refund(request=charge_request(payment_id), refund_key=ids.uuid7(), amount=amount, deadline_s=1)
    before = everything()

    (finding,) = reconcile()

    assert (finding.verdict, finding.ours) == (NEEDS_PERSON, "approved 8000 KRW")
    assert finding.provider == f"charged 8000 KRW, refunded {amount}"
    assert (finding.held, finding.booked) == (8_000 - amount, 8_000)
    assert everything() == before


def test_two_refunds_that_are_due_are_both_made(provider: FakeGateway) -> None:
    payment_id = charge(now=clock.now()).payment_id
    for amount in (1_000, 2_000):
        give_back(payment_id=payment_id, amount=amount, now=clock.now())
    (dry,) = reconcile(dry_run=True)
    assert (dry.verdict, dry.ours) == (WOULD_REPAIR, "approved 8000 KRW, refund due 3000")
    assert (provider.records[payment_id].refunded, facts()) == (0, ["PaymentApproved"])

    (finding,) = reconcile()

    assert (finding.verdict, finding.provider, finding.held, finding.booked) == (REPAIRED, "now refunded", 5_000, 5_000)
    assert (provider.records[payment_id].refunded, set(Refund.objects.values_list("state", flat=True))) == (3_000, {"refunded"})
    assert facts() == ["PaymentApproved", "PaymentPartlyRefunded", "PaymentPartlyRefunded"]
    (again,) = reconcile()
    assert (again.verdict, again.ours, again.held) == (AGREES, "approved 8000 KRW, refunded 3000", 5_000)


def test_with_since_only_younger_payments_are_compared_and_all_unsettled_are_settled(provider: FakeGateway) -> None:
    now = clock.now()
    young, old = (PaymentFactory(state="approved", created_at=now - timedelta(days=days)) for days in (1, 40))
    forgotten = PaymentFactory(state="unknown", created_at=now - timedelta(days=400))
    provider.records |= {payment.id: replace(CHARGED, reference=str(payment.id)) for payment in (young, old, forgotten)}
    provider.made_at |= {payment.id: payment.created_at for payment in (young, old, forgotten)}

    findings = {finding.payment_id: finding.verdict for finding in reconcile(since=now - timedelta(days=30))}

    assert findings == {forgotten.id: REPAIRED, young.id: AGREES}


def test_a_charge_dated_ahead_by_the_providers_clock_is_on_the_list(provider: FakeGateway) -> None:
    payment_id = charge(now=clock.now()).payment_id
    provider.made_at[payment_id] = clock.now() + timedelta(hours=1)
    assert verdicts() == [AGREES]
    assert provider.calls.count("lookup") == 0


def test_a_charge_missing_from_the_list_is_looked_up(provider: FakeGateway) -> None:
    now = clock.now()
    payment_id = charge(now=now).payment_id
    provider.made_at[payment_id] = now - timedelta(hours=2)
    (finding,) = reconcile(since=now - timedelta(hours=1))
    assert (finding.payment_id, finding.verdict, provider.calls[-1]) == (payment_id, AGREES, "lookup")


def test_a_run_ends_when_the_list_cannot_be_read(provider: FakeGateway) -> None:
    PaymentFactory(state="approved")
    provider.fails["list"] = lambda: NoAnswerError("timed_out")

    (finding,) = reconcile()

    assert (finding.payment_id, finding.verdict, finding.provider) == (None, NOT_REACHED, "its list was not reached: timed_out")
    assert provider.calls == ["list"]


def test_a_run_reads_in_pages_and_never_inside_a_transaction(provider: FakeGateway) -> None:
    payments = [PaymentFactory.build(state=state, rental_id=ids.uuid7()) for state in ("approved", "declined") for _ in range(600)]
    Payment.objects.bulk_create(payments)
    for payment in payments[:600]:
        ledger.post_charge(payment, now=payment.created_at)
        provider.records[payment.id] = CHARGED

    findings = reconciling.reconcile_payments(now=clock.now())

    seen = {finding.payment_id: (finding.verdict, connection.in_atomic_block) for finding in findings}
    assert seen == {payment.id: (AGREES, False) for payment in payments}
    assert provider.calls == ["list"] * 6
