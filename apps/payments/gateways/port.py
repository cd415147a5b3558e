"""The port to a payment provider: what an adapter must do, and the only ways in which a call may end.

Every call carries a key of ours and is idempotent by it. A call returns what the provider certainly answered, or raises one of three
errors: `NotSentError` (it certainly never arrived), `RefusedError` (it arrived and certainly did nothing) or `NoAnswerError` (it may
have been performed, and nobody knows).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.domain import Span

Amounts = Mapping[str, Span]
NO_LIMITS: Amounts = {}


class ChargeStatus(StrEnum):
    """How a charge stands at the provider."""

    CHARGED = "charged"
    DECLINED = "declined"
    VOIDED = "voided"
    PROCESSING = "processing"
    NOT_FOUND = "not_found"


class RefundStatus(StrEnum):
    """How a refund stands at the provider; a refused one may be requested again under the same key."""

    REFUNDED = "refunded"
    PROCESSING = "processing"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChargeRecord:
    """What the provider recorded under one key; sums in minor units, 0 and "" where nothing was charged."""

    status: ChargeStatus
    amount: int = 0
    refunded: int = 0
    currency: str = ""
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRecord:
    """A refund as the provider recorded it; `reason` says why it was refused, if it was."""

    status: RefundStatus
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedCharge:
    """One charge of the provider's own list; where the provider keeps no key of ours, only `rental_id` is known."""

    payment_id: UUID | None
    record: ChargeRecord
    rental_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChargePage:
    """A page of the provider's list; `cursor` asks for the next one, and is "" on the last."""

    charges: tuple[ListedCharge, ...]
    cursor: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookHint:
    """A provider's webhook: something happened to the charge `payment_id`, or to one for `rental_id`. A hint, never a fact.

    It may come twice or late: it only causes a look-up.
    """

    payment_id: UUID | None = None
    rental_id: UUID | None = None


class GatewayError(Exception):
    """The provider gave no certain answer; `retry_after_s` is its Retry-After, if it sent one."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        self.reason = reason
        self.retry_after_s = retry_after_s
        super().__init__(reason)


class NotSentError(GatewayError):
    """The call certainly never reached the provider: connection refused, unknown host."""


class RefusedError(GatewayError):
    """The provider certainly did nothing: it rejected the call or our credentials. It is up; our settings are wrong."""


class NoAnswerError(GatewayError):
    """The call may have reached the provider: a timeout or reset after bytes were sent, a 5xx, an unreadable response."""


class PaymentGateway(Protocol):
    """A payment provider. Never called inside a database transaction; every call ends within its deadline.

    `amounts` are the sums of each currency that the provider documents; what is not named there it refuses itself, if at all.
    """

    amounts: Amounts

    def accepts(self, *, method: str) -> bool:
        """Say whether `method` can be a payment method of this provider, without calling it."""

    def preflight_decline(self, *, request: ChargeRequest) -> ChargeRecord | None:
        """Return the decline that a request gets without a call to the provider, or None."""

    def charge(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Charge once for ever under the request's `payment_id` and return the record: charged, declined, voided, or processing.

        A key that was used before, for another sum too, charges nothing more and returns its record as it stands.
        """

    def refund(self, *, request: ChargeRequest, refund_key: UUID, amount: int, deadline_s: float) -> RefundRecord:
        """Refund `amount` of the charge, once for ever under `refund_key`, and return the refund's record."""

    def void(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Make sure that nothing will ever be charged under the key, and return the record: voided, or what it was already.

        An unseen key gets a tombstone, so that a charge still on its way is refused when it arrives; a provider that keeps none
        answers `processing` for as long as that charge could still succeed.
        """

    def lookup(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Return the record under the key, charging nothing."""

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> ChargePage:
        """Return a page of the charges made in [`since`, `until`) by the provider's clock, each with what was refunded since."""

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        """Return what a webhook is about, or None if it is about no charge; names of `headers` are in lower case.

        :raises WebhookRefusedError: if it is not the provider's, too old, or unreadable
        """
