"""Toss's replica, in its documented shapes. What it does when it is hurt stands in tests of its own, as its errors are its own too."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.payments.gateways.port import Entry, Intent, Standing
from apps.payments.gateways.toss import TossGateway
from apps.payments.gateways.toss.gateway import PAGE
from tests.unit.payments.contract.bench import AMPLE_S, Bench, Feature
from tests.unit.payments.toss.replica import SECRET, TossReplica


class TossBench(Bench):
    """Each intent's renter has come back from Toss's window, where they agreed to its sum; a bad method is a card that is refused then."""

    lacks = frozenset(
        {
            Feature.WIRE,
            Feature.SANDBOX_METHODS,
            Feature.WEBHOOKS,  # Toss signs none
            Feature.TOMBSTONES,
            Feature.OWN_KEYS,
            Feature.KEYS_ALONE,
            Feature.FRESH_REPLAYS,
        }
    )
    good_method = "any-rental:good"
    bad_method = "any-rental:bad"
    page = PAGE

    def __init__(self) -> None:
        self._toss = TossReplica()
        self.gateway = self._gateway = TossGateway(base_url=self._toss.url, secret_key=SECRET)
        self._intents: dict[UUID, Intent] = {}

    def book(self, key: UUID) -> Entry:
        if key not in self._intents:
            return Entry(standing=Standing.NOT_FOUND)
        reader = TossGateway(base_url=self._toss.url, secret_key=SECRET)
        entry = reader.lookup(intent=self._intents[key], deadline_s=AMPLE_S)
        reader.close()
        return entry

    def now(self) -> datetime:
        return self._toss.clock

    def close(self) -> None:
        self._gateway.close()
        self._toss.close()

    def intent(self, **changes: Any) -> Intent:
        intent = super().intent(**changes)
        refusal = "REJECT_CARD_COMPANY" if intent.method == self.bad_method else ""
        method = self._toss.authenticate(order_id=str(intent.order), amount=intent.amount, payment_key=f"pay-{intent.key}", refusal=refusal)
        self._intents[intent.key] = replace(intent, method=method)
        return self._intents[intent.key]
