"""The whole market in one process, in which nothing is delivered and no time passes but by its methods."""

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
from apps.items.models import BlockedPeriod, BusyPeriod, Item
from apps.items.services import pausing
from apps.payments.models import Payment, Posting, Refund
from apps.payments.services import ledger, refunding, webhooks
from apps.rentals.domain import RentalState
from apps.rentals.models import Block, Listing, ListingManager, ListingVersion, Rental, Renter
from apps.rentals.services import blocking, cancelling, lending, paying, requesting
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
_RENTALS: Sequence[type[models.Model]] = (Block, Rental, Renter, ListingVersion, ListingManager, Listing)
TABLES: Sequence[type[models.Model]] = (Delivery, Event, *_RENTALS, BlockedPeriod, BusyPeriod, Item, *_MONEY, RentalStatus, ItemStatus)
# Timers and retries are delayed by this, so that nothing falls due within an example only because the computer is slow.
LATE = timedelta(minutes=1)
_NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class ClaimKind(StrEnum):
    EXPIRED = "expired"
    TIMERS = "timers"
    LANES = "lanes"
    TOUCHED = "touched"


class Verb(StrEnum):
    PAY = "pay"
    CANCEL = "cancel"
    CANCEL_PAYMENT = "cancel payment"
    HAND_OVER = "hand over"
    TAKE_BACK = "take back"
    UNDO_RETURN = "undo the return"
    CANCEL_AS_MANAGER = "cancel as the manager"


@dataclass(frozen=True)
class Period:
    """The period of a request, in hours from now."""

    after_h: int
    lasting_h: int


