"""Labels of stored values, and a timeline's facts as people read them."""

from typing import Any

from django.template.defaultfilters import linebreaksbr
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from apps.rentals.queries import reasons
from apps.status_view import domain
from gdmarket.admin import format_instant

Labels = dict[str, Promise]

STATES: Labels = {
    "requested": _("requested"),
    "paying": _("paying"),
    "paid": _("paid"),
    "refunding": _("refunding"),
    "rented": _("rented"),
    "returned": _("returned"),
    "cancelled": _("cancelled"),
    "expired": _("expired"),
    "no_show": _("not fetched"),
}
FACTS: Labels = {
    "RentalRequested": _("requested"),
    "RentalPaymentStarted": _("payment started"),
    "RentalPaid": _("paid"),
    "RentalPaymentFailed": _("payment failed"),
    "RentalHoldProlonged": _("longer to pay"),
    "RentalHandedOver": _("handed over"),
    "RentalPeriodBegan": _("period began"),
    "RentalItemChanged": _("item changed"),
    "RentalOverdue": _("overdue"),
    "RentalReturned": _("returned"),
    "RentalReturnUndone": _("return undone"),
    "RentalCancelRequested": _("cancel requested"),
    "RentalRefundDue": _("refund due"),
    "RentalPaymentCancelled": _("payment cancelled"),
    "RentalRefunded": _("refunded"),
    "RentalCancelled": _("cancelled"),
    "RentalExpired": _("expired"),
    "RentalNoShowRecorded": _("not fetched"),
    "PaymentApproved": _("money taken"),
    "PaymentDeclined": _("money not taken"),
    "PaymentNotSent": _("payment not sent"),
    "PaymentPartlyRefunded": _("part of the money given back"),
    "PaymentRefunded": _("money given back"),
}
TERMS: Labels = {
    "name": _("name"),
    "description": _("description"),
    "category": _("category"),
    "place": _("place"),
    "latitude": _("latitude"),
    "longitude": _("longitude"),
    "deposit": _("deposit"),
}
PARTIES: Labels = {"renter": _("renter"), "manager": _("item manager"), "operator": _("operator"), "system": _("the market itself")}
REASONS: Labels = {
    "payment_cancelled": _("the payment was cancelled"),
    "period_over": _("the period is over"),
    **reasons.REASONS,
}
"""Of what the market itself did; people write other reasons."""
NEXT_ACTORS = {
    domain.NextActor.RENTER: _("renter"),
    domain.NextActor.MANAGER: _("item manager"),
    domain.NextActor.PROVIDER: _("payment provider"),
    domain.NextActor.NOBODY: _("nobody"),
}


def timeline_entry(entry: dict[str, Any]) -> tuple[str, str, Promise | str, str]:
    """Return a fact of a timeline as people read it: its instant twice, for programs and for people, its label, and its particulars."""
    by, back, reason = entry.get("by", ""), entry.get("returned_at"), entry.get("reason", "")
    particulars = [
        PARTIES.get(by, by),
        format_html(str(_("back at {instant}")), instant=format_instant(parse_datetime(back))) if back else "",
        _("in cash, at the desk") if entry.get("in_cash") else "",
        linebreaksbr(REASONS.get(reason, reason), autoescape=True),
        *(TERMS.get(name, name) for name in entry.get("changed", [])),
    ]
    told = format_html_join(", ", "{}", ((each,) for each in particulars if each))
    at = format_instant(parse_datetime(entry["at"]))
    return entry["at"], at, FACTS.get(entry["fact"], entry["fact"]), format_html(" ({})", told) if told else ""
