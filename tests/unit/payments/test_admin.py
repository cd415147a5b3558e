"""Payments and refunds in the admin: operators read them, nobody changes them."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.payments.models import Payment
from tests.factories.accounts import UserFactory
from tests.factories.payments import RefundFactory
from tests.unit.payments.actions import everything

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["payment", "refund"])
def screen(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def row(screen: str) -> Any:
    refund = RefundFactory()
    return refund if screen == "refund" else refund.payment


def test_an_operator_finds_and_reads_a_row(client: Client, screen: str, row: Any) -> None:
    RefundFactory()
    client.force_login(UserFactory(operator=True))

    found = client.get(reverse(f"admin:payments_{screen}_changelist"), {"q": str(row.pk)})

    assert found.status_code == 200
    assert list(found.context["cl"].queryset) == [row]
    assert client.get(reverse(f"admin:payments_{screen}_change", args=[row.pk])).status_code == 200


def test_not_even_an_operator_changes_a_row(client: Client, screen: str, row: Any) -> None:
    client.force_login(UserFactory(operator=True))
    before = everything()

    addresses = [reverse(f"admin:payments_{screen}_{what}", args=[row.pk]) for what in ("change", "delete")]
    answers = [client.post(address, {"state": "approved", "post": "yes"}) for address in addresses]
    answers.append(client.post(reverse(f"admin:payments_{screen}_add"), {"amount": "1"}))

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert everything() == before


@pytest.mark.parametrize("role", ["renter", "item_manager"])
def test_nobody_else_sees_a_row(client: Client, screen: str, row: Any, role: str) -> None:
    client.force_login(UserFactory(**{role: True}))

    answers = [
        client.get(reverse(f"admin:payments_{screen}_changelist")),
        client.get(reverse(f"admin:payments_{screen}_change", args=[row.pk])),
    ]

    assert all(answer.status_code in {302, 403} for answer in answers)
    assert not any(str(row.pk).encode() in answer.content for answer in answers)


def test_lists_and_pages_say_what_the_rows_are(client: Client) -> None:
    client.force_login(UserFactory(operator=True))
    refund = RefundFactory(stated_reason="비가 왔어요", reason="")
    Payment.objects.filter(id=refund.payment_id).update(reason="voided")

    def read(kind: str, *args: Any) -> str:
        address = reverse(f"admin:payments_{kind}", args=args)
        return client.get(address, headers={"accept-language": "ko"}).content.decode()

    assert "비가 왔어요" in read("refund_changelist")
    assert "voided" not in read("payment_changelist")
    page = read("payment_change", refund.payment_id)
    assert f"{refund.payment.amount:,} KRW, " in page
    assert "결제대행사가 제때 답하지 않아 취소함" in page
    assert "<h1>장부</h1>" in read("posting_changelist")
