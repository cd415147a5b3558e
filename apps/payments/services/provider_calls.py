"""How the provider is asked: never inside a transaction, always through the breaker, never longer than the deadline."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import connections

from apps.payments import domain, gateways
from apps.payments.errors import InsideTransactionError, OutcomeUnknownError
from apps.payments.gateways.port import ChargeRequest, GatewayError, PaymentGateway, RefusedError
from apps.payments.models import Payment
from gdmarket import breaker

_log = logging.getLogger(__name__)

DEPENDENCY = breaker.declare("payments")
_GRACE_S = 2.0

Answer = TypeVar("Answer")
Question = Callable[[PaymentGateway, float], Answer]


def request_of(payment: Payment) -> ChargeRequest:
    """Return what a payment means to charge, as the gateway is asked about it."""
    return ChargeRequest(
        payment_id=payment.id,
        rental_id=payment.rental_id,
        amount=payment.amount,
        currency=payment.currency,
        method=payment.method,
        reference=payment.provider_reference,
    )


def ask(question: Question[Answer], *, charges: bool = False) -> Answer:
    """Put `question` to the gateway with its deadline in seconds, and return what it surely said.

    That the provider can be asked other things does not show that it `charges`: only a charge counts as a success.
    :raises breaker.OpenError: without asking, while the breaker is open
    :raises GatewayError: `NotSentError` or `RefusedError` if surely nothing was done, `NoAnswerError` if nobody knows
    :raises InsideTransactionError: without asking
    """
    refuse_inside_transaction()
    gateway = gateways.current()
    try:
        # Who refuses our words or credentials is at work: nothing for the breaker to count.
        return breaker.of(DEPENDENCY).call(
            lambda: question(gateway, _timeout_s()), counts_as_success=charges, ignored_exceptions=(RefusedError,)
        )
    except GatewayError as failure:
        level = logging.ERROR if isinstance(failure, RefusedError) else logging.WARNING
        _log.log(level, "the payment provider: %s: %s", type(failure).__name__, domain.as_reason(told=failure.reason))
        raise


def ask_again(question: Question[Answer], *, tries: int) -> Answer:
    """Ask as `ask` does, for the `tries`-th time; where nothing certain comes back, say when to ask next.

    :raises OutcomeUnknownError: with `retry_after_s`
    """
    try:
        return ask(question)
    except breaker.OpenError as closed:
        # It may be closed by hand at any moment, and whoever asks too early is told so without the provider's being asked.
        raise not_yet(tries=tries, at_least_s=min(closed.retry_after_s, domain.LONGEST_WAIT_S)) from closed
    except GatewayError as silence:
        raise not_yet(tries=tries, at_least_s=silence.retry_after_s or 0.0) from silence


def not_yet(*, tries: int, at_least_s: float = 0.0) -> OutcomeUnknownError:
    """Return the error that says when to ask for the next time, after `tries` times in vain."""
    return OutcomeUnknownError(retry_after_s=max(domain.wait_s(tries=tries), at_least_s))


def refuse_inside_transaction() -> None:
    """Raise InsideTransactionError if a transaction is open on any database."""
    if any(connection.in_atomic_block for connection in connections.all(initialized_only=True)):
        raise InsideTransactionError


def check_delay() -> timedelta:
    """Return how long after its opening a payment's outcome must be known: the time-out and a little."""
    return timedelta(seconds=_timeout_s() + _GRACE_S)


def closed_for_s() -> float:
    """Return 0.0 while the provider is being asked, else for how many seconds it will not be."""
    return breaker.of(DEPENDENCY).open_for_s()


def accepts_method(*, method: str) -> bool:
    """Say whether the gateway knows the payment method."""
    return gateways.current().accepts(method=method)


def _timeout_s() -> float:
    timeout_ms: int = settings.GDMARKET_PAYMENT_TIMEOUT_MS
    return timeout_ms / 1000
