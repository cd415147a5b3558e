"""Operators give money back in the admin: they see before what it comes to, and a form that is sent twice refunds once."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from apps.payments.contracts import CASH
from apps.payments.models import Payment, Refund
from tests.factories.accounts import UserFactory
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import everything

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def payment() -> Payment:
    found: Payment = PaymentFactory(state="approved")
    return found


def browser(language: str = "en", *, traits: dict[str, bool] | None = None) -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(UserFactory(**(traits or {"operator": True})))
    return client


def address(payment: Payment) -> str:
    return reverse("admin:payments_payment_refund", args=[payment.pk])


def form_of(client: Client, payment: Payment, **changes: str) -> dict[str, str]:
    """Return the form as the page has it, filled in."""
    initial = client.get(address(payment)).context["form"].initial
    return {"amount": str(initial["amount"]), "reason": "It was broken.", "refund": str(initial["refund"]), **changes}


def confirmed(client: Client, payment: Payment, form: dict[str, str]) -> dict[str, str]:
    """Return the form as the page that says the sums has it."""
    page = client.post(address(payment), form).content.decode()
    return dict(re.findall(r'name="(amount|reason|refund|confirmed|refund_due)" value="([^"]*)"', page))


def test_a_part_is_given_back_once_it_is_confirmed(payment: Payment) -> None:
    client = browser()
    assert address(payment) in client.get(reverse("admin:payments_payment_change", args=[payment.pk])).content.decode()
    form = form_of(client, payment, amount="3000")
    before = everything()

    asked = client.post(address(payment), form).content.decode()

    for told in ("₩8,000", "Goes back now", "₩3,000", "Left afterwards", "₩5,000", "It was broken."):
        assert told in asked, told
    assert everything() == before
    done = client.post(address(payment), confirmed(client, payment, form), follow=True).content.decode()
    assert "₩3,000 is on its way back to the renter." in done
    refund = Refund.objects.get()
    assert (refund.amount, refund.stated_reason, refund.refunded_by_id) == (3_000, "It was broken.", LogEntry.objects.get().user_id)


def test_a_form_that_is_sent_twice_refunds_once(payment: Payment) -> None:
    client = browser()
    form = form_of(client, payment, amount="8000")
    seen = confirmed(client, payment, form)
    client.post(address(payment), seen, follow=True)
    for again in (seen, form):
        told = client.post(address(payment), again, follow=True)
        assert told.redirect_chain == [(reverse("admin:payments_payment_change", args=[payment.pk]), 302)]
        assert "That refund of ₩8,000 was made before." in told.content.decode()
        assert "on its way back to the renter" not in told.content.decode()
    assert (Refund.objects.count(), LogEntry.objects.count(), Payment.objects.get().refund_due) == (1, 1, 8_000)


def test_who_saw_another_sum_is_asked_again(payment: Payment) -> None:
    client, colleague = browser(), browser()
    seen = confirmed(client, payment, form_of(client, payment, amount="3000"))
    theirs = confirmed(colleague, payment, form_of(colleague, payment, amount="5000"))
    colleague.post(address(payment), theirs)
    before = everything()

    asked = client.post(address(payment), seen).content.decode()

    assert "Another sum is given back by now." in asked
    assert "All of it goes back" in asked
    assert everything() == before
    client.post(address(payment), confirmed(client, payment, seen))
    assert Payment.objects.get().refund_due == 8_000


@pytest.mark.parametrize("wrong", [{"amount": "8001"}, {"amount": "0"}, {"amount": "-1"}, {"reason": " "}, {"refund": "x"}])
def test_what_is_wrong_is_refused_and_changes_nothing(payment: Payment, wrong: dict[str, str]) -> None:
    client = browser()
    form, before = form_of(client, payment, confirmed="yes", refund_due="0", **wrong), everything()
    answer = client.post(address(payment), form)
    assert answer.context["form"].errors
    assert everything() == before
    assert not LogEntry.objects.exists()


def test_a_reason_that_shows_nothing_is_told_to_be_missing(payment: Payment) -> None:
    client = browser()
    answer = client.post(address(payment), form_of(client, payment, reason="\u200b"))
    assert answer.context["form"].errors == {"reason": ["Say why the money is given back: the renter and the manager read it."]}
    assert not Refund.objects.exists()


def test_cash_is_said_to_be_handed_back_at_the_desk() -> None:
    payment = PaymentFactory(state="approved", method=CASH)
    client = browser("ko")
    assert "현금" in client.get(address(payment)).content.decode()
    client.post(address(payment), confirmed(client, payment, form_of(client, payment)))
    assert Refund.objects.get().amount == 8_000


def test_of_what_is_given_back_nothing_is_left() -> None:
    payment = PaymentFactory(state="refunded")
    client = browser()
    assert address(payment) not in client.get(reverse("admin:payments_payment_change", args=[payment.pk])).content.decode()
    assert "Nothing is left to be given back." in client.get(address(payment)).content.decode()


@pytest.mark.parametrize("traits", [{"item_manager": True}, {"renter": True}])
def test_nobody_but_operators_gives_money_back(payment: Payment, traits: dict[str, bool]) -> None:
    client, before = browser(traits=traits), everything()
    form: dict[str, Any] = {"amount": "3000", "reason": "so", "refund": str(payment.pk), "confirmed": "yes"}
    assert {client.get(address(payment)).status_code, client.post(address(payment), form).status_code} <= {302, 403}
    assert everything() == before
