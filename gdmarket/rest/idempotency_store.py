"""Stored responses to requests with an `Idempotency-Key`: who may work on a key now, and what was answered."""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from gdmarket import ids
from gdmarket.rest.errors import IdempotencyKeyReusedError, RequestInProgressError
from gdmarket.rest.models import IdempotencyKey

# A request that outlives its lease does nothing twice: the next attempt has the same operation id.
LEASE = timedelta(seconds=5)
RETENTION = timedelta(hours=24)
_SALT = "gdmarket.rest.answers"  # part of the keys of what is stored: never change it
_PURGE_BATCH = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyLease:
    """The right to work on a key for a while; `operation_id` is the same for every lease of one key."""

    key_id: int
    run: UUID
    operation_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResponse:
    """A response to be replayed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def scope_of(*, actor: str, method: str, path: str) -> str:
    """Return the scope in which a key is unique: the caller, the method and the path."""
    return hashlib.sha256(f"{actor}\n{method}\n{path}".encode()).hexdigest()


def acquire_lease(*, scope: str, key: str, body: bytes, now: datetime) -> IdempotencyLease | StoredResponse:
    """Return the lease to work on this key, or its stored response.

    :raises RequestInProgressError: if another request holds the lease
    :raises IdempotencyKeyReusedError: if the key came with another body before
    """
    digest = salted_hmac(_SALT, body, algorithm="sha256").hexdigest()
    lease = _create(scope=scope, key=key, digest=digest, now=now)
    if lease is not None:
        return lease
    row = IdempotencyKey.objects.filter(scope=scope, key=key).first()
    if row is None or row.created_at <= now - RETENTION:
        if row is not None:
            row.delete()
        lease = _create(scope=scope, key=key, digest=digest, now=now)
        if lease is None:
            raise RequestInProgressError
        return lease
    if not hmac.compare_digest(row.body_digest, digest):
        raise IdempotencyKeyReusedError
    return _stored_response(row) or _take_over(row, now=now)


def store(lease: IdempotencyLease, response: StoredResponse) -> None:
    """Store the response, unless another request has taken the lease over."""
    _leased(lease).update(status=response.status, headers=dict(response.headers), body=_cipher().encrypt(response.body))


def release(lease: IdempotencyLease, *, now: datetime) -> None:
    """Let the next request try again at once, with the same operation id."""
    _leased(lease).update(locked_until=now)


def purge(*, now: datetime, dry_run: bool = False) -> Iterator[int]:
    """Delete keys older than a day in batches, and yield the size of each; with `dry_run`, only count them."""
    old = IdempotencyKey.objects.filter(created_at__lte=now - RETENTION)
    if dry_run:
        yield old.count()
        return
    while batch := list(old.order_by("created_at", "id").values_list("id", flat=True)[:_PURGE_BATCH]):
        yield IdempotencyKey.objects.filter(id__in=batch).delete()[0]


def _create(*, scope: str, key: str, digest: str, now: datetime) -> IdempotencyLease | None:
    lease = {"operation_id": ids.uuid7(), "run": ids.uuid7()}
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(scope=scope, key=key, body_digest=digest, created_at=now, locked_until=now + LEASE, **lease)
    except IntegrityError:
        return None
    return IdempotencyLease(key_id=row.id, **lease)


def _take_over(row: IdempotencyKey, *, now: datetime) -> IdempotencyLease:
    """Take the lease of a request that released it or died."""
    run = ids.uuid7()
    free = IdempotencyKey.objects.filter(id=row.id, run=row.run, status__isnull=True, locked_until__lte=now)
    if not free.update(run=run, locked_until=now + LEASE):
        raise RequestInProgressError
    return IdempotencyLease(key_id=row.id, run=run, operation_id=row.operation_id)


def _stored_response(row: IdempotencyKey) -> StoredResponse | None:
    if row.status is None or row.body is None:
        return None
    try:
        body = _cipher().decrypt(bytes(row.body))
    except InvalidToken as unreadable:  # SECRET_KEY was replaced, without a fallback
        raise IdempotencyKeyReusedError from unreadable
    return StoredResponse(status=row.status, headers=row.headers, body=body)


def _leased(lease: IdempotencyLease) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(id=lease.key_id, run=lease.run, status__isnull=True)


def _cipher() -> MultiFernet:
    """Responses may hold tokens: they are encrypted at rest."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{_SALT}\n{secret}".encode()).digest())) for secret in secrets])
