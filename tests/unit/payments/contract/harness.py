"""The contract that every adapter keeps, and what it takes to put one to the proof.

An adapter joins by a `AdapterHarness` of its own: the gateway, connected to a provider that the harness can look into and hurt, named in
`conftest.HARNESSES`. Every test of this folder then runs for it. What a provider cannot do stands in its harness's `unsupported`; the tests
that need it are not collected for it, and `test_lacks.py` holds the list, so that nothing is left out unseen.
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
    """What a harness may lack."""

    WIRE = auto()  # it is reached over sockets: `hurt`, `heal`, `go_down`
    WEBHOOKS = auto()  # it signs webhooks: `notice`, `sign`
    TOMBSTONES = auto()  # a key that was voided unseen can never be charged
    OWN_KEYS = auto()  # its list tells our keys
    KEYS_ALONE = auto()  # a key alone names a charge, whatever sum or method is sent with it
    FRESH_REPLAYS = auto()  # a charge again under its key tells how it stands by now, and not what it was answered first
    SANDBOX_METHODS = auto()  # it knows pm_lost, pm_error, pm_slow and pm_down


class UnsupportedFeatureError(AssertionError):
    """A test asked a harness for what its provider unsupported, without saying that it needs it."""


class AdapterHarness(ABC):
    """A gateway and its provider. Sums are won, and the good and the bad method are the provider's own."""

    unsupported: ClassVar[frozenset[Feature]] = frozenset()
    good_method: ClassVar[str] = "pm_ok"
    bad_method: ClassVar[str] = "pm_declined"
    page: ClassVar[int] = 100  # how many charges a page of its list holds

    gateway: PaymentGateway

    @abstractmethod
    def book(self, key: UUID) -> ChargeRecord:
        """Return what the provider's book truly says under a key, read behind the adapter's back."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the time by the provider's clock."""

    @abstractmethod
    def close(self) -> None:
        """Leave the provider healthy and no connection open."""

    def inject_fault(self, do: str, *, call: str, **details: Any) -> None:
        """Let this go wrong at every such call until `heal`; names as in `fake/faults.py`, `times` in `details` may bound it."""
        raise UnsupportedFeatureError(type(self).__name__)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more, and connections be taken."""
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
        """Return what is asked for: 8,000 won under a new key."""
        return charge_request(**{"method": self.good_method} | changes)

    def written(self, wanted: ChargeRequest) -> ChargeRecord:
        """Return what the provider's book says, once it says anything: a caller who gave up may be ahead of it."""
        ends_at = time.monotonic() + AMPLE_S
        while (record := self.book(wanted.payment_id)).status is ChargeStatus.NOT_FOUND and time.monotonic() < ends_at:
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
