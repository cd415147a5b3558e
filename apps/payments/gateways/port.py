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


class Standing(StrEnum):
    """What a provider's book says under one key."""

    CHARGED = "charged"
    DECLINED = "declined"
    VOIDED = "voided"
    PROCESSING = "processing"
    NOT_FOUND = "not_found"


class RefundStanding(StrEnum):
    """What became of one refund; a refused one may be asked for again under the same key."""

    REFUNDED = "refunded"
    PROCESSING = "processing"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Intent:
    """What we mean to charge, the same in every call about it: `amount` minor units of `currency`, once for ever under `key`.

    `order` is the rental that it pays for, `method` what the renter pays with; `reference` is the provider's own name for it, once
    it told one.
    """

    key: UUID
    order: UUID
    amount: int
    currency: str
    method: str
    reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What the provider's book holds under one key; sums in minor units, 0 and "" where nothing was charged."""

    standing: Standing
    amount: int = 0
    refunded: int = 0
    currency: str = ""
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundEntry:
    """What became of one refund, and why it was refused, if it was."""

    standing: RefundStanding
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One charge of the provider's own list; `key` is ours, or, where the provider keeps none, `order` the rental it pays for."""

    key: UUID | None
    entry: Entry
    order: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of the provider's list; `cursor` asks for the next one, and is "" on the last."""

    charges: tuple[Listed, ...]
    cursor: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A provider's webhook: something happened to the charge under `key`, or to one for the rental `order`. A hint, never a fact.

    Why it comes twice or late does not matter: it only makes us ask.
    """

    key: UUID | None = None
    order: UUID | None = None


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

    def refusal_of(self, *, intent: Intent) -> Entry | None:
        """Return the decline that an intent gets without the provider being asked, or None where it is asked."""

    def charge(self, *, intent: Intent, deadline_s: float) -> Entry:
        """Take the money once for ever under the intent's key and return the entry: charged, declined, voided, or processing.

        A key that was used before, for another sum too, charges nothing more and returns its entry as it stands.
        """

    def refund(self, *, intent: Intent, refund_key: UUID, amount: int, deadline_s: float) -> RefundEntry:
        """Give `amount` of the charge back, once for ever under `refund_key`, and return what became of that refund."""

    def void(self, *, intent: Intent, deadline_s: float) -> Entry:
        """See to it that nothing will ever be charged under the key, and return the entry: voided, or what it was already.

        An unseen key gets a tombstone, so that a charge still on its way is refused when it arrives; a provider that keeps none
        answers `processing` for as long as that charge could still succeed.
        """

    def lookup(self, *, intent: Intent, deadline_s: float) -> Entry:
        """Return the entry under the key, charging nothing."""

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> Page:
        """Return a page of what was charged in [`since`, `until`) by the provider's clock, each with what was given back of it since."""

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice | None:
        """Return what a webhook is about, or None if it is about no charge; names of `headers` are in lower case.

        :raises WebhookRefusedError: if it is not the provider's, too old, or not to be read
        """
