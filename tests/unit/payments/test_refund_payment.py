"""`manage.py refund_payment`, as an operator sees it."""

from functools import partial
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from pytest_django import Settings

from apps.payments.events import PaymentPartlyRefunded, RefundRecorded
from apps.payments.gateways.port import NoAnswerError
from apps.payments.models import Payment, Refund
from apps.payments.services import refunding
from gdmarket import bus, clock, ids
from tests.factories.accounts import UserFactory
from tests.factories.payments import PaymentFactory
from tests.log import recorded
from tests.unit.payments.actions import charge, concurrently, everything, state_of
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(provider: FakeGateway) -> UUID:
    return charge(now=clock.now()).payment_id


@pytest.fixture(autouse=True)
def operator(transactional_db: None) -> Any:
    return UserFactory(operator=True, email="operator@example.com")


def refund(*arguments: object, reason: str = "it was late", by: str = "operator@example.com") -> str:
    out = StringIO()
    call_command("refund_payment", *map(str, arguments), reason=reason, by=by, stdout=out, no_color=True)
    return out.getvalue()


def test_with_inline_dispatch_the_part_is_refunded_at_once(provider: FakeGateway, paid: UUID, settings: Settings) -> None:
    settings.GDMARKET_DISPATCH = "inline"
    printed = refund(paid, 3_000)

    row = Refund.objects.get()
    assert printed == f"Refund {row.id}: 3,000 KRW of payment {paid}, refunded.\n"
    assert (row.amount, provider.records[paid].refunded, state_of(paid)) == (3_000, 3_000, "approved")


def test_while_the_provider_does_not_answer_the_refund_is_pending(provider: FakeGateway, paid: UUID, settings: Settings) -> None:
    settings.GDMARKET_DISPATCH = "inline"
    provider.fails["refund"] = lambda: NoAnswerError("timed_out")
    assert refund(paid, 3_000) == f"Refund {Refund.objects.get().id}: 3,000 KRW of payment {paid}, pending.\n"


def test_repeated_with_the_same_id_it_refunds_nothing_more(provider: FakeGateway, paid: UUID) -> None:
    refund_id = ids.uuid7()
    first = refund(paid, 3_000, "--refund", refund_id)
    before = everything()
    assert refund(paid, 3_000, "--refund", refund_id) == first
    assert everything() == before
    with pytest.raises(CommandError, match=r"^refund_reused: This refund id already names another payment, sum, reason or operator\.$"):
        refund(paid, 3_001, "--refund", refund_id)
    assert everything() == before


def test_a_part_is_not_repeated_as_all_of_it_nor_for_another_reason_nor_by_another(provider: FakeGateway, paid: UUID) -> None:
    UserFactory(operator=True, email="other@example.com")
    part, rest = ids.uuid7(), ids.uuid7()
    refund(paid, 3_000, "--refund", part)
    with pytest.raises(CommandError, match=r"^refund_reused: "):
        refund(paid, "--all", "--refund", part)
    refund(paid, "--all", "--refund", rest)
    before = everything()
    for repeated in (part, rest):
        wanted = 3_000 if repeated == part else 5_000
        for other in ({"reason": "it was early"}, {"by": "other@example.com"}):
            with pytest.raises(CommandError, match=r"^refund_reused: "):
                refund(paid, wanted, "--refund", repeated, **other)
        assert refund(paid, wanted, "--refund", repeated).startswith(f"Refund {repeated}: ")
    with pytest.raises(CommandError, match=r"^refund_reused: "):
        refund(paid, "--all", "--refund", part)
    assert refund(paid, "--all", "--refund", rest).startswith(f"Refund {rest}: 5,000")
    assert everything() == before


def test_a_refund_of_a_cancel_is_not_an_operators(provider: FakeGateway, paid: UUID) -> None:
    of_cancel = refunding.record_refund(payment_id=paid, now=clock.now()).id
    with pytest.raises(CommandError, match=r"^refund_reused: "):
        refund(paid, "--all", "--refund", of_cancel)


