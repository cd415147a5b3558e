"""Stored responses to requests with an `Idempotency-Key`: who may work on a key now, and what was answered."""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction
from django.db.models import BigIntegerField, QuerySet, UUIDField
from django.utils.crypto import salted_hmac

from gdmarket import ids
from gdmarket.prepared import Param
from gdmarket.prepared_writes import PreparedInsert, PreparedUpdate
from gdmarket.rest.errors import IdempotencyKeyReusedError, RequestInProgressError
from gdmarket.rest.models import IdempotencyKey

# A request that outlives its lease does nothing twice: the next attempt has the same operation id.
LEASE = timedelta(seconds=5)
RETENTION = timedelta(hours=24)
MAX_STORED_BYTES = 64 * 1024
# A caller's older keys are deleted: enough for the repetitions of half a minute at the highest rate.
KEYS_OF_ONE_CALLER = 2000
_SALT = "gdmarket.rest.answers"  # part of the keys of what is stored: never change it
_PURGE_BATCH = 1000
_EVICT_EVERY = 50  # keys
_INSERT = PreparedInsert(IdempotencyKey, unless_taken=True)
_STORE = PreparedUpdate(
    IdempotencyKey.objects.filter(id=Param("key_id", BigIntegerField()), run=Param("its_run", UUIDField()), status__isnull=True),
    "status", "headers", "body",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyLease:
    """The right to work on a key for a while; `operation_id` is the same for every lease of one key."""

    key_id: int
    owner: str
    run: UUID
    operation_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResponse:
    """A response to be replayed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def scope_of(*, actor: str | None, method: str, path: str, body: bytes) -> str:
    """Return the scope in which a key is unique: the caller, the method and the path.

    Callers who have not signed in (None) are told apart by their bodies, which hold what only they know: a password or a token. So a key
    that a stranger used before never collides.
    """
    caller = f"anonymous {_digest_of(body)}" if actor is None else actor
    return hashlib.sha256(f"{caller}\n{method}\n{path}".encode()).hexdigest()


def owner_of(*, actor: str | None, network: str) -> str:
    """Return the digest of a caller, by which keys are bounded: of the person, or of the network of somebody who has not signed in."""
    return salted_hmac(_SALT, f"person {actor}" if actor else f"network {network}", algorithm="sha256").hexdigest()


def acquire_lease(*, scope: str, key: str, body: bytes, owner: str, now: datetime) -> IdempotencyLease | StoredResponse:
    """Return the lease to work on this key, or its stored response.

    :raises RequestInProgressError: if another request holds the lease
    :raises IdempotencyKeyReusedError: if the key came with another body before
    """
    digest = _digest_of(body)
    lease = _create(scope=scope, key=key, digest=digest, owner=owner, now=now)
    if lease is not None:
        return lease
    row = IdempotencyKey.objects.filter(scope=scope, key=key).first()
    if row is None or row.created_at <= now - RETENTION:
        if row is not None:
            row.delete()
        lease = _create(scope=scope, key=key, digest=digest, owner=owner, now=now)
        if lease is None:
            raise RequestInProgressError
        return lease
    if not hmac.compare_digest(row.body_digest, digest):
        raise IdempotencyKeyReusedError
    return _stored_response(row) or _take_over(row, now=now)


def store(lease: IdempotencyLease, response: StoredResponse) -> None:
    """Store the response, unless another request has taken the lease over."""
    body = _cipher().encrypt(response.body)
    _STORE.run(key_id=lease.key_id, its_run=lease.run, status=response.status, headers=dict(response.headers), body=body)


def release(lease: IdempotencyLease, *, now: datetime) -> None:
    """Let the next request try again at once, with the same operation id."""
    _leased(lease).update(locked_until=now)


def delete(lease: IdempotencyLease) -> None:
    """Delete the key, after a request that did nothing: the next one is a first one."""
    _leased(lease).delete()


def evict_surplus(lease: IdempotencyLease, *, now: datetime) -> None:
    """After every 50th key, delete some that have expired, and the oldest of this caller beyond `KEYS_OF_ONE_CALLER`."""
    if lease.key_id % _EVICT_EVERY:
        return
    _delete_batch(IdempotencyKey.objects.filter(created_at__lte=now - RETENTION))
    own = IdempotencyKey.objects.filter(owner=lease.owner)
    last_to_go = own.order_by("-id").values_list("id", flat=True)[KEYS_OF_ONE_CALLER : KEYS_OF_ONE_CALLER + 1].first()
    if last_to_go is not None:
        _delete_batch(own.filter(id__lte=last_to_go))


def purge(*, now: datetime, dry_run: bool = False) -> Iterator[int]:
    """Delete keys older than a day in batches, and yield the size of each; with `dry_run`, only count them."""
    old = IdempotencyKey.objects.filter(created_at__lte=now - RETENTION)
    if dry_run:
        yield old.count()
        return
    while deleted := _delete_batch(old):
        yield deleted


def _delete_batch(rows: QuerySet[IdempotencyKey]) -> int:
    """Delete the oldest of these rows, but those that another process is deleting; return how many."""
    with transaction.atomic():
        batch = list(rows.order_by("id").select_for_update(skip_locked=True).values_list("id", flat=True)[:_PURGE_BATCH])
        return IdempotencyKey.objects.filter(id__in=batch).delete()[0] if batch else 0


def _create(*, scope: str, key: str, digest: str, owner: str, now: datetime) -> IdempotencyLease | None:
    lease: dict[str, Any] = {"owner": owner, "operation_id": ids.uuid7(), "run": ids.uuid7()}
    row = IdempotencyKey(scope=scope, key=key, body_digest=digest, created_at=now, locked_until=now + LEASE, **lease)
    return IdempotencyLease(key_id=row.id, **lease) if _INSERT.run(row) else None


def _take_over(row: IdempotencyKey, *, now: datetime) -> IdempotencyLease:
    """Take the lease of a request that released it or died."""
    run = ids.uuid7()
    free = IdempotencyKey.objects.filter(id=row.id, run=row.run, status__isnull=True, locked_until__lte=now)
    if not free.update(run=run, locked_until=now + LEASE):
        raise RequestInProgressError
    return IdempotencyLease(key_id=row.id, owner=row.owner, run=run, operation_id=row.operation_id)


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


def _digest_of(body: bytes) -> str:
    return salted_hmac(_SALT, body, algorithm="sha256").hexdigest()


def _cipher() -> MultiFernet:
    """Responses may hold tokens: they are encrypted at rest."""
    return _cipher_of(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=1)
def _cipher_of(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{_SALT}\n{secret}".encode()).digest())) for secret in secrets])
