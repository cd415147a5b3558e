"""The commands on rentals: what they are called, what stands in their way, and how one is carried out and written in the history."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from apps.rentals.admin.forms import CancelForm, ReturnForm
from apps.rentals.domain import REVOCABLE, TIME_TO_UNDO, RentalState
from apps.rentals.errors import WrongStateError
from apps.rentals.models import Rental
from apps.rentals.services import cancelling, lending
from gdmarket import clock
from gdmarket.admin import ManagerOwnedAdmin, is_operator, say_instant
from gdmarket.errors import DomainError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DeskCommand:
    """A command: `key` is the last part of its address, `submit` the button that carries it out, `form` what is filled in before."""

    key: str
    label: Promise
    submit: Promise
    done: Promise
    service: Callable[..., Rental]
    form: type[forms.Form] = forms.Form


HAND_OVER = DeskCommand(
    key="hand-over",
    label=_("Hand over"),
    submit=_("Hand over"),
    done=_("“%(rental)s” was handed over."),
    service=lending.hand_over,
)
TAKE_BACK = DeskCommand(
    key="take-back", label=_("Take back"), submit=_("Take back"), done=_("“%(rental)s” is back."), service=lending.take_back
)
TAKE_BACK_LATE = DeskCommand(
    key="take-back-late",
    label=_("Record an earlier return"),
    submit=_("Record the return"),
    done=_("“%(rental)s” is back."),
    service=lending.take_back,
    form=ReturnForm,
)
UNDO_RETURN = DeskCommand(
    key="undo-return",
    label=_("Undo the return"),
    submit=_("Undo the return"),
    done=_("“%(rental)s” is still with the renter."),
    service=lending.undo_return,
)
CANCEL = DeskCommand(
    key="cancel",
    label=_("Cancel the rental"),
    submit=_("Cancel the rental"),
    done=_("“%(rental)s” is cancelled."),
    service=cancelling.cancel_rental,
    form=CancelForm,
)
COMMANDS = {command.key: command for command in (HAND_OVER, TAKE_BACK, TAKE_BACK_LATE, UNDO_RETURN, CANCEL)}
NEXT_STEPS = {RentalState.PAID: HAND_OVER, RentalState.RENTED: TAKE_BACK}

_AS_IT_IS = {
    RentalState.REQUESTED: _("it is not paid yet"),
    RentalState.PAYING: _("it is being paid"),
    RentalState.PAID: _("it was not handed over"),
    RentalState.REFUNDING: _("its money is being given back"),
    RentalState.RENTED: _("it is with the renter"),
    RentalState.RETURNED: _("it is back already"),
    RentalState.CANCELLED: _("it is cancelled"),
    RentalState.EXPIRED: _("it has expired"),
    RentalState.NO_SHOW: _("it was not fetched, and its period is over"),
}
_ALLOWED_IN = {
    HAND_OVER: {RentalState.PAID},
    TAKE_BACK: {RentalState.RENTED},
    TAKE_BACK_LATE: {RentalState.RENTED},
    UNDO_RETURN: {RentalState.RETURNED},
    CANCEL: set(REVOCABLE),
}


def commands_of(rental: Rental, *, now: datetime) -> list[DeskCommand]:
    """Return the commands that a rental's page offers; the services decide whether they are allowed."""
    return [command for command in COMMANDS.values() if not obstacle(rental, command, now=now) or NEXT_STEPS.get(_state(rental)) == command]


def obstacle(rental: Rental, command: DeskCommand, *, now: datetime) -> Promise | str:
    """Return why a rental does not allow a command, as the end of a sentence; "" where nothing is known to stand in its way."""
    state = _state(rental)
    if state not in _ALLOWED_IN[command]:
        return _AS_IT_IS[state]
    if command == HAND_OVER and rental.ends_at <= now:
        return _("its period is over")
    if command == UNDO_RETURN and rental.closed_at and now - rental.closed_at > TIME_TO_UNDO:
        return _("a return can be undone for 15 minutes, and no longer")
    if command == CANCEL and rental.cancel_requested:
        return _("it is being cancelled already")
    return ""


def is_early(rental: Rental, command: DeskCommand, *, now: datetime) -> bool:
    """Return whether an item would be handed over before the day on which its period begins: nobody does that by one click."""
    return command == HAND_OVER and localdate(rental.starts_at) > localdate(now)


def carry_out(screen: ManagerOwnedAdmin, request: HttpRequest, rental: Rental, command: DeskCommand, **particulars: Any) -> Rental:
    """Carry a command out, write in the history who did it, and return the rental as it is then.

    :raises DomainError: as the command's service does; then nothing is changed
    """
    person: Any = request.user
    changed = command.service(rental_id=rental.pk, by=person.pk, as_operator=is_operator(person), now=clock.now(), **particulars)
    back = particulars.get("returned_at")
    screen.log_change(request, rental, f"{command.key}\n{back.isoformat() if back else particulars.get('reason', '')}")
    return changed


def is_begun(rental: Rental, command: DeskCommand) -> bool:
    """Return whether a command that was carried out is done only once the payment provider has answered."""
    return command is CANCEL and rental.state != RentalState.CANCELLED


def said_when_done(rental: Rental, command: DeskCommand) -> str:
    """Return what came of a command that was carried out."""
    begun = _("“%(rental)s” is cancelled as soon as the payment provider has answered.")
    return str((begun if is_begun(rental, command) else command.done) % {"rental": rental.item_name})


def said_of(refused: DomainError, rental: Rental, command: DeskCommand, *, now: datetime) -> str:
    """Return a refusal in plain words; the rental is read again, as somebody else may have changed it."""
    if isinstance(refused, WrongStateError):
        rental.refresh_from_db()
        return str(obstacle(rental, command, now=now)) or refused.message
    return refused.message


def read_history(message: str) -> str:
    """Return what an entry of the history says in the reader's language: the command, and its reason or its time."""
    key, _line, more = message.partition("\n")
    if key not in COMMANDS:
        return message
    label = str(COMMANDS[key].label)
    if key == TAKE_BACK_LATE.key and (back := _instant(more)):
        return f"{label}: {say_instant(back)}"
    return f"{label}: {more}" if more else label


def _state(rental: Rental) -> RentalState:
    return RentalState(rental.state)


def _instant(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None