def test_a_dry_run_reports_what_it_would_do_and_changes_nothing(provider: FakeGateway, paid: UUID) -> None:
    before = everything()
    assert refund(paid, 3_000, "--dry-run") == f"Would refund 3,000 KRW of payment {paid}; nothing was changed.\n"
    assert everything() == before
    assert provider.calls == ["charge"]


def test_a_refusal_is_reported_in_one_sentence(provider: FakeGateway, paid: UUID) -> None:
    declined = PaymentFactory(state="declined").id
    before = everything()
    for dry_run in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=r"^refund_too_large: .* no more than what is left of the payment, 8000\.$"):
            refund(paid, 8_001, *dry_run)
        with pytest.raises(CommandError, match=r"^payment_not_refundable: Only an approved payment can be given back\.$"):
            refund(declined, 1_000, *dry_run)
        with pytest.raises(CommandError, match=r"^payment_not_found: There is no such payment\.$"):
            refund(ids.uuid7(), 1_000, *dry_run)
    for payment, amount in (("that-one", 1_000), (paid, "some")):
        with pytest.raises(CommandError, match="invalid"):
            refund(payment, amount)
    assert everything() == before


def test_all_that_is_left_is_refunded_whatever_went_back_before(provider: FakeGateway, paid: UUID, settings: Settings) -> None:
    settings.GDMARKET_DISPATCH = "inline"
    refund(paid, 3_000)
    refund_id = ids.uuid7()

    printed = refund(paid, "--all", "--refund", refund_id)

    assert printed == f"Refund {refund_id}: 5,000 KRW of payment {paid}, refunded.\n"
    assert (provider.records[paid].refunded, state_of(paid)) == (8_000, "refunded")
    before = everything()
    assert refund(paid, "--all", "--refund", refund_id) == printed
    with pytest.raises(CommandError, match=r"^refund_too_large: .* left of the payment, 0\.$"):
        refund(paid, "--all")
    assert everything() == before


def test_who_gave_it_back_and_why_is_kept_with_the_refund_and_in_the_facts(provider: FakeGateway, paid: UUID, operator: Any) -> None:
    refund(paid, 3_000, reason="사흘 늦게 건네받음")

    assert Refund.objects.values_list("refunded_by_id", "stated_reason").get() == (operator.pk, "사흘 늦게 건네받음")
    bus.run_until_idle()
    (fact,) = recorded([PaymentPartlyRefunded])
    assert (fact.event.stated_by, fact.event.stated_reason, fact.actor) == ("operator", "사흘 늦게 건네받음", str(operator.pk))
    (noted,) = recorded([RefundRecorded])
    assert noted.actor == str(operator.pk)


def test_nobody_but_an_operator_with_a_reason_refunds(provider: FakeGateway, paid: UUID) -> None:
    UserFactory(email="manager@example.com", item_manager=True)
    before = everything()
    for by in ("manager@example.com", "nobody@example.com"):
        with pytest.raises(CommandError, match="is no operator's e-mail address"):
            refund(paid, "--all", by=by)
    for reason in ("", "\N{ZERO WIDTH SPACE}"):
        with pytest.raises(CommandError, match=r"refund_reason_required|must not be blank"):
            refund(paid, "--all", reason=reason)
    for arguments in ((paid,), (paid, 1_000, "--all")):
        with pytest.raises(CommandError, match="amount"):
            refund(*arguments)
    assert everything() == before


def test_the_database_refuses_to_promise_more_than_was_paid(provider: FakeGateway, paid: UUID) -> None:
    refund(paid, "--all")
    with pytest.raises(IntegrityError, match="payments_refund_due_lte_amount"), transaction.atomic():
        Payment.objects.filter(id=paid).update(refund_due=8_001)


def test_two_operators_at_once_give_back_no_more_than_there_is(provider: FakeGateway, paid: UUID, operator: Any) -> None:
    full = {"payment_id": paid, "reason": "broken", "by": operator.pk, "now": clock.now()}
    made = concurrently([partial(refunding.refund_payment, refund_id=ids.uuid7(), **full) for _ in range(4)])
    assert sorted(type(each).__name__ for each in made) == ["Refund", *["RefundTooLargeError"] * 3]
    assert Payment.objects.get(id=paid).refund_due == 8_000
