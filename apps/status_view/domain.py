"""Applying facts to rows: which fact changes which columns, who must act next and until when. Pure: facts and columns in, columns out.

A row is made of parts, one a source (item, rental, each payment). A fact replaces its source's part only when it is newer, so that
duplicates, late facts and any order across sources end in the same row.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from apps.items.contracts import ItemSnapshot
from apps.payments.contracts import PaymentSnapshot
from apps.rentals.contracts import RentalSnapshot
from gdmarket.contracts import names_of

# The columns that a source's facts and our rows have by the same name.
ITEM_PART = ("manager_id", "name", "category", "place", "daily_price", "deposit", "currency", "state", "thumbnail", "version")
RENTAL_PART = tuple(name for name in names_of(RentalSnapshot) if name not in {"rental_id", "occurred_at"})
_rental_values = attrgetter(*RENTAL_PART)

# The states in which a rental that is not over holds its item, and those in which it is over. Source: the table of rental states.
OPEN = ("requested", "paying", "paid", "refunding", "rented")
CLOSED = ("returned", "cancelled", "expired", "no_show")
_TAKEN_STATES = ("approved", "refunded")


class ItemAvailability(StrEnum):
    """Whether an item is free, promised to a renter, or with one."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    RENTED = "rented"


class NextActor(StrEnum):
    """Who must act next in a rental."""

    RENTER = "renter"
    MANAGER = "manager"
    PROVIDER = "provider"
    NOBODY = "nobody"


_NEXT_ACTORS = {
    "requested": NextActor.RENTER,  # pays
    "paying": NextActor.PROVIDER,
    "paid": NextActor.MANAGER,  # hands over
    "refunding": NextActor.PROVIDER,
    "rented": NextActor.RENTER,  # brings it back
}
_DEADLINES = {"requested": "payment_due_at", "paid": "starts_at", "rented": "ends_at"}


Fact = ItemSnapshot | RentalSnapshot | PaymentSnapshot
Timeline = Sequence[Mapping[str, Any]]
Payments = Mapping[str, Mapping[str, Any]]


def next_actor(*, state: str) -> NextActor:
    """Return who must act next for a rental in `state`; nobody when it is over."""
    return _NEXT_ACTORS.get(state, NextActor.NOBODY)


def deadline(*, rental: Mapping[str, Any]) -> datetime | None:
    """Return until when that must happen: to pay, to hand over, to bring back; None where there is no deadline."""
    column = _DEADLINES.get(rental["state"])
    instant: datetime | None = rental[column] if column else None
    return instant


def item_changes(*, version: int, fact: ItemSnapshot) -> dict[str, Any]:
    """Return the columns an item's fact changes in a row at the item's `version`; none when the fact is not newer."""
    if fact.version <= version:
        return {}
    # Of what the version before does not tell, what is known stays.
    return {name: getattr(fact, name) for name in ITEM_PART if name != "thumbnail" or fact.thumbnail != ""}


def rental_part(*, fact: RentalSnapshot) -> dict[str, Any]:
    """Return the columns of a rental's fact or snapshot."""
    return dict(zip(RENTAL_PART, _rental_values(fact), strict=True))


def rental_changes(*, version: int, timeline: Timeline, fact: RentalSnapshot) -> dict[str, Any]:
    """Return the columns a rental's fact changes in a row at the rental's `version`.

    A late fact only enters the timeline; a repeated one changes nothing. `overdue` is the one column in which a fact is better than a
    snapshot of the same version, whose `overdue` is as of the moment it was asked for.
    """
    entry = _entry(source="rental", fact=fact)
    if entry["fact"] in _REQUESTED_BY.values():
        entry["payment"] = str(fact.payment_id)
    part = {} if fact.version < version else {"overdue": fact.overdue} if fact.version == version else rental_part(fact=fact)
    return part | _timeline_changes(timeline=timeline, entries=[entry])


def money_part(*, payments: Payments, fact: PaymentSnapshot) -> dict[str, Any]:
    """Return the columns a payment's fact or snapshot changes in a row with these `payments`, by payment id; none when it is not newer.

    A rental may see several payments, some declined: `paid` and `refunded` are the sums, in minor units.
    """
    known = payments.get(str(fact.payment_id))
    if known is not None and fact.version <= known["version"]:
        return {}
    part = {"state": fact.state, "amount": fact.amount, "refunded": fact.refunded, "version": fact.version}
    now_known = {**payments, str(fact.payment_id): part}
    return {
        "payments": now_known,
        "paid": sum(payment["amount"] for payment in now_known.values() if payment["state"] in _TAKEN_STATES),
        "refunded": sum(payment["refunded"] for payment in now_known.values()),
    }


def payment_changes(*, payments: Payments, timeline: Timeline, fact: PaymentSnapshot) -> dict[str, Any]:
    """Return the columns a payment's fact changes in its rental's row."""
    # A refund's fact tells what that refund gave back; one stored before it was told has the payment's sum alone.
    amount = getattr(fact, "refund_amount", 0) or fact.amount
    entry = _entry(source="payment", fact=fact) | {"payment": str(fact.payment_id), "amount": amount}
    return money_part(payments=payments, fact=fact) | _timeline_changes(timeline=timeline, entries=[entry])


