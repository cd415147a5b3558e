"""What tests of payments do and see in one line."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections, transaction

from apps.payments import facade, queries
from apps.payments.contracts import ChargeRequest, ChargeResult
from apps.payments.events import PaymentApproved, PaymentCheckDue, PaymentDeclined, PaymentPartlyRefunded, PaymentRefunded, RefundRecorded
from apps.payments.models import Payment, Posting, Refund
from apps.payments.services import provider_calls
from gdmarket import breaker, bus, ids
from tests.log import recorded

Answer = TypeVar("Answer")

FACTS = (PaymentApproved, PaymentDeclined, PaymentPartlyRefunded, PaymentRefunded)
PATIENCE_S = 30.0


def charge_request(payment_id: UUID | None = None, **changes: Any) -> ChargeRequest:
    """Return a request for 8,000 won, under a new id unless one is given."""
    key = payment_id or ids.uuid7()
    fields: dict[str, Any] = {"payment_id": key, "rental_id": key, "payer_id": ids.uuid7(), "payee_id": ids.uuid7()}
    return ChargeRequest(**fields | {"amount": 8_000, "currency": "KRW", "method": "pm_ok"} | changes)


def charge(*, now: datetime, **changes: Any) -> ChargeResult:
    """Charge 8,000 won for a new rental."""
    return facade.charge(request=charge_request(**new_attempt() | changes), now=now)


def new_attempt() -> dict[str, UUID]:
    """Return the names of an attempt to pay that nobody has made yet."""
    return {name: ids.uuid7() for name in ("payment_id", "rental_id", "payer_id", "payee_id")}


def facts(*types: type) -> list[str]:
    """Return the names of what payments told, in order."""
    return [type(told.event).__name__ for told in recorded(types or FACTS)]


def reminders() -> list[UUID]:
    """Return the payments that will be checked."""
    return [told.event.payment_id for told in recorded([PaymentCheckDue])]


def recorded_refunds() -> list[UUID]:
    """Return the payments whose refund was set going."""
    return [told.event.payment_id for told in recorded([RefundRecorded])]


def state_of(payment_id: UUID) -> str:
    """Return how a payment stands."""
    return Payment.objects.get(id=payment_id).state


def postings(payment_id: UUID) -> list[tuple[str, int]]:
    """Return why and how much was booked of a payment, by the names of the reasons."""
    return list(Posting.objects.filter(payment=payment_id).order_by("entry", "amount").values_list("entry", "amount"))


def balances() -> dict[str, int]:
    """Return how the ledger stands in won, an account each, what is even left out."""
    return {account: balance for account, currency, balance in queries.list_balances() if balance and currency == "KRW"}


def everything() -> list[Any]:
    """Return all that payments know and told, to see that nothing changed."""
    rows = [list(model.objects.order_by("id").values()) for model in (Payment, Refund, Posting)]
    return [*rows, recorded([*FACTS, PaymentCheckDue, RefundRecorded])]


def publish(event: Any, *, stream: str) -> None:
    """Publish, in a transaction of its own."""
    with transaction.atomic():
        bus.publish(event, stream=stream)


def open_breaker() -> None:
    """Let the breaker refuse for 20 seconds."""

    class AskedToWait(Exception):  # noqa: N818  # it is none of ours
        retry_after_s = 20.0

    def ask_to_wait() -> None:
        raise AskedToWait

    try:
        breaker.of(provider_calls.DEPENDENCY).call(ask_to_wait)
    except AskedToWait:
        return


def at_once(acts: Iterable[Callable[[], Answer]]) -> list[Answer | Exception]:
    """Let each act happen in a thread of its own at one moment; return what came of them, in their order."""
    all_acts = list(acts)
    start = Barrier(len(all_acts))

    def run(act: Callable[[], Answer]) -> Answer | Exception:
        try:
            start.wait(PATIENCE_S)
            return act()
        except Exception as error:  # noqa: BLE001  # what each thread was refused is the answer
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(all_acts)) as threads:
        return list(threads.map(run, all_acts))


def elsewhere(act: Callable[[], Answer]) -> Answer:
    """Let it happen in another thread, on a connection of its own, and wait for it."""
    (answer,) = at_once([act])
    if isinstance(answer, Exception):
        raise answer
    return answer
