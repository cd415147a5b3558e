"""`manage.py refund_payment`, as an operator sees it."""

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.payments.gateways.port import NoAnswerError
from apps.payments.models import Refund
from gdmarket import clock, ids
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import charge, everything, state_of
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(provider: FakeGateway) -> UUID:
    return charge(now=clock.now()).payment_id


def refund(*arguments: object) -> str:
    out = StringIO()
    call_command("refund_payment", *map(str, arguments), stdout=out, no_color=True)
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
    with pytest.raises(CommandError, match=r"^refund_reused: This refund id already names another payment or sum\.$"):
        refund(paid, 3_001, "--refund", refund_id)
    assert everything() == before


def test_a_dry_run_reports_what_it_would_do_and_changes_nothing(provider: FakeGateway, paid: UUID) -> None:
    before = everything()
    assert refund(paid, 3_000, "--dry-run") == f"Would refund 3,000 KRW of payment {paid}; nothing was changed.\n"
    assert everything() == before
    assert provider.calls == ["charge"]


def test_a_refusal_is_reported_in_one_sentence(provider: FakeGateway, paid: UUID) -> None:
    declined = PaymentFactory(state="declined").id
    before = everything()
    for dry_run in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=r"^refund_too_large: .* less than what is left of it, 8000\.$"):
            refund(paid, 8_000, *dry_run)
        with pytest.raises(CommandError, match=r"^payment_not_refundable: Only an approved payment can be given back\.$"):
            refund(declined, 1_000, *dry_run)
        with pytest.raises(CommandError, match=r"^payment_not_found: There is no such payment\.$"):
            refund(ids.uuid7(), 1_000, *dry_run)
    for payment, amount in (("that-one", 1_000), (paid, "some")):
        with pytest.raises(CommandError, match="invalid"):
            refund(payment, amount)
    assert everything() == before