def merge_purged_timeline(*, timeline: Timeline, logged: Timeline) -> list[Mapping[str, Any]]:
    """Return `logged`, the timeline as far as the log goes back, with what `timeline` has from before that.

    A purge of the log removes the oldest facts of a stream and keeps the newest one. Where the log has no fact of a source at all, there
    never was one, and entries of that source in `timeline` are dropped.
    """
    first: dict[tuple[str, str], int] = {}
    for entry in logged:
        source, version = _identity(entry)
        first[source] = min(version, first.get(source, version))
    purged = [entry for entry in timeline if _identity(entry)[1] < first.get(_identity(entry)[0], 0)]
    return _in_order([*logged, *purged])


def last_instant(*, timeline: Timeline) -> datetime | None:
    """Return the instant of the last fact in a timeline; None where it is empty."""
    return max(map(_instant, timeline), default=None)


def _entry(*, source: str, fact: RentalSnapshot | PaymentSnapshot) -> dict[str, Any]:
    entry: dict[str, Any] = {"fact": type(fact).__name__, "at": _written(fact.occurred_at), "version": fact.version, "source": source}
    if reason := getattr(fact, "stated_reason", "") or getattr(fact, "reason", ""):
        entry["reason"] = reason
    changed = getattr(fact, "changed", None)
    if changed is not None:
        entry["changed"] = changed.split(",") if changed else []
    if isinstance(fact, PaymentSnapshot) and (by := getattr(fact, "stated_by", "")):
        entry["by"] = by
    if isinstance(fact, RentalSnapshot):
        if by := getattr(fact, "stated_by", "") or (fact.cancelled_by if entry["fact"] in _CANCELLING else None):
            entry["by"] = by
        if fact.in_cash and entry["fact"] in _OF_CASH:
            entry["in_cash"] = True
        if entry["fact"] == "RentalReturned" and fact.returned_at and fact.returned_at != fact.occurred_at:
            entry["returned_at"] = _written(fact.returned_at)
    return entry


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _timeline_changes(*, timeline: Timeline, entries: Timeline) -> dict[str, Any]:
    known = {_identity(entry) for entry in timeline}
    new = [entry for entry in entries if _identity(entry) not in known]
    return {"timeline": _in_order([*timeline, *new])} if new else {}


def _identity(entry: Mapping[str, Any]) -> tuple[tuple[str, str], int]:
    return (entry["source"], entry["payment"] if entry["source"] == "payment" else ""), entry["version"]


# The facts that tell of a cancel; `by` says whose it was.
_CANCELLING = {"RentalCancelRequested", "RentalRefundDue", "RentalCancelled"}
# The facts of a rental paid in cash that say so: money changes hands at the desk.
_OF_CASH = {"RentalPaymentStarted", "RentalRefundDue"}
# Which fact of the rental requested what a payment's fact answers.
_REQUESTED_BY = {
    "PaymentApproved": "RentalPaymentStarted",
    "PaymentDeclined": "RentalPaymentStarted",
    "PaymentNotSent": "RentalPaymentStarted",
    "PaymentRefunded": "RentalRefundDue",
}


def _in_order(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return a timeline in order: the rental's facts by version, each followed by the payment's facts that answer it.

    Instants do not suffice: one call that pays gives all its facts the instant it began. Only a payment's fact whose request is not in the
    timeline is placed by its instant.
    """
    dated = [(_instant(entry), entry) for entry in entries]
    rentals = [(at, entry) for at, entry in dated if entry["source"] == "rental"]
    requests = {(entry["fact"], entry["payment"]): entry["version"] for _, entry in rentals if "payment" in entry}

    def place(at: datetime, entry: Mapping[str, Any]) -> tuple[int, bool, datetime, str, int]:
        if entry["source"] == "rental":
            return entry["version"], False, at, "", 0
        request = requests.get((_REQUESTED_BY.get(entry["fact"]), entry["payment"]))
        before = request or max((rental["version"] for earlier, rental in rentals if earlier <= at), default=0)
        return before, True, at, entry["payment"], entry["version"]

    return [entry for _, entry in sorted(dated, key=lambda pair: place(*pair))]


def _instant(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["at"])


def held_by(*, open_rentals: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of an item's row about its current rental, from all rentals that hold it.

    The current rental is the one that is out, or else the one that begins first.
    """
    current = min(open_rentals, key=lambda rental: (rental["state"] != "rented", rental["starts_at"], rental["id"]), default=None)
    if current is None:
        return {"availability": ItemAvailability.AVAILABLE, **dict.fromkeys(_CURRENT, None)}
    availability = ItemAvailability.RENTED if current["state"] == "rented" else ItemAvailability.RESERVED
    return {"availability": availability, **{column: current[name] for column, name in _CURRENT.items()}}


# An item's column, and the rental's column it copies.
_CURRENT: Mapping[str, str] = {
    "current_rental_id": "id",
    "current_state": "state",
    "current_renter_id": "renter_id",
    "current_starts_at": "starts_at",
    "current_ends_at": "ends_at",
    "current_overdue": "overdue",
    "payment_id": "payment_id",
    "payment_state": "payment_state",
}
# The columns of a rental that an item's row needs, and the item's own that copy them.
HOLDING_PART, CURRENT_PART = tuple(_CURRENT.values()), tuple(_CURRENT)
