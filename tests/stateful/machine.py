"""The state machine: commands, workers and faults in any order, and after each of them what must be true."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from gdmarket.bus import registry, settling
from gdmarket.bus.claims import Claim
from gdmarket.bus.errors import LeaseLostError
from tests.stateful import invariants, quiescence, recorder
from tests.stateful.faults import ALWAYS, MOST_STATEMENTS, Interruption, InterruptionKind
from tests.stateful.market import RENTERS, TABLES, ClaimKind, Market, Period, Verb

T = TypeVar("T")

SUBSCRIBERS = ("items", recorder.SUBSCRIBER, "payments", "rentals", "status_view")

interruptions = st.one_of(st.none(), st.none(), st.builds(Interruption, st.sampled_from(InterruptionKind), st.integers(1, MOST_STATEMENTS)))
claim_kinds = st.sampled_from(ClaimKind)
methods = st.sampled_from([*["pm_ok"] * 4, "pm_declined", "pm_lost", "pm_error", "pm_down"])
subscribers = st.sampled_from(SUBSCRIBERS)
minutes = st.sampled_from([2, 16, 6 * 60, 24 * 60])
periods = st.builds(Period, after_h=st.sampled_from([0, 12, 36, 60, 84]), lasting_h=st.sampled_from([24, 48]))


class MarketMachine(RuleBasedStateMachine):
    store: ClassVar[Path]

    items = Bundle("items")
    rentals = Bundle("rentals")
    frozen = Bundle("frozen")

    def __init__(self) -> None:
        super().__init__()
        self.market = Market(store=self.store)
        self.drills = [self.market.register(), self.market.register()]
        self.market.run_relay(subscribers=SUBSCRIBERS)

    @initialize(target=items)
    def start_with_items(self) -> Any:
        return multiple(*self.drills)

    @initialize(target=rentals, method=st.none() | methods)
    def start_with_a_rental(self, method: str | None) -> UUID:
        return self.market.request(self.drills[0], by=RENTERS[0], period=Period(after_h=0, lasting_h=24), method=method)

    # -- Commands ------------------------------------------------------------------------------------------------------------------

    @rule(item=items, daily_price=st.sampled_from([8_000, 9_000]), interruption=interruptions)
    def revise(self, item: UUID, daily_price: int, interruption: Interruption | None) -> None:
        self.market.revise(item, daily_price=daily_price, interruption=interruption)

    @rule(target=items, item=items, interruption=interruptions)
    def replace(self, item: UUID, interruption: Interruption | None) -> UUID:
        self.market.withdraw(item, interruption=interruption)
        return self.market.register(interruption=interruption)

    @rule(item=items, pauses=st.booleans(), interruption=interruptions)
    def pause_or_resume_item(self, item: UUID, pauses: bool, interruption: Interruption | None) -> None:
        self.market.pause_or_resume_item(item, pauses=pauses, interruption=interruption)

    @rule(item=items, period=periods, interruption=interruptions)
    def block_days(self, item: UUID, period: Period, interruption: Interruption | None) -> None:
        self.market.block(item, period=period, interruption=interruption)

    @rule(item=items, interruption=interruptions)
    def lift_a_block(self, item: UUID, interruption: Interruption | None) -> None:
        self.market.lift_a_block(item, interruption=interruption)

    @rule(target=rentals, item=items, by=st.sampled_from(RENTERS), period=periods, interruption=interruptions)
    def request(self, item: UUID, by: UUID, period: Period, interruption: Interruption | None) -> Any:
        return self._made(self.market.request(item, by=by, period=period, method=None, interruption=interruption))

    @rule(target=rentals, item=items, by=st.sampled_from(RENTERS), period=periods, method=methods, interruption=interruptions)
    def request_and_pay(self, item: UUID, by: UUID, period: Period, method: str, interruption: Interruption | None) -> Any:
        return self._made(self.market.request(item, by=by, period=period, method=method, interruption=interruption))

    @rule(rental=rentals, method=methods, interruption=interruptions)
    def pay(self, rental: UUID, method: str, interruption: Interruption | None) -> None:
        self.market.command(Verb.PAY, rental, method=method, interruption=interruption)

    @rule(rental=rentals, interruption=interruptions)
    def lend(self, rental: UUID, interruption: Interruption | None) -> None:
        self.market.command(Verb.TAKE_BACK if self.market.is_out(rental) else Verb.HAND_OVER, rental, interruption=interruption)

    @rule(rental=rentals, interruption=interruptions)
    def undo_a_return(self, rental: UUID, interruption: Interruption | None) -> None:
        self.market.command(Verb.UNDO_RETURN, rental, interruption=interruption)

    @rule(
        rental=rentals,
        verb=st.sampled_from([Verb.CANCEL, Verb.CANCEL_PAYMENT, Verb.CANCEL_AS_MANAGER]),
        interruption=interruptions,
    )
    def cancel(self, rental: UUID, verb: Verb, interruption: Interruption | None) -> None:
        self.market.command(verb, rental, interruption=interruption)

    @rule(rental=rentals, amount=st.sampled_from([1_000, 7_999, 8_000]), interruption=interruptions)
    def refund_part(self, rental: UUID, amount: int, interruption: Interruption | None) -> None:
        self.market.refund_part(rental, amount=amount, interruption=interruption)

    @rule(rental=rentals, interruption=interruptions)
    def receive_webhook(self, rental: UUID, interruption: Interruption | None) -> None:
        self.market.receive_webhook(rental, interruption=interruption)

    # -- Time and workers ----------------------------------------------------------------------------------------------------------

    @rule(minutes=minutes)
    def pass_time(self, minutes: int) -> None:
        self.market.pass_time(timedelta(minutes=minutes))

    @rule(subscriber=subscribers)
    def run_relay(self, subscriber: str) -> None:
        self.market.run_relay(subscribers=(subscriber,))

    @rule(subscriber=subscribers, claim_kind=claim_kinds, all_of_it=st.booleans(), interruption=interruptions)
    def handle(self, subscriber: str, claim_kind: ClaimKind, all_of_it: bool, interruption: Interruption | None) -> None:
        self.market.handle(self._claim(subscriber, claim_kind), all_of_it=all_of_it, interruption=interruption)

    @rule(target=frozen, subscriber=subscribers, claim_kind=claim_kinds)
    def freeze_with_a_claimed_batch(self, subscriber: str, claim_kind: ClaimKind) -> Any:
        """A worker that is never resumed has died right after the claim."""
        batch = self._claim(subscriber, claim_kind)
        return batch or multiple()

    @rule(batch=consumes(frozen), in_time=st.booleans(), interruption=interruptions)
    def resume_a_frozen_worker(self, batch: list[Claim], in_time: bool, interruption: Interruption | None) -> None:
        if not in_time:
            self._take_over(batch)
        may_change = any(not self.market.has_lost_its_lease(claim) or self._is_external(claim) for claim in batch)
        before = self._contents()
        self.market.handle(batch, interruption=interruption)
        assert may_change or self._contents() == before

    @rule(batch=frozen)
    def settle_with_an_expired_lease(self, batch: list[Claim]) -> None:
        self._take_over(batch)
        lost = [claim for claim in batch if self.market.has_lost_its_lease(claim)]
        before = self._contents()
        for claim in lost:
            with suppress(LeaseLostError), transaction.atomic():
                settling.acknowledge(claims=[claim])
                raise AssertionError("an old token was taken for the lease")
            settling.fail(claim=claim, error="too late")
            settling.postpone(claims=[claim], after_s=60, reason="too late")
            settling.dead_letter(claim=claim, error="too late")
        settling.release(claims=lost)
        assert self._contents() == before

    # -- Operators and bad luck ----------------------------------------------------------------------------------------------------

    @rule(context=st.none() | subscribers)
    def pause_or_resume(self, context: str | None) -> None:
        if context is None:
            self.market.resume()
            self.market.replay_dead()
        else:
            self.market.pause(context)

    @rule(
        stream=st.one_of(items.map(lambda item: f"item:{item}"), rentals.map(lambda rental: f"rental:{rental}")),
        subscriber=subscribers,
        times=st.sampled_from([1, 9, ALWAYS]),
    )
    def poison(self, stream: str, subscriber: str, times: int) -> None:
        self.market.faults.poison(subscriber=subscriber, stream=stream, times=times)

    # -- What must be true ---------------------------------------------------------------------------------------------------------

    @invariant()
    def invariants_hold(self) -> None:
        invariants.check(store=self.store)

    def teardown(self) -> None:
        try:
            # Not after a step that failed: its failure alone is to be reported.
            if sys.exception() is None:
                quiescence.reach(self.market)
                invariants.check(store=self.store)
                quiescence.check(self.market)
        finally:
            self.market.close()

    def _made(self, rental: UUID) -> Any:
        return rental if self.market.has_rental(rental) else multiple()

    def _claim(self, subscriber: str, claim_kind: ClaimKind) -> list[Claim]:
        """Claim deliveries, of another subscriber or by another claim where these find none."""
        for somebody in _from(SUBSCRIBERS, subscriber):
            for some_kind in _from(tuple(ClaimKind), claim_kind):
                if batch := self.market.claim(some_kind, subscriber=somebody):
                    return batch
        return []

    def _take_over(self, batch: list[Claim]) -> None:
        """Expire the leases and let another worker claim these deliveries."""
        self.market.expire_leases()
        self.market.run_relay(subscribers=(batch[0].lane[0],))

    def _contents(self) -> Any:
        return quiescence.contents(TABLES), recorder.lines()

    @staticmethod
    def _is_external(claim: Claim) -> bool:
        return registry.is_external(subscriber=claim.lane[0], name=claim.event.type)


def _from(choices: Sequence[T], first: T) -> Sequence[T]:
    start = choices.index(first)
    return [*choices[start:], *choices[:start]]
