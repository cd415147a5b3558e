"""The port to a payment provider: what it must be able to do, and the only ways in which it may answer or fail to.

Every call carries a key of ours and is idempotent by it. A call either returns what the provider surely said, or raises one of
three errors: `NotSentError` (it surely never got there), `RefusedError` (it got there and surely did nothing) or `NoAnswerError`
(it may have done what was asked, and nobody knows).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from apps.payments.contracts import ChargeRequest


class ChargeStatus(StrEnum):
    """What a provider's book says under one key."""

    CHARGED = "charged"
    DECLINED = "declined"
    VOIDED = "voided"
    PROCESSING = "processing"
    NOT_FOUND = "not_found"


class RefundStatus(StrEnum):
    """What became of one refund; a refused one may be asked for again under the same key."""

    REFUNDED = "refunded"
    PROCESSING = "processing"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChargeRecord:
    """What the provider's book holds under one key; sums in minor units, 0 and "" where nothing was charged."""

    status: ChargeStatus
    amount: int = 0
    refunded: int = 0
    currency: str = ""
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundRecord:
    """What became of one refund, and why it was refused, if it was."""

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

    Why it comes twice or late does not matter: it only makes us ask.
    """

    payment_id: UUID | None = None
    rental_id: UUID | None = None


class GatewayError(Exception):
    """The provider gave no certain answer; `retry_after_s` is its own wish, if it told one."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        self.reason = reason
        self.retry_after_s = retry_after_s
        super().__init__(reason)


class NotSentError(GatewayError):
    """The call surely never reached the provider: refused connection, unknown host."""


class RefusedError(GatewayError):
    """The provider surely did nothing: it knows no such call, or not us. It works; our settings do not."""


class NoAnswerError(GatewayError):
    """The call may have reached the provider: time-out or reset after bytes went out, 5xx, an answer nobody can read."""


class PaymentGateway(Protocol):
    """A payment provider. Never called inside a database transaction; every call ends within its deadline."""

    def accepts(self, *, method: str) -> bool:
        """Say whether `method` can be a payment method of this provider, without asking it."""

    def preflight_decline(self, *, request: ChargeRequest) -> ChargeRecord | None:
        """Return the decline that an request gets without the provider being asked, or None where it is asked."""

    def charge(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Take the money once for ever under the request's key and return the record: charged, declined, voided, or processing.

        A key that was used before, for another sum too, charges nothing more and returns its record as it stands.
        """

    def refund(self, *, request: ChargeRequest, refund_key: UUID, amount: int, deadline_s: float) -> RefundRecord:
        """Give `amount` of the charge back, once for ever under `refund_key`, and return what became of that refund."""

    def void(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """See to it that nothing will ever be charged under the key, and return the record: voided, or what it was already.

        An unseen key gets a tombstone, so that a charge still on its way is refused when it arrives; a provider that keeps none
        answers `processing` for as long as that charge could still succeed.
        """

    def lookup(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Return the record under the key, charging nothing."""

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> ChargePage:
        """Return a page of what was charged in [`since`, `until`) by the provider's clock, each with what was given back of it since."""

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        """Return what a webhook is about, or None if it is about no charge; names of `headers` are in lower case.

        :raises WebhookRefusedError: if it is not the provider's, too old, or not to be read
        """
