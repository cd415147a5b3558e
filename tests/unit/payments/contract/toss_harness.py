"""The Toss stub. Its failures have tests of their own, as its errors are its own too."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from apps.payments.gateways.toss.gateway import PAGE, TossGateway
from tests.unit.payments.contract.harness import AMPLE_S, AdapterHarness, Feature
from tests.unit.payments.toss.stub import SECRET, TossStub


class TossHarness(AdapterHarness):
    """Each request's renter has agreed to its sum in Toss's window; a bad method is a card that is refused on confirmation."""

    unsupported = frozenset(
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
        self._toss = TossStub()
        self.gateway = self._gateway = TossGateway(base_url=self._toss.url, secret_key=SECRET)
        self._requests: dict[UUID, ChargeRequest] = {}

    def record(self, key: UUID) -> ChargeRecord:
        if key not in self._requests:
            return ChargeRecord(status=ChargeStatus.NOT_FOUND)
        reader = TossGateway(base_url=self._toss.url, secret_key=SECRET)
        record = reader.lookup(request=self._requests[key], deadline_s=AMPLE_S)
        reader.close()
        return record

    def now(self) -> datetime:
        return self._toss.clock

    def close(self) -> None:
        self._gateway.close()
        self._toss.close()

    def request(self, **changes: Any) -> ChargeRequest:
        wanted = super().request(**changes)
        refusal = "REJECT_CARD_COMPANY" if wanted.method == self.bad_method else ""
        method = self._toss.authenticate(
            order_id=str(wanted.rental_id), amount=wanted.amount, payment_key=f"pay-{wanted.payment_id}", refusal=refusal
        )
        self._requests[wanted.payment_id] = replace(wanted, method=method)
        return self._requests[wanted.payment_id]
