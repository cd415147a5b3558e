"""Actions and assertions of the payments' tests, one line each."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections, transaction

from apps.payments import facade, queries
from apps.payments.contracts import ChargeRequest, ChargeResult
from apps.payments.events import (
    PaymentApproved,
    PaymentCheckDue,
    PaymentDeclined,
    PaymentNotSent,
    PaymentPartlyRefunded,
    PaymentRefunded,
    RefundRecorded,
)
from apps.payments.gateways.port import NoAnswerError
from apps.payments.models import Payment, Posting, Refund
from apps.payments.services import provider_calls, refunding
from gdmarket import breaker, bus, ids
from tests.log import recorded

Result = TypeVar("Result")

FACTS = (PaymentApproved, PaymentDeclined, PaymentNotSent, PaymentPartlyRefunded, PaymentRefunded)
PATIENCE_S = 30.0
OPERATOR = ids.uuid7()


def charge_request(payment_id: UUID | None = None, **changes: Any) -> ChargeRequest:
    """Return a request for 8,000 won, under a new id unless one is given."""
    key = payment_id or ids.uuid7()
    fields: dict[str, Any] = {"payment_id": key, "rental_id": key, "payer_id": ids.uuid7(), "payee_id": ids.uuid7()}
    return ChargeRequest(**fields | {"amount": 8_000, "currency": "KRW", "method": "pm_ok"} | changes)


def charge(*, now: datetime, **changes: Any) -> ChargeResult:
    """Charge 8,000 won for a new rental."""
    return facade.charge(request=charge_request(**new_attempt() | changes), now=now)


def new_attempt() -> dict[str, UUID]:
    """Return the ids of a new attempt to pay."""
    return {name: ids.uuid7() for name in ("payment_id", "rental_id", "payer_id", "payee_id", "item_id")}


def facts() -> list[str]:
    """Return the names of the published facts about payments, in order."""
    return [type(row.event).__name__ for row in recorded(FACTS)]


def scheduled_checks() -> list[UUID]:
    """Return the payments that have a timer."""
    return [row.event.payment_id for row in recorded([PaymentCheckDue])]


def give_back(*, payment_id: UUID, amount: int, refund_id: UUID | None = None, now: datetime, **wishes: Any) -> Refund:
    """Record that an operator gives a part of a payment back."""
    stated: Any = {"reason": "it was late", "by": OPERATOR}
    return refunding.refund_payment(refund_id=refund_id or ids.uuid7(), payment_id=payment_id, amount=amount, now=now, **stated, **wishes)


def recorded_refunds() -> list[UUID]:
    """Return the payments of which a refund was recorded."""
    return [row.event.payment_id for row in recorded([RefundRecorded])]


def state_of(payment_id: UUID) -> str:
    return Payment.objects.get(id=payment_id).state


def postings(payment_id: UUID) -> list[tuple[str, int]]:
    """Return the ledger's postings of a payment: entry and amount, ordered by entry."""
    return list(Posting.objects.filter(payment=payment_id).order_by("entry", "amount").values_list("entry", "amount"))


def balances() -> dict[str, int]:
    """Return the ledger's balances in won that are not 0, by account."""
    return {account: balance for account, currency, balance in queries.list_balances() if balance and currency == "KRW"}


def everything() -> list[Any]:
    """Return every row and every event of payments, to assert that nothing changed."""
    rows = [list(model.objects.order_by("id").values()) for model in (Payment, Refund, Posting)]
    return [*rows, recorded([*FACTS, PaymentCheckDue, RefundRecorded])]


def publish(event: Any, *, stream: str) -> None:
    """Publish in its own transaction."""
    with transaction.atomic():
        bus.publish(event, stream=stream)


def open_breaker() -> None:
    """Open the breaker for 20 seconds, as a Retry-After does."""

    def fail() -> None:
        raise NoAnswerError("busy", retry_after_s=20.0)

    with suppress(NoAnswerError):
        breaker.of(provider_calls.DEPENDENCY).call(fail)


def concurrently(calls: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
    """Make the calls at one moment, each in its own thread; return their results or errors, in their order."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result | Exception:
        try:
            start.wait(PATIENCE_S)
            return call()
        except Exception as error:  # noqa: BLE001  # the error is the result
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(calls)) as threads:
        return list(threads.map(run, calls))


def in_another_thread(call: Callable[[], Result]) -> Result:
    """Make the call in another thread, with its own connections, and wait for it."""
    (result,) = concurrently([call])
    if isinstance(result, Exception):
        raise result
    return result
