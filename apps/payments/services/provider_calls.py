"""Calls to the payment provider: never inside a transaction, always through the breaker, always with a deadline."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connections

from apps.payments import domain, gateways
from apps.payments.contracts import ChargeRequest
from apps.payments.errors import InsideTransactionError, OutcomeUnknownError
from apps.payments.gateways.port import ChargePage, ChargeRecord, GatewayError, RefundRecord, RefusedError
from gdmarket import breaker

_log = logging.getLogger(__name__)

DEPENDENCY = breaker.declare("payments")
_GRACE_S = 2.0
_LIST_TIMES = 10  # a page of a list is long, and with some providers many requests

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardedGateway:
    """The gateway behind the breaker, with the deadline of GDMARKET_PAYMENT_TIMEOUT_MS; its methods are the port's.

    With `tries`, the number of this attempt from 1, a call without a certain answer raises OutcomeUnknownError, which says when to
    retry. Without `tries` it raises what happened: breaker.OpenError (not called), NotSentError or RefusedError (surely nothing was
    done), NoAnswerError (nobody knows).
    :raises InsideTransactionError: from every method, without calling, inside a database transaction
    """

    tries: int | None = None

    def charge(self, *, request: ChargeRequest) -> ChargeRecord:
        # The only call that closes the breaker: that the provider answers look-ups does not show that it charges.
        return self._call(gateways.current().charge, counts_as_success=True, request=request)

    def refund(self, *, request: ChargeRequest, refund_key: UUID, amount: int) -> RefundRecord:
        return self._call(gateways.current().refund, request=request, refund_key=refund_key, amount=amount)

    def void(self, *, request: ChargeRequest) -> ChargeRecord:
        return self._call(gateways.current().void, request=request)

    def lookup(self, *, request: ChargeRequest) -> ChargeRecord:
        return self._call(gateways.current().lookup, request=request)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str) -> ChargePage:
        return self._call(gateways.current().list_charges, deadlines=_LIST_TIMES, since=since, until=until, cursor=cursor)

    def _call(self, method: Callable[..., Result], *, counts_as_success: bool = False, deadlines: int = 1, **arguments: Any) -> Result:
        refuse_inside_transaction()
        try:
            return breaker.of(DEPENDENCY).call(
                lambda: method(**arguments, deadline_s=deadlines * _timeout_s()),
                counts_as_success=counts_as_success,
                ignored_exceptions=(RefusedError,),  # who refuses our request or credentials is up
            )
        except breaker.OpenError as refused:
            if self.tries is None:
                raise
            # It may be closed by hand at any moment, and a retry that comes too early calls nobody.
            raise not_yet(tries=self.tries, at_least_s=min(refused.retry_after_s, domain.LONGEST_WAIT_S)) from refused
        except GatewayError as failure:
            level = logging.ERROR if isinstance(failure, RefusedError) else logging.WARNING
            _log.log(level, "the payment provider: %s: %s", type(failure).__name__, domain.as_reason(text=failure.reason))
            if self.tries is None:
                raise
            raise not_yet(tries=self.tries, at_least_s=failure.retry_after_s or 0.0) from failure


def not_yet(*, tries: int, at_least_s: float = 0.0) -> OutcomeUnknownError:
    """Return the error that says when to retry, after `tries` calls without an outcome."""
    return OutcomeUnknownError(retry_after_s=max(domain.wait_s(tries=tries), at_least_s))


def refuse_inside_transaction() -> None:
    """Raise InsideTransactionError if a transaction is open on any database."""
    if any(connection.in_atomic_block for connection in connections.all(initialized_only=True)):
        raise InsideTransactionError


def check_delay() -> timedelta:
    """Return how long after its opening a payment's outcome must be known: the time-out and a little more."""
    return timedelta(seconds=_timeout_s() + _GRACE_S)


def _timeout_s() -> float:
    timeout_ms: int = settings.GDMARKET_PAYMENT_TIMEOUT_MS
    return timeout_ms / 1000
