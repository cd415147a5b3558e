"""The harness with which an adapter is tested: its gateway, connected to a provider whose records the harness controls.

Every test of this folder runs for each adapter in `conftest.HARNESSES`, except those that need a feature in its `unsupported`.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum, auto
from typing import Any, ClassVar
from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, PaymentGateway
from tests.unit.payments.actions import charge_request
from tests.unit.payments.gateway_calls import AMPLE_S


class Feature(StrEnum):
    """What a harness may not support."""

    WEBHOOKS = auto()  # it signs webhooks: `webhook`, `sign`
    TOMBSTONES = auto()  # a key that was voided unseen can never be charged
    OWN_KEYS = auto()  # its list has our keys
    KEYS_ALONE = auto()  # a key alone names a charge, whatever sum or method is sent with it
    FRESH_REPLAYS = auto()  # a repeated charge returns the current record, not its first answer
    SANDBOX_METHODS = auto()  # it knows pm_lost, pm_error, pm_slow and pm_down


class AdapterHarness(ABC):
    """A gateway and its provider. Sums are won, and the good and the bad method are the provider's own."""

    unsupported: ClassVar[frozenset[Feature]] = frozenset()
    good_method: ClassVar[str] = "pm_ok"
    bad_method: ClassVar[str] = "pm_declined"
    page: ClassVar[int] = 100  # how many charges a page of its list holds

    gateway: PaymentGateway

    @abstractmethod
    def record(self, key: UUID) -> ChargeRecord:
        """Return the provider's record under a key, without a call."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the time by the provider's clock."""

    @abstractmethod
    def close(self) -> None:
        """Leave the provider without faults and no connection open."""

    def webhook(self, key: UUID) -> bytes:
        """Return the body of a webhook about the charge under a key."""
        raise AssertionError("this provider declares that it sends no signed webhooks")

    def sign(self, body: bytes, *, at: datetime, secret: int = 0) -> Mapping[str, str]:
        """Return the headers of a webhook sent then, signed with the first or second secret that the gateway knows."""
        raise AssertionError("this provider declares that it sends no signed webhooks")

    def request(self, **changes: Any) -> ChargeRequest:
        """Return a request for 8,000 won under a new key."""
        return charge_request(**{"method": self.good_method} | changes)

    def written(self, request: ChargeRequest) -> ChargeRecord:
        """Return the provider's record once there is one: it may be written after the caller gave up."""
        ends_at = time.monotonic() + AMPLE_S
        while (record := self.record(request.payment_id)).status is ChargeStatus.NOT_FOUND and time.monotonic() < ends_at:
            time.sleep(0.01)
        return record

    def charge(self, request: ChargeRequest, *, deadline_s: float = AMPLE_S) -> ChargeRecord:
        return self.gateway.charge(request=request, deadline_s=deadline_s)

    def lookup(self, request: ChargeRequest) -> ChargeRecord:
        return self.gateway.lookup(request=request, deadline_s=AMPLE_S)

    def void(self, request: ChargeRequest) -> ChargeRecord:
        return self.gateway.void(request=request, deadline_s=AMPLE_S)
