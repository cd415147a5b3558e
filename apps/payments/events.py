"""The facts that payments publishes, and the timers and hints that it sends itself."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.payments.contracts import PaymentSnapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentApproved(PaymentSnapshot):
    """The provider took the money."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentDeclined(PaymentSnapshot):
    """The provider declined: the attempt certainly paid for nothing. Not sent if the provider was never called: see `PaymentNotSent`.

    Also sent when the charge was refunded before we knew of it, or pays for another attempt: see `reason`. Logs of earlier versions hold
    some with the `state` not_sent.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentNotSent(PaymentSnapshot):
    """The attempt never reached the provider, or did nothing there: nobody declined anything.

    `provider_failed` says whether it was the provider that could not be reached, and not our request that it refused.
    """

    provider_failed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _PaymentRefundFact(PaymentSnapshot):
    """A refund was made. `refund_amount` minor units were given back by it, 0 in facts stored before it was told.

    `stated_by` is `operator` where one gave it back of their own accord, and `stated_reason` says why; `reason` is the charge's own.
    """

    refund_amount: int = 0
    stated_by: str = ""
    stated_reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentPartlyRefunded(_PaymentRefundFact):
    """The provider refunded a part; the payment stands. Not sent for the part that completes the refund."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentRefunded(_PaymentRefundFact):
    """The provider refunded the payment in full, be it in parts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentCheckDue:
    """A timer: by now the payment's outcome should be known; the subscriber looks it up if it is not."""

    payment_id: UUID
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentNoticed:
    """A webhook says that something happened to the payment; the subscriber looks it up at the provider."""

    payment_id: UUID
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FullRefundRecorded:
    """An operator's refund was recorded, and with it all of the payment is to go back. Sent before the provider is asked."""

    payment_id: UUID
    rental_id: UUID
    stated_by: str
    stated_reason: str
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRecorded:
    """A refund was recorded and must be requested from the provider until it answers."""

    refund_id: UUID
    payment_id: UUID
    occurred_at: datetime
