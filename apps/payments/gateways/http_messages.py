"""The messages of the HTTP gateway and the payment simulator: JSON, every field always present, sums in minor units."""

import hashlib
import hmac
from dataclasses import asdict
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct, convert

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, RefundRecord, RefundStatus

SIGNATURE = "fake-signature"

Sum = Annotated[int, Meta(ge=0)]


def digest(*, body: bytes, secret: str, at: int) -> str:
    """Return what signs a webhook that is sent at a Unix time, as `Fake-Signature: t=<time>,v1=<digest>`."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


class ChargeRequestBody(Struct, frozen=True, kw_only=True):
    """What is to be charged under the key in the path."""

    order: UUID
    amount: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    method: str


class RefundRequestBody(Struct, frozen=True, kw_only=True):
    """What is to be refunded under the refund key in the path."""

    amount: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class ChargeResponse(Struct, frozen=True, kw_only=True):
    """The record under a key."""

    key: UUID
    status: ChargeStatus
    amount: Sum
    refunded: Sum
    currency: str
    reference: str
    reason: str

    @classmethod
    def of(cls, *, key: UUID, record: ChargeRecord) -> Self:
        """Return the message for a record."""
        return cls(key=key, **asdict(record))

    def record(self) -> ChargeRecord:
        """Return the record in the message."""
        return convert(self, ChargeRecord, from_attributes=True)


class RefundResponse(Struct, frozen=True, kw_only=True):
    """What became of a refund."""

    refund_key: UUID
    status: RefundStatus
    reference: str
    reason: str

    @classmethod
    def of(cls, *, refund_key: UUID, record: RefundRecord) -> Self:
        """Return the message for a refund."""
        return cls(refund_key=refund_key, **asdict(record))

    def record(self) -> RefundRecord:
        """Return the refund in the message."""
        return convert(self, RefundRecord, from_attributes=True)


class ChargeListResponse(Struct, frozen=True, kw_only=True):
    """A page of charges; `cursor` asks for the next one, "" on the last."""

    charges: list[ChargeResponse]
    cursor: str


class WebhookBody(Struct, frozen=True, kw_only=True):
    """A webhook: what happened, under which key."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    happened: str
    key: UUID
