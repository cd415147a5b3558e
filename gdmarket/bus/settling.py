"""Settle claimed deliveries. Every statement checks the token: a worker whose lease was taken over changes nothing."""

import json
from collections.abc import Sequence
from datetime import timedelta
from random import uniform

from django.db import connections
from django.db.models import QuerySet
from django.db.models.functions import Now

from gdmarket import statements
from gdmarket.bus.claims import Claim
from gdmarket.bus.errors import LeaseLostError
from gdmarket.bus.models import Delivery

MAX_ATTEMPTS = 8
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 300.0
_ERROR_LENGTH = 2000
# All of a claim in one parameter, so that the statement is always the same; with the fence of `_held`.
_ACKNOWLEDGE = "DELETE FROM bus_delivery WHERE id {listed} AND {held}"


def acknowledge(*, claims: Sequence[Claim]) -> None:
    """Delete handled deliveries of one claim, in the handler's transaction, so that effect and deletion commit together.

    :raises LeaseLostError: if another worker holds one of them now; the transaction must be rolled back
    """
    connection, token = connections[claims[0].using], claims[0].token
    is_sqlite, ids = connection.vendor == "sqlite", [claim.id for claim in claims]
    sql = _ACKNOWLEDGE.format(
        listed="IN (SELECT value FROM json_each(%(ids)s))" if is_sqlite else "= ANY(%(ids)s)",
        held="token IS NULL" if token is None else "token = %(token)s",
    )
    given = {"ids": json.dumps(ids) if is_sqlite else ids, "token": token.hex if is_sqlite and token else token}
    with statements.cursor(connection, keeps_plan=True) as cursor:
        cursor.execute(sql, given)
        if cursor.rowcount != len(claims):
            raise LeaseLostError


def release(*, claims: Sequence[Claim]) -> None:
    """Give up the leases of deliveries that were not begun."""
    if claims:
        _held(claims).update(token=None, not_before=Now())


def postpone(*, claims: Sequence[Claim], after_s: float, reason: str) -> None:
    """Postpone deliveries of one claim that did not fail; earlier failures no longer count."""
    _postpone(claims, after_s=after_s, attempts=0, error=reason)


def fail(*, claim: Claim, error: str, after_s: float | None = None) -> bool:
    """Postpone a failed delivery with exponential backoff and full jitter; after `MAX_ATTEMPTS` it is dead. Return whether it is dead."""
    attempts = claim.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        dead_letter(claim=claim, error=error)
        return True
    backoff_s = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**attempts)
    _postpone([claim], after_s=after_s or uniform(0, backoff_s), attempts=attempts, error=error)  # noqa: S311  # no secret
    return False


def dead_letter(*, claim: Claim, error: str) -> None:
    """Mark a delivery as dead: its lane waits behind it for an operator, other lanes go on."""
    _held([claim]).update(token=None, dead=True, attempts=claim.attempts + (not claim.lease_expired), error=_printable(error))


def _postpone(claims: Sequence[Claim], *, after_s: float, attempts: int, error: str) -> None:
    _held(claims).update(token=None, not_before=Now() + timedelta(seconds=after_s), attempts=attempts, error=_printable(error))


def _held(claims: Sequence[Claim]) -> QuerySet[Delivery]:
    # The fence: a worker whose lease was taken over finds another token here, or none. A claim without a lease matches only rows without
    # a token.
    return Delivery.objects.using(claims[0].using).filter(pk__in=[claim.id for claim in claims], token=claims[0].token)


def _printable(error: str) -> str:
    # PostgreSQL stores no NUL in text.
    return error.replace("\0", "�")[:_ERROR_LENGTH]
