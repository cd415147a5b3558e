"""Answers kept for repetitions: whose turn it is to work on a key, and what came of it."""

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

# A turn that is outlived doubles nothing: both tries have one operation id.
LEASE = timedelta(seconds=5)
RETENTION = timedelta(hours=24)
_SALT = "gdmarket.rest.answers"
_CHUNK = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyLease:
    """The right to answer a key for a while; `operation_id` is the same in each turn of one key."""

    key_id: int
    run: UUID
    operation_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResponse:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def scope_of(*, actor: str, method: str, path: str) -> str:
    """Return within what a key is one key: the caller, the method and the path."""
    return hashlib.sha256(f"{actor}\n{method}\n{path}".encode()).hexdigest()


def acquire_lease(*, scope: str, key: str, body: bytes, now: datetime) -> IdempotencyLease | StoredResponse:
    """Return the turn to answer this key, or the answer it has got already.

    :raises RequestInProgressError: if somebody has the turn
    :raises IdempotencyKeyReusedError: if the key came with another body
    """
    digest = salted_hmac(_SALT, body, algorithm="sha256").hexdigest()
    first = _first_lease(scope=scope, key=key, digest=digest, now=now)
    if first is not None:
        return first
    held = IdempotencyKey.objects.filter(scope=scope, key=key).first()
    if held is None or held.created_at <= now - RETENTION:
        return _lease_after_expiry(held, scope=scope, key=key, digest=digest, now=now)
    if not hmac.compare_digest(held.body_digest, digest):
        raise IdempotencyKeyReusedError
    return _stored_response(held) or _take_over(held, now=now)


def store(lease: IdempotencyLease, answer: StoredResponse) -> None:
    """Keep the answer for repetitions, unless somebody else has taken the turn meanwhile."""
    _row_of(lease).update(status=answer.status, headers=dict(answer.headers), body=_cipher().encrypt(answer.body))


def release(lease: IdempotencyLease, *, now: datetime) -> None:
    """Let the next repetition try again at once, with the same operation id."""
    _row_of(lease).update(locked_until=now)


def purge(*, now: datetime, dry_run: bool = False) -> Iterator[int]:
    """Forget keys older than a day, some at a time, and say after each time how many; with `dry_run`, only count them."""
    old = IdempotencyKey.objects.filter(created_at__lte=now - RETENTION)
    if dry_run:
        yield old.count()
        return
    while chunk := list(old.order_by("created_at", "id").values_list("id", flat=True)[:_CHUNK]):
        yield IdempotencyKey.objects.filter(id__in=chunk).delete()[0]


def _first_lease(*, scope: str, key: str, digest: str, now: datetime) -> IdempotencyLease | None:
    try:
        with transaction.atomic():
            made = IdempotencyKey.objects.create(
                scope=scope,
                key=key,
                body_digest=digest,
                operation_id=ids.uuid7(),
                run=ids.uuid7(),
                created_at=now,
                locked_until=now + LEASE,
            )
    except IntegrityError:
        return None
    return IdempotencyLease(key_id=made.id, run=made.run, operation_id=made.operation_id)


def _lease_after_expiry(expired: IdempotencyKey | None, *, scope: str, key: str, digest: str, now: datetime) -> IdempotencyLease:
    if expired is not None:
        IdempotencyKey.objects.filter(id=expired.id).delete()
    lease = _first_lease(scope=scope, key=key, digest=digest, now=now)
    if lease is None:
        raise RequestInProgressError
    return lease


def _take_over(held: IdempotencyKey, *, now: datetime) -> IdempotencyLease:
    """Take the turn of somebody who gave up or died."""
    run = ids.uuid7()
    free = IdempotencyKey.objects.filter(id=held.id, run=held.run, status__isnull=True, locked_until__lte=now)
    if not free.update(run=run, locked_until=now + LEASE):
        raise RequestInProgressError
    return IdempotencyLease(key_id=held.id, run=run, operation_id=held.operation_id)


def _stored_response(held: IdempotencyKey) -> StoredResponse | None:
    if held.status is None or held.body is None:
        return None
    try:
        body = _cipher().decrypt(bytes(held.body))
    except InvalidToken as unreadable:  # the installation's secret was replaced, without a fallback
        raise IdempotencyKeyReusedError from unreadable
    return StoredResponse(status=held.status, headers=held.headers, body=body)


def _row_of(lease: IdempotencyLease) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(id=lease.key_id, run=lease.run, status__isnull=True)


def _cipher() -> MultiFernet:
    """Answers may hold tokens: at rest they are encrypted."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{_SALT}\n{secret}".encode()).digest())) for secret in secrets])
