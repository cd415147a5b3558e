"""How the provider is asked: never inside a transaction, always through the breaker, never longer than the deadline."""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connections

from apps.payments import domain, gateways
from apps.payments.errors import InsideTransactionError, OutcomeUnknownError
from apps.payments.gateways.port import Entry, GatewayError, PaymentGateway
from gdmarket import breaker

DEPENDENCY = "payments"
_GRACE_S = 2.0

Question = Callable[[PaymentGateway, float], Entry]


def ask(question: Question) -> Entry:
    """Put `question` to the gateway with its deadline in seconds, and return what it surely said.

    :raises breaker.OpenError: without asking, while the breaker is open
    :raises GatewayError: if nothing certain came back: `NotSentError`, `NoAnswerError`
    :raises InsideTransactionError: without asking
    """
    refuse_inside_transaction()
    gateway = gateways.current()
    return breaker.of(DEPENDENCY).call(lambda: question(gateway, _timeout_s()))


def ask_again(question: Question, *, tries: int) -> Entry:
    """Ask as `ask` does, for the `tries`-th time; where nothing certain comes back, say when to ask next.

    :raises OutcomeUnknownError: with `retry_after_s`
    """
    try:
        return ask(question)
    except (breaker.OpenError, GatewayError) as silence:
        wait_s = max(domain.wait_s(tries=tries), silence.retry_after_s or 0.0)
        raise OutcomeUnknownError(retry_after_s=wait_s) from silence


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