class Market:
    """Commands, workers and time; `faults` injects failures."""

    def __init__(self, *, store: Path) -> None:
        self.faults = Faults()
        self.store = store
        self._ids = map(UUID, map("00000000-0000-7000-8000-{:012d}".format, range(1, 10_000)))
        self._behind = datetime.now(UTC) - _NOON
        self._clock = time_machine.travel(_NOON, tick=False)
        self._traveller = self._clock.start()
        self._newest_pulled = 0
        breaker.reset(monotonic=time.time)
        self._delete_everything()

    def close(self) -> None:
        self._clock.stop()
        breaker.reset()

    # -- Commands ------------------------------------------------------------------------------------------------------------------

    def register(self, *, interruption: Interruption | None = None) -> UUID:
        item_id = next(self._ids)
        details: Any = {
            "name": "충전 드릴",
            "category": "공구",
            "place": "성수역",
            "latitude": 37.5,
            "longitude": 127.0,
            "daily_price": 8_000,
        }
        self._run(partial(items.register_item, item_id=item_id, manager_id=MANAGER, now=clock.now(), **details), interruption)
        return item_id

    def revise(self, item_id: UUID, *, daily_price: int, interruption: Interruption | None) -> None:
        self._run(partial(items.revise_item, item_id=item_id, by=MANAGER, daily_price=daily_price, now=clock.now()), interruption)

    def withdraw(self, item_id: UUID, *, interruption: Interruption | None) -> None:
        self._run(partial(items.withdraw_item, item_id=item_id, by=MANAGER, now=clock.now()), interruption)

    def pause_or_resume_item(self, item_id: UUID, *, pauses: bool, interruption: Interruption | None) -> None:
        command = pausing.pause_item if pauses else pausing.resume_item
        self._run(partial(command, item_id=item_id, by=MANAGER, now=clock.now()), interruption)

    def block(self, item_id: UUID, *, period: Period, interruption: Interruption | None) -> None:
        now = clock.now()
        starts_at = now + timedelta(hours=period.after_h)
        whole: Any = {"block_id": next(self._ids), "item_id": item_id, "by": MANAGER, "starts_at": starts_at, "now": now}
        self._run(partial(blocking.block_period, ends_at=starts_at + timedelta(hours=period.lasting_h), **whole), interruption)

    def lift_a_block(self, item_id: UUID, *, interruption: Interruption | None) -> None:
        block = Block.objects.filter(item_id=item_id).order_by("id").first()
        if block is not None:
            self._run(partial(blocking.unblock_period, block_id=block.id, by=MANAGER, now=clock.now()), interruption)

    def request(self, item_id: UUID, *, by: UUID, period: Period, method: str | None, interruption: Interruption | None = None) -> UUID:
        """Request an item, and pay for it where `method` is given; only the database shows whether that worked."""
        rental_id, now = next(self._ids), clock.now()
        starts_at = now + timedelta(hours=period.after_h)
        wish: Any = {"item_id": item_id, "renter_id": by, "method": method, "starts_at": starts_at}
        ends_at = starts_at + timedelta(hours=period.lasting_h)
        self._run(partial(requesting.request_rental, rental_id=rental_id, ends_at=ends_at, now=now, **wish), interruption)
        return rental_id

    def command(self, verb: Verb, rental_id: UUID, *, method: str = "", interruption: Interruption | None) -> None:
        """Send a command about a rental, as the person who may."""
        renter = Rental.objects.get(id=rental_id).renter_id
        whole: Any = {"rental_id": rental_id, "now": clock.now()}
        commands: dict[Verb, Callable[[], object]] = {
            Verb.PAY: partial(paying.pay_rental, by=renter, method=method, operation_id=next(self._ids), **whole),
            Verb.CANCEL: partial(cancelling.cancel_rental, by=renter, **whole),
            Verb.CANCEL_PAYMENT: partial(cancelling.cancel_payment, by=renter, **whole),
            Verb.HAND_OVER: partial(lending.hand_over, by=MANAGER, **whole),
            Verb.TAKE_BACK: partial(lending.take_back, by=MANAGER, **whole),
            Verb.UNDO_RETURN: partial(lending.undo_return, by=MANAGER, **whole),
            Verb.CANCEL_AS_MANAGER: partial(cancelling.cancel_rental, by=MANAGER, reason="The shop is shut.", **whole),
        }
        self._run(commands[verb], interruption)

    def refund_part(self, rental_id: UUID, *, amount: int, interruption: Interruption | None) -> None:
        payment = Payment.objects.filter(rental_id=rental_id).order_by("-created_at", "-id").first()
        if payment is not None:
            whole: Any = {"refund_id": next(self._ids), "payment_id": payment.id, "now": clock.now()}
            self._run(partial(refunding.refund_payment, amount=amount, reason="it was late", by=MANAGER, **whole), interruption)

    def receive_webhook(self, rental_id: UUID, *, interruption: Interruption | None) -> None:
        """Receive a webhook about a rental, whether or not anything happened to its payment."""
        self._run(partial(webhooks.receive_webhook, headers={}, body=str(rental_id).encode(), now=clock.now()), interruption)

    def has_rental(self, rental_id: UUID) -> bool:
        return Rental.objects.filter(id=rental_id).exists()

    def is_out(self, rental_id: UUID) -> bool:
        return Rental.objects.filter(id=rental_id, state=RentalState.RENTED).exists()

    # -- Workers -------------------------------------------------------------------------------------------------------------------

    def claim(self, claim_kind: ClaimKind, *, subscriber: str) -> list[Claim]:
        if claim_kind is ClaimKind.TOUCHED:
            lanes = Delivery.objects.filter(subscriber=subscriber).order_by("-pk").values_list("subscriber", "lane")[:3]
            return claims.claim_pending_lanes(lanes=sorted(set(lanes))) if lanes else []
        by_kind = {ClaimKind.EXPIRED: claims.claim_expired, ClaimKind.TIMERS: claims.claim_timers, ClaimKind.LANES: claims.claim_lanes}
        return by_kind[claim_kind](subscriber=subscriber)

    def handle(self, batch: Sequence[Claim], *, all_of_it: bool = True, interruption: Interruption | None = None) -> None:
        """Handle claimed deliveries, or only the first of them; an interruption may end it anywhere."""
        if batch:
            held = list(Delivery.objects.filter(pk__in=[claim.id for claim in batch], token=batch[0].token).values_list("pk", flat=True))
            with self.faults.process(subscriber=batch[0].lane[0], interruption=interruption):
                dispatch.work(claimed=batch, keep_going=lambda: all_of_it)
            Delivery.objects.filter(pk__in=held, token=None, dead=False).exclude(error="").update(not_before=F("not_before") + LATE)
            self._pull_timers()

    def run_relay(self, *, subscribers: Collection[str]) -> int:
        """Do what `relay.run_once` does; return the number of deliveries claimed."""
        claimed = 0
        waiting = set(Delivery.objects.values_list("subscriber", flat=True))
        for subscriber in filter(waiting.__contains__, subscribers):
            for claim_kind in (ClaimKind.EXPIRED, ClaimKind.TIMERS, ClaimKind.LANES):
                batch = self.claim(claim_kind, subscriber=subscriber)
                claimed += len(batch)
                self.handle(batch)
        return claimed

    def has_lost_its_lease(self, claim: Claim) -> bool:
        """Return whether a claim no longer holds its lease."""
        return not Delivery.objects.filter(pk=claim.id, token=claim.token).exists()

    def pause(self, context: str) -> None:
        subscriptions.pause(context=context)

    def resume(self) -> None:
        for context in registry.subscribers():
            subscriptions.resume(context=context)

    def replay_dead(self) -> None:
        dead_letters.replay()

    # -- Time ----------------------------------------------------------------------------------------------------------------------

    def pass_time(self, step: timedelta) -> None:
        self._pull_timers()
        self._traveller.shift(step)
        self._behind -= step
        Delivery.objects.update(not_before=F("not_before") - step)
        pull_breakers(step)

    def expire_leases(self) -> None:
        Delivery.objects.filter(token__isnull=False).update(not_before=Now() - timedelta(seconds=1))

    def _pull_timers(self) -> None:
        """Move new timers from this process's clock to the database's."""
        new = Delivery.objects.filter(version=0, pk__gt=self._newest_pulled)
        newest = new.order_by("-pk").values_list("pk", flat=True).first()
        if newest is not None:
            new.update(not_before=F("not_before") + self._behind + LATE)
            self._newest_pulled = newest

    def _run(self, command: Callable[[], object], interruption: Interruption | None) -> None:
        try:
            with self.faults.process(interruption=interruption):
                command()
        except DomainError:
            return
        finally:
            self._pull_timers()

    def _delete_everything(self) -> None:
        with ledger.guard_disabled():
            for table in TABLES:
                QuerySet(table).all().delete()
        Circuit.objects.all().delete()
        recorder.clear()
        Subscription.objects.update(paused=False)
        with closing(sqlite3.connect(self.store)) as store:
            store.executescript("DELETE FROM refund; DELETE FROM entry;")
