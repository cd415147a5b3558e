"""The ledger: what is posted and when, once, and never changed."""

import re
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from apps.payments import queries
from apps.payments.domain import ACCOUNTS, LedgerEntry, PaymentState
from apps.payments.errors import OutcomeUnknownError, PaymentNotRefundableError, RefundTooLargeError
from apps.payments.gateways.port import NoAnswerError
from apps.payments.models import Payment, Posting
from apps.payments.services import charging, checking, ledger, refunding
from gdmarket import breaker, ids
from tests.factories.payments import PaymentFactory, RefundFactory
from tests.unit.payments.actions import balances, charge, give_back, postings
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

CHARGED = [("charged", 8_000), ("earned", 8_000)]


def test_a_charge_is_owed_to_the_manager_and_held_by_the_provider(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id

    assert postings(payment_id) == CHARGED
    assert balances() == {"manager_payable": -8_000, "provider_clearing": 8_000}
    assert {(row.debit, row.credit, row.currency, row.posted_at, row.refund_id) for row in Posting.objects.filter(entry="earned")} == {
        ("renter_receivable", "manager_payable", "KRW", NOON, None)
    }


@pytest.mark.parametrize("behaviour", [{"declines": "card_declined"}, {"fails": {"charge": lambda: NoAnswerError("timed_out")}}])
def test_what_was_not_charged_is_not_posted(provider: FakeGateway, behaviour: dict[str, Any]) -> None:
    for name, value in behaviour.items():
        setattr(provider, name, value)
    charge(now=NOON)
    assert not Posting.objects.exists()


def test_a_refund_is_owed_once_recorded_and_paid_once_made(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id

    refund = refunding.record_refund(payment_id=payment_id, now=NOON)
    assert postings(payment_id) == [*CHARGED, ("refund_due", 8_000)]
    assert balances() == {"refunds": -8_000, "provider_clearing": 8_000}

    refunding.send_refund(refund_id=refund.id, now=NOON)
    assert postings(payment_id) == [*CHARGED, ("refund_due", 8_000), ("refunded", 8_000)]
    assert balances() == {}


def test_each_part_refunded_is_posted_and_the_cancel_posts_the_rest(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id

    for part in (1_000, 2_500):
        refund = give_back(payment_id=payment_id, amount=part, now=NOON)
        refunding.send_refund(refund_id=refund.id, now=NOON)
    assert postings(payment_id) == [*CHARGED, ("refund_due", 1_000), ("refund_due", 2_500), ("refunded", 1_000), ("refunded", 2_500)]
    assert balances() == {"manager_payable": -4_500, "provider_clearing": 4_500}

    refunding.send_refund(refund_id=refunding.record_refund(payment_id=payment_id, now=NOON).id, now=NOON)
    assert [amount for entry, amount in postings(payment_id) if entry == "refunded"] == [1_000, 2_500, 4_500]
    assert (balances(), provider.records[payment_id].refunded) == ({}, 8_000)


def test_what_is_recorded_again_is_posted_once(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id
    refund = refunding.record_refund(payment_id=payment_id, now=NOON)
    for _ in range(3):
        charging.record_outcome(payment_id=payment_id, outcome=charging.ProviderOutcome(state=PaymentState.APPROVED), now=NOON)
        refunding.record_refund(payment_id=payment_id, now=NOON)
        refunding.send_refund(refund_id=refund.id, now=NOON)

    assert postings(payment_id) == [*CHARGED, ("refund_due", 8_000), ("refunded", 8_000)]


@pytest.mark.parametrize("entry", ["charge", "refund_due", "refunded"])
def test_the_database_refuses_to_post_a_sum_twice(entry: str) -> None:
    refund = RefundFactory()
    payment = refund.payment
    ledger.post_refunded(refund, now=NOON)
    before = list(Posting.objects.order_by("id").values())
    with pytest.raises(IntegrityError), transaction.atomic():
        {
            "charge": lambda: ledger.post_charge(payment, now=NOON),
            "refund_due": lambda: ledger.post_refund_due(refund, now=NOON),
            "refunded": lambda: ledger.post_refunded(refund, now=NOON),
        }[entry]()
    assert list(Posting.objects.order_by("id").values()) == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payments_posting SET amount = amount + 1",
        "UPDATE payments_posting SET posted_at = posted_at",
        "DELETE FROM payments_posting",
    ],
)
def test_the_database_refuses_to_change_or_delete_a_posting(sql: str) -> None:
    PaymentFactory(state="approved")
    before = list(Posting.objects.order_by("id").values())
    with pytest.raises(DatabaseError, match="payments_posting_stands"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    with pytest.raises(DatabaseError, match="payments_posting_stands"), transaction.atomic():
        Posting.objects.all().delete()
    with pytest.raises(DatabaseError, match="payments_posting_stands"), transaction.atomic():
        Posting.objects.update(amount=1)
    assert list(Posting.objects.order_by("id").values()) == before


@pytest.mark.parametrize("entry", list(LedgerEntry))
@pytest.mark.parametrize("change", ["swapped", "other", "unknown"])
def test_the_database_refuses_a_posting_to_the_wrong_accounts(entry: LedgerEntry, change: str) -> None:
    debit, credit = ACCOUNTS[entry]
    other = next(accounts for known, accounts in ACCOUNTS.items() if known is not entry)
    wrong: tuple[str, str] = {"swapped": (credit, debit), "other": other, "unknown": (debit, "pocket")}[change]
    payment = PaymentFactory()
    with pytest.raises(IntegrityError, match="payments_posting_accounts_of_entry"):
        Posting.objects.create(
            id=ids.uuid7(), payment=payment, entry=entry, debit=wrong[0], credit=wrong[1], amount=1, currency="KRW", posted_at=NOON
        )
    assert not Posting.objects.exists()


def test_the_database_refuses_an_unknown_entry_and_a_sum_that_is_not_positive() -> None:
    payment = PaymentFactory()
    debit, credit = ACCOUNTS[LedgerEntry.EARNED]
    right = {"payment": payment, "debit": debit, "credit": credit, "currency": "KRW", "posted_at": NOON}
    for entry, amount in (("tip", 1), (LedgerEntry.EARNED, 0), (LedgerEntry.EARNED, -1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Posting.objects.create(id=ids.uuid7(), entry=entry, amount=amount, **right)
    assert not Posting.objects.exists()


ACTS = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["charge", "declined charge", "lost charge", "check", "part", "all", "send", "lost send"]),
    st.integers(1, 9_000),
)


@trying(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(acts=st.lists(ACTS, max_size=25))
def test_in_each_currency_the_balances_add_up_to_0(provider: FakeGateway, acts: list[tuple[int, str, int]]) -> None:
    breaker.reset()
    payments = [ids.uuid7() for _ in range(4)]
    for number, act, amount in acts:
        provider.declines = "card_declined" if act == "declined charge" else ""
        provider.loses = {"charge": lambda: NoAnswerError("lost"), "refund": lambda: NoAnswerError("lost")} if "lost" in act else {}
        try:
            _do(act.removeprefix("lost ").removeprefix("declined "), payments[number], amount, "KRW" if number % 2 else "USD")
        except (OutcomeUnknownError, PaymentNotRefundableError, RefundTooLargeError, Payment.DoesNotExist):
            breaker.reset()
        _assert_balanced(provider)


def _do(act: str, payment_id: Any, amount: int, currency: str) -> None:
    if act == "charge" and not Payment.objects.filter(id=payment_id).exists():
        charge(payment_id=payment_id, currency=currency, now=NOON)
    payment = Payment.objects.get(id=payment_id)
    if act == "check":
        checking.check_payment(payment_id=payment_id, now=NOON)
    elif act == "part":
        give_back(payment_id=payment_id, amount=amount, now=NOON)
    elif act == "all":
        refunding.record_refund(payment_id=payment_id, now=NOON)
    elif act == "send":
        for refund in payment.refunds.all():
            refunding.send_refund(refund_id=refund.id, now=NOON)


def _assert_balanced(provider: FakeGateway) -> None:
    sums: dict[str, int] = {}
    for _account, currency, balance in queries.list_balances():
        sums[currency] = sums.get(currency, 0) + balance
    assert set(sums.values()) <= {0}
    for payment in Payment.objects.filter(state__in=["approved", "refunded"]):
        held = queries.held_by_ledger(payment_ids=[payment.id])[payment.id]
        assert held == payment.amount - payment.refunded
        entry = provider.records[payment.id]
        assert held - (payment.refund_due - payment.refunded) <= entry.amount - entry.refunded <= held


@pytest.mark.sqlite  # PostgreSQL has no INSERT OR REPLACE
def test_the_database_refuses_to_replace_a_posting(provider: FakeGateway) -> None:
    charge(now=NOON)
    before = list(Posting.objects.order_by("id").values())
    columns = [str(field.column) for field in Posting._meta.concrete_fields]
    names, doubled = ", ".join(columns), ", ".join("amount * 2" if column == "amount" else column for column in columns)
    with pytest.raises(IntegrityError, match="payments_posting_stands"), connection.cursor() as cursor:
        cursor.execute(f"INSERT OR REPLACE INTO payments_posting ({names}) SELECT {doubled} FROM payments_posting")
    assert list(Posting.objects.order_by("id").values()) == before


@pytest.mark.sqlite
def test_sqlite_looks_the_postings_of_a_payment_up_for_its_guard_and_reads_no_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'payments_posting_stands_insert'")
        guarded = re.search(r"EXISTS \((.*)\)\s+BEGIN", cursor.fetchone()[0], re.DOTALL)
        assert guarded is not None
        cursor.execute("EXPLAIN QUERY PLAN" + re.sub(r"NEW\.\w+", "NULL", guarded[1]))
        plan = [step for *_, step in cursor.fetchall()]

    assert [step for step in plan if step.startswith("SCAN") or "refund_id=?" in step] == []
    assert any("(payment_id=?" in step for step in plan)
