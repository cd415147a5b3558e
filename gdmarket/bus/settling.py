"""What becomes of a delivery in hand. Every change asks for the token: a worker whose lease was taken over can change nothing."""

from collections.abc import Sequence
from datetime import timedelta
from random import uniform

from django.db.models import QuerySet
from django.db.models.functions import Now

from gdmarket.bus.claims import Claim
from gdmarket.bus.errors import LeaseLostError
from gdmarket.bus.models import Delivery

MAX_ATTEMPTS = 8
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 300.0
_ERROR_LENGTH = 2000


def acknowledge(*, claims: Sequence[Claim]) -> None:
    """Delete deliveries of one claim that were handled; called in the handler's transaction, so that effect and deletion are one.

    :raises LeaseLostError: if another worker holds one of them now; the transaction must be rolled back
    """
    deleted, _ = _held(claims).delete()
    if deleted != len(claims):
        raise LeaseLostError


def release(*, claims: Sequence[Claim]) -> None:
    """Give back deliveries that were not tried."""
    if claims:
        _held(claims).update(token=None, not_before=Now())


def postpone(*, claim: Claim, after_s: float, reason: str) -> None:
    """Put a delivery off by the handler's own wish; its earlier failures are forgiven."""
    postpone_all(claims=[claim], after_s=after_s, reason=reason)


def postpone_all(*, claims: Sequence[Claim], after_s: float, reason: str) -> None:
    """Put deliveries of one claim off, by no fault of theirs."""
    _put_off(claims, after_s=after_s, attempts=0, error=reason)


def fail(*, claim: Claim, error: str, after_s: float | None = None) -> bool:
    """Put a failed delivery off, twice as long each time and jittered, or let it be dead after `MAX_ATTEMPTS`; say whether it is dead."""
    attempts = claim.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        dead_letter(claim=claim, error=error)
        return True
    backoff_s = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**attempts)
    _put_off([claim], after_s=after_s or uniform(0, backoff_s), attempts=attempts, error=error)  # noqa: S311  # no secret
    return False


def dead_letter(*, claim: Claim, error: str) -> None:
    """Let a delivery be dead: its lane waits behind it for an operator, other lanes go on."""
    _held([claim]).update(token=None, dead=True, attempts=claim.attempts + (not claim.lease_expired), error=_printable(error))


def _put_off(claims: Sequence[Claim], *, after_s: float, attempts: int, error: str) -> None:
    _held(claims).update(token=None, not_before=Now() + timedelta(seconds=after_s), attempts=attempts, error=_printable(error))


def _held(claims: Sequence[Claim]) -> QuerySet[Delivery]:
    # The fence: whose lease was taken over finds another token here, or none.
    return Delivery.objects.using(claims[0].using).filter(pk__in=[claim.id for claim in claims], token=claims[0].token)


def _printable(error: str) -> str:
    # PostgreSQL keeps no NUL in text.
    return error.replace("\0", "�")[:_ERROR_LENGTH]
