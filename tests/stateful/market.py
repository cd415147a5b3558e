"""The whole market in one process, in which nothing is delivered by itself and time stands still until it is told to pass."""

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import time_machine
from django.db import models
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from apps.items import services as items
from apps.items.models import BusyPeriod, Item
from apps.payments.models import Payment, Posting, Refund
from apps.payments.services import ledger, refunding, webhooks
from apps.rentals.domain import RentalState
from apps.rentals.models import Listing, Rental
from apps.rentals.services import cancelling, lending, paying, requesting
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import breaker, clock
from gdmarket.breaker.models import Circuit
from gdmarket.bus import claims, dead_letters, dispatch, registry, subscriptions
from gdmarket.bus.claims import Claim
from gdmarket.bus.models import Delivery, Event, Subscription
from gdmarket.errors import DomainError
from tests.passing_time import pull_breakers
from tests.stateful import recorder
from tests.stateful.faults import Faults, Interruption

MANAGER = UUID(int=1)
RENTERS = (UUID(int=2), UUID(int=3))
# In the order in which their rows can be deleted.
_MONEY: Sequence[type[models.Model]] = (Posting, Refund, Payment)
TABLES: Sequence[type[models.Model]] = (Delivery, Event, Rental, Listing, BusyPeriod, Item, *_MONEY, RentalStatus, ItemStatus)
# Timers and second tries come so much later than asked for, which they may: within an example, which is shorter, nothing falls due
# because the machine it runs on is slow, and the same steps lead to the same end.
LATE = timedelta(minutes=1)
_NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class ClaimKind(StrEnum):
    """By which claim a worker takes deliveries in hand."""

    EXPIRED = "expired"
    TIMERS = "timers"
    LANES = "lanes"
    TOUCHED = "touched"


class Verb(StrEnum):
    """What a renter or a manager does with a rental."""

    PAY = "pay"
    CANCEL = "cancel"
    CANCEL_PAYMENT = "cancel payment"
    HAND_OVER = "hand over"
    TAKE_BACK = "take back"


@dataclass(frozen=True)
class Period:
    """For when somebody wants an item, in hours from now on."""

    after_h: int
    lasting_h: int


