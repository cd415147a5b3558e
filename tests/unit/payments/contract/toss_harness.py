"""The Toss stub. Its failures have tests of their own, as its errors are its own too."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from apps.payments.gateways.toss.gateway import PAGE, TossGateway
from tests.unit.payments.contract.harness import AdapterHarness, Feature
from tests.unit.payments.gateway_calls import AMPLE_S
from tests.unit.payments.toss.stub import SECRET, TossStub


class TossHarness(AdapterHarness):
    """Each request's renter has agreed to its sum in Toss's window; a bad method is a card that is refused on confirmation."""

    unsupported = frozenset(Feature)
    good_method = "any-rental:good"
    bad_method = "any-rental:bad"
    page = PAGE

    def __init__(self) -> None:
        self.stub = TossStub()
        self.gateway = self._gateway = TossGateway(base_url=self.stub.url, secret_key=SECRET)
        self._requests: dict[UUID, ChargeRequest] = {}

    def record(self, key: UUID) -> ChargeRecord:
        if key not in self._requests:
            return ChargeRecord(status=ChargeStatus.NOT_FOUND)
        reader = TossGateway(base_url=self.stub.url, secret_key=SECRET)
        record = reader.lookup(request=self._requests[key], deadline_s=AMPLE_S)
        reader.close()
        return record

    def now(self) -> datetime:
        return self.stub.clock

    def close(self) -> None:
        self._gateway.close()
        self.stub.close()

    def request(self, **changes: Any) -> ChargeRequest:
        intended = super().request(**changes)
        refusal = "REJECT_CARD_COMPANY" if intended.method == self.bad_method else ""
        method = self.stub.authenticate(
            order_id=str(intended.rental_id), amount=intended.amount, payment_key=f"pay-{intended.payment_id}", refusal=refusal
        )
        self._requests[intended.payment_id] = replace(intended, method=method)
        return self._requests[intended.payment_id]
