"""What the fake provider and its customers say to each other: JSON, every field always there, sums in minor units."""

import hashlib
import hmac
from typing import Annotated, Any, Self
from uuid import UUID

from msgspec import Meta, Struct

from apps.payments.gateways.port import Entry, RefundEntry, RefundStanding, Standing

SIGNATURE = "fake-signature"

Sum = Annotated[int, Meta(ge=0)]


def digest(*, body: bytes, secret: str, at: int) -> str:
    """Return what signs a webhook that is sent at a Unix time, as `Fake-Signature: t=<time>,v1=<digest>`."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


class ChargeAsked(Struct, frozen=True, kw_only=True):
    """What is to be charged under the key in the path."""

    order: UUID
    amount: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    method: str


class RefundAsked(Struct, frozen=True, kw_only=True):
    """What is to be given back under the refund key in the path."""

    amount: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class EntryTold(Struct, frozen=True, kw_only=True):
    """The entry under a key."""

    key: UUID
    standing: Standing
    amount: Sum
    refunded: Sum
    currency: str
    reference: str
    reason: str

    @classmethod
    def of(cls, *, key: UUID, entry: Entry) -> Self:
        """Return what is told of an entry."""
        return cls(key=key, **_fields(entry))

    def entry(self) -> Entry:
        """Return the entry that was told of."""
        return Entry(**{name: getattr(self, name) for name in _names(Entry)})


class RefundTold(Struct, frozen=True, kw_only=True):
    """What became of a refund."""

    refund_key: UUID
    standing: RefundStanding
    reference: str
    reason: str

    @classmethod
    def of(cls, *, refund_key: UUID, entry: RefundEntry) -> Self:
        """Return what is told of a refund."""
        return cls(refund_key=refund_key, **_fields(entry))

    def entry(self) -> RefundEntry:
        """Return the refund that was told of."""
        return RefundEntry(**{name: getattr(self, name) for name in _names(RefundEntry)})


class ChargesTold(Struct, frozen=True, kw_only=True):
    """A page of charges; `cursor` asks for the next one, "" on the last."""

    charges: list[EntryTold]
    cursor: str


class NoticeTold(Struct, frozen=True, kw_only=True):
    """A webhook: what happened, under which key."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    happened: str
    key: UUID


def _names(shape: type[Any]) -> tuple[str, ...]:
    return tuple(shape.__dataclass_fields__)


def _fields(entry: Entry | RefundEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _names(type(entry))}
