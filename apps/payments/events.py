"""What payments tells the others, and what it reminds itself of."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class _PaymentFact:
    """A payment as it stands after the fact; `amount` and `refunded` in minor units of `currency`."""

    payment_id: UUID
    rental_id: UUID
    payer_id: UUID
    amount: int
    refunded: int
    currency: str
    state: str
    reason: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentApproved(_PaymentFact):
    """The provider took the money."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentDeclined(_PaymentFact):
    """The attempt paid for nothing, surely: the provider declined (`state` declined) or was never asked (`not_sent`).

    Sent as declined also when the charge went back to the payer before we knew of it, or pays for another attempt: `reason` tells.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentPartlyRefunded(_PaymentFact):
    """The provider gave a part of the money back; the payment stands. Not sent for the part that completes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentRefunded(_PaymentFact):
    """The provider gave the money back in full, be it in parts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentCheckDue:
    """A timer: by now this payment's outcome should be known; whoever hears it asks the provider when it is not."""

    payment_id: UUID
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentNoticed:
    """The provider's webhook says that something happened to this payment; whoever hears it asks the provider what."""

    payment_id: UUID
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRecorded:
    """A refund was written down and the provider must now be asked for it, until it answers."""

    refund_id: UUID
    payment_id: UUID
    occurred_at: datetime
