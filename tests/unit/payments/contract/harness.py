"""The contract that every adapter keeps, and the harness that an adapter is tested with.

Each adapter has an `AdapterHarness`, listed in `conftest.HARNESSES`: its gateway, connected to a provider whose records and faults the
harness controls. Every test of this folder runs for it, except those that need a feature in its `unsupported`;
`test_unsupported.py` lists them all, so that nothing is left out by accident.
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

AMPLE_S = 20.0
SHORT_S = 0.4


class Feature(StrEnum):
    """What a harness may not support."""

    WIRE = auto()  # it is called over sockets: `inject_fault`, `clear_faults`, `go_down`
    WEBHOOKS = auto()  # it signs webhooks: `notice`, `sign`
    TOMBSTONES = auto()  # a key that was voided unseen can never be charged
    OWN_KEYS = auto()  # its list has our keys
    KEYS_ALONE = auto()  # a key alone names a charge, whatever sum or method is sent with it
    FRESH_REPLAYS = auto()  # a repeated charge returns the current record, not its first answer
    SANDBOX_METHODS = auto()  # it knows pm_lost, pm_error, pm_slow and pm_down


class UnsupportedFeatureError(AssertionError):
    """A test used a feature that its harness does not support without declaring that it needs it."""


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

    def inject_fault(self, do: str, *, call: str, **details: Any) -> None:
        """Inject this fault (deploy/simulator/faults.py) into every such call until `clear_faults`; `details` are its other fields."""
        raise UnsupportedFeatureError(type(self).__name__)

    def clear_faults(self) -> None:
        """Clear every fault and accept connections."""
        raise UnsupportedFeatureError(type(self).__name__)

    def go_down(self) -> None:
        """Refuse connections."""
        raise UnsupportedFeatureError(type(self).__name__)

    def notice(self, key: UUID) -> bytes:
        """Return the body of a webhook about the charge under a key."""
        raise UnsupportedFeatureError(type(self).__name__)

    def sign(self, body: bytes, *, at: datetime, secret: int = 0) -> Mapping[str, str]:
        """Return the headers of a webhook sent then, signed with the first or second secret that the gateway knows."""
        raise UnsupportedFeatureError(type(self).__name__)

    def request(self, **changes: Any) -> ChargeRequest:
        """Return a request for 8,000 won under a new key."""
        return charge_request(**{"method": self.good_method} | changes)

    def written(self, wanted: ChargeRequest) -> ChargeRecord:
        """Return the provider's record once there is one: it may be written after the caller gave up."""
        ends_at = time.monotonic() + AMPLE_S
        while (record := self.record(wanted.payment_id)).status is ChargeStatus.NOT_FOUND and time.monotonic() < ends_at:
            time.sleep(0.01)
        return record

    def charge(self, wanted: ChargeRequest, *, deadline_s: float = AMPLE_S) -> ChargeRecord:
        """Charge, with time enough."""
        return self.gateway.charge(request=wanted, deadline_s=deadline_s)

    def lookup(self, wanted: ChargeRequest) -> ChargeRecord:
        """Look it up, with time enough."""
        return self.gateway.lookup(request=wanted, deadline_s=AMPLE_S)

    def void(self, wanted: ChargeRequest) -> ChargeRecord:
        """Void it, with time enough."""
        return self.gateway.void(request=wanted, deadline_s=AMPLE_S)
