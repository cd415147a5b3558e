"""Cash at the desk: recorded as taken, posted to an account of its own, given back without a provider."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from apps.payments import facade, queries
from apps.payments.contracts import CASH, ChargeOutcome
from apps.payments.gateways.port import NotSentError
from apps.payments.models import Payment, Posting
from apps.payments.services import charging, checking, reconciling, refunding
from apps.payments.services.findings import FindingVerdict
from gdmarket import clock, databases, ids
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import balances, charge, charge_request, everything, facts, give_back, open_breaker, postings, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

TAKEN = [("cash_taken", 8_000), ("earned", 8_000)]


def _verdicts(**wishes: Any) -> Counter[FindingVerdict]:
    return Counter(finding.verdict for finding in reconciling.reconcile_payments(now=clock.now(), **wishes))


def _unreachable() -> NotSentError:
    return NotSentError("refused")


@pytest.fixture
def away(provider: FakeGateway) -> FakeGateway:
    """Return a provider that nobody can reach, with the breaker open."""
    provider.fails = dict.fromkeys(("charge", "refund", "lookup", "void"), _unreachable)
    open_breaker()
    return provider


def test_cash_is_taken_without_the_provider_and_posted_as_the_managers(away: FakeGateway) -> None:
    result = charge(now=NOON, method=CASH)

    assert result.outcome is ChargeOutcome.APPROVED
    assert (postings(result.payment_id), facts()) == (TAKEN, ["PaymentApproved"])
    assert balances() == {"manager_payable": -8_000, "manager_cash": 8_000}
    assert (away.calls, queries.held_by_ledger(payment_ids=[result.payment_id])) == ([], {})


def test_cash_is_taken_once_however_often_it_is_said(away: FakeGateway) -> None:
    request = charge_request(method=CASH)

    results = [facade.charge(request=request, now=NOON) for _ in range(3)]

    assert {result.outcome for result in results} == {ChargeOutcome.APPROVED}
    assert (postings(request.payment_id), facts()) == (TAKEN, ["PaymentApproved"])


def test_nobody_pays_by_a_method_called_cash_over_the_api(provider: FakeGateway) -> None:
    assert facade.accepts(method="pm_ok")
    assert not facade.accepts(method=CASH)


@pytest.mark.parametrize("check", [checking.check_payment, checking.check_after_webhook])
def test_who_dies_before_it_is_recorded_leaves_it_to_the_timer(away: FakeGateway, check: Callable[..., object]) -> None:
    request = charge_request(method=CASH)
    charging.open_payment(request=request, now=NOON)

    check(payment_id=request.payment_id, now=NOON)

    is_recorded = check is checking.check_payment
    assert state_of(request.payment_id) == ("approved" if is_recorded else "pending")
    assert (postings(request.payment_id), away.calls) == (TAKEN if is_recorded else [], [])


def test_cash_is_given_back_in_parts_and_in_full_without_the_provider(away: FakeGateway) -> None:
    payment_id = charge(now=NOON, method=CASH).payment_id

    part = give_back(payment_id=payment_id, amount=3_000, now=NOON)
    assert balances() == {"manager_payable": -5_000, "refunds": -3_000, "manager_cash": 8_000}
    refunding.send_refund(refund_id=part.id, now=NOON)
    assert balances() == {"manager_payable": -5_000, "manager_cash": 5_000}
    refund = refunding.record_refund(payment_id=payment_id, now=NOON)
    for _ in range(2):
        refunding.send_refund(refund_id=refund.id, now=NOON)

    assert postings(payment_id) == [("cash_given", 3_000), ("cash_given", 5_000), *TAKEN, ("refund_due", 3_000), ("refund_due", 5_000)]
    assert facts() == ["PaymentApproved", "PaymentPartlyRefunded", "PaymentRefunded"]
    assert (balances(), away.calls) == ({}, [])


def test_a_webhook_about_cash_asks_nobody(provider: FakeGateway) -> None:
    payment = PaymentFactory(method=CASH)
    before = everything()
    checking.check_after_webhook(payment_id=payment.id, now=NOON)
    assert (everything(), provider.calls) == (before, [])


def test_a_reconciliation_compares_cash_with_the_ledger_alone(away: FakeGateway) -> None:
    payment_id = charge(now=clock.now(), method=CASH).payment_id
    refund = give_back(payment_id=payment_id, amount=3_000, now=clock.now())
    refunding.send_refund(refund_id=refund.id, now=clock.now())

    assert _verdicts() == {FindingVerdict.AGREES: 1, FindingVerdict.NOT_REACHED: 1}  # the provider's list
    assert away.calls == []


def test_a_reconciliation_records_what_a_process_that_died_did_not(provider: FakeGateway) -> None:
    pending = PaymentFactory(method=CASH)
    owed = charge(now=clock.now(), method=CASH).payment_id
    refunding.record_refund(payment_id=owed, now=clock.now())

    assert _verdicts(dry_run=True) == {FindingVerdict.WOULD_REPAIR: 2}
    assert (state_of(pending.id), state_of(owed)) == ("pending", "approved")
    assert _verdicts() == {FindingVerdict.REPAIRED: 2}

    assert (state_of(pending.id), state_of(owed)) == ("approved", "refunded")
    assert _verdicts() == {FindingVerdict.AGREES: 2}
    assert set(provider.calls) == {"list"}


def test_cash_that_is_being_recorded_is_in_flight(provider: FakeGateway) -> None:
    PaymentFactory(method=CASH, created_at=clock.now())
    assert _verdicts() == {FindingVerdict.IN_FLIGHT: 1}


def test_cash_that_the_ledger_does_not_have_is_for_a_person(provider: FakeGateway) -> None:
    payment = PaymentFactory(method=CASH, state="approved")
    assert _verdicts() == {FindingVerdict.AGREES: 1}
    Payment.objects.filter(id=payment.id).update(amount=9_000)
    assert _verdicts() == {FindingVerdict.NEEDS_PERSON: 1}


def test_a_reconciliation_asks_the_ledger_once_a_page_of_cash(provider: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "_PAGE", 2)
    for _ in range(5):
        PaymentFactory(method=CASH, state="approved", amount=8_000, created_at=NOON)
    with CaptureQueriesContext(connections[databases.alias_for("payments")]) as captured:
        assert _verdicts()[FindingVerdict.AGREES] == 5

    assert len([query for query in captured if "payments_posting" in query["sql"] and "SUM(" in query["sql"]]) == 3


def test_cash_of_a_time_is_found_by_its_index() -> None:
    of_today = Payment.objects.filter(method=CASH, created_at__gte=NOON).order_by("created_at", "id")[:500]
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "payments_in_cash" in of_today.explain()


def test_what_a_manager_took_in_cash_is_not_paid_out_again(provider: FakeGateway, capsys: pytest.CaptureFixture[str]) -> None:
    manager = ids.uuid7()
    charge(now=clock.now(), method=CASH, payee_id=manager)
    charge(now=clock.now(), payee_id=manager, amount=5_000)
    given = charge(now=clock.now(), method=CASH, payee_id=manager, amount=2_000).payment_id
    refunding.send_refund(refund_id=refunding.record_refund(payment_id=given, now=clock.now()).id, now=clock.now())

    (earnings,) = queries.list_earnings(since=clock.now() - timedelta(days=1), until=clock.now() + timedelta(days=1))
    call_command("money_report", "--csv")

    assert (earnings.payments, earnings.earned, earnings.given_back, earnings.cash, earnings.net) == (3, 15_000, 2_000, 8_000, 5_000)
    assert f"{manager},KRW,3,15000,2000,8000,5000" in capsys.readouterr().out
    assert balances() == {"manager_payable": -13_000, "manager_cash": 8_000, "provider_clearing": 5_000}


def _posted(payment_id: UUID, **columns: str) -> None:
    with transaction.atomic():
        Posting.objects.create(id=ids.uuid7(), payment_id=payment_id, amount=1, currency="KRW", posted_at=NOON, **columns)


def test_cash_is_posted_to_its_own_account_alone_and_once(provider: FakeGateway) -> None:
    payment_id = PaymentFactory().id
    with pytest.raises(IntegrityError):
        _posted(payment_id, entry="cash_taken", debit="provider_clearing", credit="renter_receivable")
    _posted(payment_id, entry="cash_taken", debit="manager_cash", credit="renter_receivable")
    with pytest.raises(DatabaseError):
        _posted(payment_id, entry="cash_taken", debit="manager_cash", credit="renter_receivable")


def test_a_card_is_still_posted_as_the_providers(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id
    assert postings(payment_id) == [("charged", 8_000), ("earned", 8_000)]