class Market:
    """Commands, workers and time; `faults` decides what fails meanwhile."""

    def __init__(self, *, book: Path) -> None:
        self.faults = Faults()
        self.book = book
        self._ids = map(UUID, map("00000000-0000-7000-8000-{:012d}".format, range(1, 10_000)))
        self._behind = datetime.now(UTC) - _NOON
        self._clock = time_machine.travel(_NOON, tick=False)
        self._traveller = self._clock.start()
        self._newest_pulled = 0
        breaker.reset(monotonic=time.time)
        self._empty()

    def close(self) -> None:
        """Give the clock back."""
        self._clock.stop()
        breaker.reset()

    # -- Commands ------------------------------------------------------------------------------------------------------------------

    def register(self, *, interruption: Interruption | None = None) -> UUID:
        """Put a new item up for rent."""
        item_id = next(self._ids)
        details: Any = {
            "name": "충전 드릴",
            "category": "공구",
            "place": "성수역",
            "latitude": 37.5,
            "longitude": 127.0,
            "daily_price": 8_000,
        }
        self._command(partial(items.register_item, item_id=item_id, manager_id=MANAGER, now=clock.now(), **details), interruption)
        return item_id

    def revise(self, item_id: UUID, *, daily_price: int, interruption: Interruption | None) -> None:
        """Ask another price for an item."""
        self._command(partial(items.revise_item, item_id=item_id, by=MANAGER, daily_price=daily_price, now=clock.now()), interruption)

    def withdraw(self, item_id: UUID, *, interruption: Interruption | None) -> None:
        """Take an item off the market."""
        self._command(partial(items.withdraw_item, item_id=item_id, by=MANAGER, now=clock.now()), interruption)

    def request(self, item_id: UUID, *, by: UUID, period: Period, method: str | None, interruption: Interruption | None = None) -> UUID:
        """Ask for an item, and with a method pay in the same breath; whether there is a rental then, only the database tells."""
        rental_id, now = next(self._ids), clock.now()
        starts_at = now + timedelta(hours=period.after_h)
        wish: Any = {"item_id": item_id, "renter_id": by, "method": method, "starts_at": starts_at}
        ends_at = starts_at + timedelta(hours=period.lasting_h)
        self._command(partial(requesting.request_rental, rental_id=rental_id, ends_at=ends_at, now=now, **wish), interruption)
        return rental_id

    def do(self, verb: Verb, rental_id: UUID, *, method: str = "", interruption: Interruption | None) -> None:
        """Do something with a rental, as the person who may."""
        renter = Rental.objects.get(id=rental_id).renter_id
        whole: Any = {"rental_id": rental_id, "now": clock.now()}
        commands: dict[Verb, Callable[[], object]] = {
            Verb.PAY: partial(paying.pay_rental, by=renter, method=method, operation_id=next(self._ids), **whole),
            Verb.CANCEL: partial(cancelling.cancel_rental, by=renter, **whole),
            Verb.CANCEL_PAYMENT: partial(cancelling.cancel_payment, by=renter, **whole),
            Verb.HAND_OVER: partial(lending.hand_over, by=MANAGER, **whole),
            Verb.TAKE_BACK: partial(lending.take_back, by=MANAGER, **whole),
        }
        self._command(commands[verb], interruption)

    def give_part_back(self, rental_id: UUID, *, amount: int, interruption: Interruption | None) -> None:
        """Give a part of what a rental was paid with back, as an operator does."""
        payment = Payment.objects.filter(rental_id=rental_id).order_by("-created_at", "-id").first()
        if payment is not None:
            whole: Any = {"refund_id": next(self._ids), "payment_id": payment.id, "now": clock.now()}
            self._command(partial(refunding.record_partial_refund, amount=amount, **whole), interruption)

    def hear_of(self, rental_id: UUID, *, interruption: Interruption | None) -> None:
        """Let the provider's webhook tell that something happened to the money of a rental, be it true or not."""
        self._command(partial(webhooks.receive_webhook, headers={}, body=str(rental_id).encode(), now=clock.now()), interruption)

    def has_rental(self, rental_id: UUID) -> bool:
        """Say whether a request, refused or not, came to anything."""
        return Rental.objects.filter(id=rental_id).exists()

    def is_out(self, rental_id: UUID) -> bool:
        """Say whether the item is with the renter."""
        return Rental.objects.filter(id=rental_id, state=RentalState.RENTED).exists()

    # -- Workers -------------------------------------------------------------------------------------------------------------------

    def claim(self, claim_kind: ClaimKind, *, subscriber: str) -> list[Claim]:
        """Take deliveries in hand."""
        if claim_kind is ClaimKind.TOUCHED:
            lanes = Delivery.objects.filter(subscriber=subscriber).order_by("-pk").values_list("subscriber", "lane")[:3]
            return claims.claim_pending_lanes(lanes=sorted(set(lanes))) if lanes else []
        by_door = {ClaimKind.EXPIRED: claims.claim_expired, ClaimKind.TIMERS: claims.claim_timers, ClaimKind.LANES: claims.claim_lanes}
        return by_door[claim_kind](subscriber=subscriber)

    def work(self, batch: Sequence[Claim], *, all_of_it: bool = True, interruption: Interruption | None = None) -> None:
        """Handle what is in hand, or only begin to; an interruption may end it anywhere."""
        if batch:
            held = list(Delivery.objects.filter(pk__in=[claim.id for claim in batch], token=batch[0].token).values_list("pk", flat=True))
            with self.faults.working(subscriber=batch[0].lane[0], interruption=interruption):
                dispatch.work(claimed=batch, keep_going=lambda: all_of_it)
            Delivery.objects.filter(pk__in=held, token=None, dead=False).exclude(error="").update(not_before=F("not_before") + LATE)
            self._pull_timers()

    def round(self, *, subscribers: Collection[str]) -> int:
        """Let a relay go round once, as `relay.run_once` does; return how many deliveries it took in hand."""
        claimed = 0
        waiting = set(Delivery.objects.values_list("subscriber", flat=True))
        for subscriber in filter(waiting.__contains__, subscribers):
            for claim_kind in (ClaimKind.EXPIRED, ClaimKind.TIMERS, ClaimKind.LANES):
                batch = self.claim(claim_kind, subscriber=subscriber)
                claimed += len(batch)
                self.work(batch)
        return claimed

    def is_lost(self, claim: Claim) -> bool:
        """Say whether somebody else has taken a delivery over, or handled it."""
        return not Delivery.objects.filter(pk=claim.id, token=claim.token).exists()

    def pause(self, context: str) -> None:
        """Let a context's deliveries wait."""
        subscriptions.pause(context=context)

    def resume(self) -> None:
        """Let every context catch up."""
        for context in registry.subscribers():
            subscriptions.resume(context=context)

    def replay_dead(self) -> None:
        """Give everything that is dead another life."""
        dead_letters.replay()

    # -- Time ----------------------------------------------------------------------------------------------------------------------

    def pass_time(self, step: timedelta) -> None:
        """Let time pass: leases run out, second tries and timers come nearer."""
        self._pull_timers()
        self._traveller.shift(step)
        self._behind -= step
        Delivery.objects.update(not_before=F("not_before") - step)
        pull_breakers(step)

    def let_leases_run_out(self) -> None:
        """Let every worker that has something in hand be held to be dead."""
        Delivery.objects.filter(token__isnull=False).update(not_before=Now() - timedelta(seconds=1))

    def _pull_timers(self) -> None:
        """Bring new timers, which go by our clock, to the database's."""
        new = Delivery.objects.filter(version=0, pk__gt=self._newest_pulled)
        newest = new.order_by("-pk").values_list("pk", flat=True).first()
        if newest is not None:
            new.update(not_before=F("not_before") + self._behind + LATE)
            self._newest_pulled = newest

    def _command(self, command: Callable[[], object], interruption: Interruption | None) -> None:
        try:
            with self.faults.working(interruption=interruption):
                command()
        except DomainError:
            return
        finally:
            self._pull_timers()

    def _empty(self) -> None:
        with ledger.guard_disabled():
            for table in TABLES:
                QuerySet(table).all().delete()
        Circuit.objects.all().delete()
        recorder.clear()
        Subscription.objects.update(paused=False)
        with closing(sqlite3.connect(self.book)) as book:
            book.executescript("DELETE FROM refund; DELETE FROM entry;")
