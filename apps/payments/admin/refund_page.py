"""The page on which an operator gives a payment back, in full or in part: asked for, confirmed with the sums, and made once."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.payments.contracts import CASH
from apps.payments.domain import CHARGED
from apps.payments.models import Payment, Refund
from apps.payments.services import refunding
from gdmarket import clock
from gdmarket.admin import ReadOnlyAdmin, format_money
from gdmarket.errors import DomainError
from gdmarket.ids import uuid7
from gdmarket.text import is_plain, tidy

_CONFIRMED = "confirmed"
LOGGED = "refund"
"""What the history calls a refund."""

TITLE = _("Give money back")


class RefundForm(forms.Form):
    """How much goes back and why; `refund` is the id under which it is made, so that a repeated form refunds nothing more."""

    amount = forms.IntegerField(label=_("Amount, in won"), min_value=1)
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("The renter and the manager read it."))
    refund = forms.UUIDField(widget=forms.HiddenInput)

    def clean_reason(self) -> str:
        """Return the reason, in one line; that it says something is for the service to check."""
        reason = tidy(text=self.cleaned_data["reason"])
        if not is_plain(text=reason, may_break=False):
            raise forms.ValidationError(_("Control characters are not allowed."), code="control_characters")
        return reason


def is_refundable(payment: Payment) -> bool:
    """Return whether something of a payment is left to be given back."""
    return payment.state in CHARGED and payment.refund_due < payment.amount


def show(screen: ReadOnlyAdmin, request: HttpRequest, payment: Payment) -> HttpResponse:
    """Ask how much and why; then say what that comes to; then make the refund, and return to the payment."""
    if request.method != "POST":
        initial = {"amount": payment.amount - payment.refund_due, "refund": uuid7()}
        return _ask(screen, request, payment, RefundForm(initial=initial))
    form, now = RefundForm(request.POST), clock.now()
    if not form.is_valid() or "back" in request.POST:
        return _ask(screen, request, payment, form)
    is_confirmed = _CONFIRMED in request.POST and not _has_changed(request, payment)
    try:
        refund = _refund(request, payment, form, now=now, dry_run=not is_confirmed)
    except DomainError as refused:
        form.add_error(getattr(refused, "field", None), refused.message)
        return _ask(screen, request, payment, form)
    is_repeated = refund.created_at != now
    if not is_confirmed and not is_repeated:
        return _ask(screen, request, payment, form, is_checked=True)
    money = format_money(refund.amount, payment.currency)
    if is_repeated:
        screen.message_user(request, _("That refund of %(money)s was made before.") % {"money": money}, messages.WARNING)
    else:
        screen.log_change(request, payment, f"{LOGGED}\n{money}: {refund.stated_reason}")
        screen.message_user(request, _said(payment) % {"money": money}, messages.SUCCESS)
    return HttpResponseRedirect(reverse("admin:payments_payment_change", args=[payment.pk]))


def _refund(request: HttpRequest, payment: Payment, form: RefundForm, *, now: datetime, dry_run: bool) -> Refund:
    operator: Any = request.user
    return refunding.refund_payment(
        refund_id=form.cleaned_data["refund"],
        payment_id=payment.pk,
        amount=form.cleaned_data["amount"],
        reason=form.cleaned_data["reason"],
        by=operator.pk,
        now=now,
        dry_run=dry_run,
    )


def _said(payment: Payment) -> Any:
    if payment.method == CASH:
        return _("%(money)s is recorded as given back: hand it to the renter at the desk, in cash.")
    return _("%(money)s is on its way back to the renter.")


def _has_changed(request: HttpRequest, payment: Payment) -> bool:
    """Return whether another sum of the payment is given back by now than the page said when the refund was confirmed."""
    return _CONFIRMED in request.POST and request.POST.get("refund_due") != str(payment.refund_due)


def _ask(screen: ReadOnlyAdmin, request: HttpRequest, payment: Payment, form: RefundForm, *, is_checked: bool = False) -> HttpResponse:
    """Show the form; once it is checked, what it comes to, without its fields."""
    payment.refresh_from_db()
    left = payment.amount - payment.refund_due
    facts = [
        (_("Paid"), format_money(payment.amount, payment.currency)),
        (_("Given back, or on its way"), format_money(payment.refund_due, payment.currency)),
        (_("Left"), format_money(left, payment.currency)),
    ]
    if is_checked:
        amount = form.cleaned_data["amount"]
        facts += [
            (_("Goes back now"), format_money(amount, payment.currency)),
            (_("Left afterwards"), format_money(left - amount, payment.currency)),
            (_("Reason"), form.cleaned_data["reason"]),
        ]
    asked = {
        "payment": payment,
        "title": TITLE,
        "facts": facts,
        "form": form,
        "is_checked": is_checked,
        "has_changed": is_checked and _has_changed(request, payment),
        "is_all": is_checked and form.cleaned_data["amount"] == left,
        "in_cash": payment.method == CASH,
        "is_refundable": is_refundable(payment),
    }
    context = {**screen.admin_site.each_context(request), "opts": screen.opts, **asked}
    return TemplateResponse(request, "admin/payments/payment/refund.html", context)
