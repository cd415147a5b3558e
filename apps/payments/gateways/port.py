"""The port to a payment provider: what it must be able to do, and the only ways in which it may answer or fail to.

Every call carries a key of ours and is idempotent by it. A call either returns what the provider surely said, or raises one of
two errors: `NotSentError` (it surely never got there) or `NoAnswerError` (it may have, and nobody knows what came of it).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Standing(StrEnum):
    """What a provider's book says under one key."""

    CHARGED = "charged"
    DECLINED = "declined"
    VOIDED = "voided"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What the provider's book holds under one key; sums in minor units, 0 and "" where nothing was charged."""

    standing: Standing
    amount: int = 0
    refunded: int = 0
    currency: str = ""
    reference: str = ""
    reason: str = ""


class GatewayError(Exception):
    """The provider gave no certain answer; `retry_after_s` is its own wish, if it told one."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        self.reason = reason
        self.retry_after_s = retry_after_s
        super().__init__(reason)


class NotSentError(GatewayError):
    """The call surely never reached the provider: refused connection, unknown host."""


class NoAnswerError(GatewayError):
    """The call may have reached the provider: time-out or reset after bytes went out, 5xx, an answer nobody can read."""


class PaymentGateway(Protocol):
    """A payment provider. Never called inside a database transaction; every call ends within its deadline."""

    def accepts(self, *, method: str) -> bool:
        """Say whether `method` is a payment method this provider knows, without asking it."""

    def charge(self, *, key: UUID, amount: int, currency: str, method: str, deadline_s: float) -> Entry:
        """Take the money once for ever under `key` and return the entry: charged, declined, or voided before it came.

        A key that was used before, for another sum too, charges nothing more and returns its entry as it stands.
        """

    def refund(self, *, key: UUID, refund_key: UUID, amount: int, deadline_s: float) -> Entry:
        """Give `amount` of the charge `key` back, once for ever under `refund_key`, and return the entry after it.

        An entry whose `refunded` did not reach `amount` means that the provider refused; `reason` tells why.
        """

    def void(self, *, key: UUID, deadline_s: float) -> Entry:
        """See to it that nothing will ever be charged under `key`, and return the entry: voided, or what it was already.

        An unseen key gets a tombstone, so that a charge still on its way is refused when it arrives.
        """

    def lookup(self, *, key: UUID, deadline_s: float) -> Entry:
        """Return the entry under `key`, changing nothing."""
