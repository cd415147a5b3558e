"""The page before a command on a rental: whose it is, what it costs, what will change, and what to know before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext_lazy as _

from apps.payments.contracts import TakenPayment
from apps.rentals import domain, queries
from apps.rentals.admin.commands import CANCEL, HAND_OVER, TAKE_BACK, TAKE_BACK_LATE, UNDO_RETURN, DeskCommand, is_early, obstacle
from apps.rentals.domain import RentalState
from apps.rentals.models import Rental
from apps.rentals.queries.renters import KnownRenter
from apps.rentals.services import money
from gdmarket.admin import format_instant, format_money, format_period, say_instant

Line = Promise | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """What the page says. `obstacle` is why the command is refused, `warning` what is unusual of it, `goes_back` the sum in minor units."""

    facts: list[tuple[Any, Any]]
    changes: list[Line]
    obstacle: Line
    warning: Line
    goes_back: int | None


def confirmation_of(rental: Rental, command: DeskCommand, *, renter: KnownRenter, now: datetime) -> Confirmation:
    """Return what the page before a command on this rental says."""
    taken = money.list_taken(rentals=[rental]).get(rental.pk)
    stops = obstacle(rental, command, now=now)
    facts = [*_facts_of_rental(rental, renter=renter), *_facts_of_time(rental, command), *_facts_of_money(rental, command, taken)]
    return Confirmation(
        facts=facts if stops else [*facts, (_("What goes back"), _going_back(rental, command, taken))],
        changes=[] if stops else _changes(rental, command, now=now),
        obstacle=stops,
        warning=_warning(rental, command, now=now),
        goes_back=sum_going_back(rental, taken),
    )


def sum_going_back(rental: Rental, taken: TakenPayment | None) -> int | None:
    """Return what a cancel gives back, in minor units; None where money is in flight, or it is not known."""
    if rental.state == RentalState.REQUESTED:
        return 0
    return taken.left if taken and rental.state in domain.NOT_HANDED_OVER else None


def money_back(rental: Rental, taken: TakenPayment | None) -> Line:
    """Return what a cancel gives back, and how, as people say it."""
    if rental.state == RentalState.REQUESTED:
        return _("Nothing: it is not paid.")
    left = sum_going_back(rental, taken)
    if left is None:
        return _("All that is left of what was paid")
    if left == 0:
        return _("Nothing more: all of it is given back, or on its way")
    amount = {"money": format_money(left, rental.currency)}
    return (_("%(money)s in cash: hand it back to the renter at the desk") if rental.in_cash else _("%(money)s, to the renter")) % amount


def help_of(rental: Rental, command: DeskCommand, *, now: datetime) -> Line:
    """Return what to know of the field of the command's page."""
    if command is not CANCEL:
        return _("In the time zone above; not before the handover, and not in the future.")
    if rental.ends_at <= now:
        return _("Required, as the period is over. The renter and the manager read it.")
    return _("Optional. The renter and the manager read it.")


def _facts_of_rental(rental: Rental, *, renter: KnownRenter) -> list[tuple[Any, Any]]:
    is_shown = domain.shows_contact(renter_id=rental.renter_id, state=rental.state)
    return [
        (_("Item"), rental.item_name),
        (_("Renter"), renter.name),
        *([(_("Contact"), renter.contact)] if renter.contact and is_shown else []),
        (_("Period"), format_period(rental.starts_at, rental.ends_at)),
    ]


def _facts_of_time(rental: Rental, command: DeskCommand) -> list[tuple[Any, Any]]:
    handed_over = [(_("Handed over at"), format_instant(rental.handed_over_at))] if rental.handed_over_at else []
    returned = [(_("Returned at"), format_instant(rental.returned_at))] if rental.returned_at else []
    zone = [(_("Time zone"), get_current_timezone_name())] if command in {CANCEL, TAKE_BACK_LATE} else []
    return [*handed_over, *returned, *zone]


def _facts_of_money(rental: Rental, command: DeskCommand, taken: TakenPayment | None) -> list[tuple[Any, Any]]:
    facts: list[tuple[Any, Any]] = [(_("Price"), format_money(rental.price, rental.currency))]
    if taken:
        paid = format_money(taken.amount, taken.currency)
        facts.append((_("Paid"), _("%(money)s in cash, at the desk") % {"money": paid} if taken.in_cash else paid))
    if taken and taken.refund_due:
        facts.append((_("Given back before"), format_money(taken.refund_due, taken.currency)))
    if command in {HAND_OVER, TAKE_BACK, TAKE_BACK_LATE} and (deposit := _deposit(rental)):
        facts.append((_("Deposit"), _("%(money)s, between you and the renter: the market does not collect it") % {"money": deposit}))
    return facts


def _going_back(rental: Rental, command: DeskCommand, taken: TakenPayment | None) -> Line:
    return money_back(rental, taken) if command is CANCEL else _("Nothing: the price stays as it is.")


def _deposit(rental: Rental) -> str:
    agreed = queries.get_agreement(rental=vars(rental)).agreed
    return format_money(agreed.deposit, "KRW") if agreed and agreed.deposit else ""


def _changes(rental: Rental, command: DeskCommand, *, now: datetime) -> list[Line]:
    end = {"instant": say_instant(rental.ends_at)}
    over: list[Line] = [
        _("The rental is over, and the item is free again."),
        _("The return can be undone for 15 minutes."),
    ]
    changes: Mapping[DeskCommand, list[Line]] = {
        HAND_OVER: [_("From now on the item is with the renter."), _("It is to be back by %(instant)s.") % end],
        TAKE_BACK: over,
        TAKE_BACK_LATE: over,
        UNDO_RETURN: [_("The item is with the renter again, and not free."), _("It is to be back by %(instant)s.") % end],
        CANCEL: _changes_by_cancel(rental),
    }
    is_late = command is TAKE_BACK and rental.ends_at <= now
    late: list[Line] = [_("It is back %(time)s late; that costs nothing more.") % {"time": timesince(rental.ends_at, now, depth=1)}]
    return [*(late if is_late else []), *changes[command]]


def _changes_by_cancel(rental: Rental) -> list[Line]:
    if rental.state in {RentalState.PAYING, RentalState.REFUNDING}:
        return [_("The rental is cancelled as soon as the payment provider has answered.")]
    return [_("The rental is over, and its period is free for others. This cannot be undone.")]


def _warning(rental: Rental, command: DeskCommand, *, now: datetime) -> Line:
    if is_early(rental, command, now=now):
        begins = {"instant": say_instant(rental.starts_at)}
        return _("It is not its day: the period begins on %(instant)s. The item is out from now on, at the same price.") % begins
    return ""
