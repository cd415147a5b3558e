"""The outcome of a payment settles the rental once, by the answer of the charge or by the event, whichever comes first."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from pytest_django import Settings

from apps.items.services import register_item
from apps.payments import facade as payments
from apps.payments.contracts import ChargeRequest
from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentNotSent
from apps.payments.gateways.port import NotSentError
from apps.rentals import handlers
from apps.rentals.domain import RentalState
from apps.rentals.errors import WrongStateError
from apps.rentals.events import RentalPaid, RentalPaymentFailed
from apps.rentals.models import Rental
from apps.rentals.services import paying, requesting
from gdmarket import breaker, bus, clock, databases, ids
from gdmarket.breaker import store
from gdmarket.bus import fast_path
from gdmarket.bus.models import Event
from gdmarket.errors import DomainError
from tests.log import recorded
from tests.unit.payments.fake_gateway import in_use

pytestmark = pytest.mark.django_db(transaction=True)

DISPATCH = ("inline", "thread", "off")


@pytest.fixture
def rental() -> Rental:
    breaker.reset()
    now = clock.now()
    item = register_item(
        item_id=ids.uuid7(), manager_id=ids.uuid7(), name="drill", category="tools", daily_price=8_000, latitude=37.5, longitude=127.0,
        place="Seoul", now=now,
    )  # fmt: skip
    bus.run_until_idle()
    tomorrow = now + timedelta(days=1)
    return requesting.request_rental(rental_id=ids.uuid7(), item_id=item.id, renter_id=ids.uuid7(), starts_at=tomorrow, now=now)


@pytest.fixture
def updates(rental: Rental) -> Iterator[list[str]]:
    """Return the threads that update rentals from here on, one for each UPDATE."""
    found: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith('UPDATE "rentals_rental"'):
            found.append(threading.current_thread().name)
        return execute(sql, params, many, context)

    def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
        connection.execute_wrappers.append(note)

    connection_created.connect(watch)
    with ExitStack() as stack:
        for alias in databases.aliases():
            stack.enter_context(connections[alias].execute_wrapper(note))
        yield found
    connection_created.disconnect(watch)


def pay(rental: Rental, *, method: str) -> None:
    with suppress(DomainError):
        paying.pay_rental(rental_id=rental.id, by=rental.renter_id, method=method, operation_id=ids.uuid7(), now=clock.now())


def deliver_everything() -> None:
    if worker := fast_path._background._worker:
        worker.join(30)
    bus.run_until_idle()


def facts_of(rental: Rental) -> list[Event]:
    """Return the rental's facts after RentalRequested, in order."""
    log = Event.objects.using(databases.alias_for("rentals"))
    return list(log.filter(stream=f"rental:{rental.id}", version__gt=1).order_by("version"))


@pytest.mark.parametrize("dispatch", DISPATCH)
@pytest.mark.parametrize(
    ("method", "settled", "state"),
    [("pm_ok", RentalPaid, "paid"), ("pm_declined", RentalPaymentFailed, "requested"), ("pm_down", RentalPaymentFailed, "requested")],
)
def test_an_outcome_known_at_once_is_settled_once_by_the_request_itself(
    rental: Rental, updates: list[str], settings: Settings, dispatch: str, method: str, settled: type, state: str
) -> None:
    settings.GDMARKET_DISPATCH = dispatch

    pay(rental, method=method)
    settled_by_the_request = (Rental.objects.get(id=rental.id).state, len(updates))
    deliver_everything()

    assert settled_by_the_request == (state, 2)
    assert updates == [threading.current_thread().name] * 2
    facts = facts_of(rental)
    assert [fact.type for fact in facts] == ["rentals.RentalPaymentStarted", f"rentals.{settled.__name__}"]
    assert [fact.causation for fact in facts] == [None, None]
    assert Rental.objects.get(id=rental.id).version == 3
    assert len(recorded([PaymentApproved, PaymentDeclined, PaymentNotSent])) == 1


@pytest.mark.parametrize("dispatch", DISPATCH)
def test_an_outcome_known_later_is_settled_once_by_the_event(
    rental: Rental, updates: list[str], settings: Settings, dispatch: str, pass_time: Any, drain: Any
) -> None:
    settings.GDMARKET_DISPATCH, settings.GDMARKET_PAYMENT_TIMEOUT_MS = dispatch, 100

    pay(rental, method="pm_lost")
    still_open = (Rental.objects.get(id=rental.id).state, len(updates))
    pass_time(minutes=1)
    deliver_everything()
    drain()
    drain()

    assert still_open == ("paying", 1)
    assert (Rental.objects.get(id=rental.id).state, len(updates)) == ("paid", 2)
    (approved,) = recorded([PaymentApproved])
    assert [fact.causation for fact in facts_of(rental)] == [None, approved.id]


def test_an_event_that_comes_again_changes_nothing_but_a_rental_made_to_wait_again(rental: Rental, updates: list[str]) -> None:
    pay(rental, method="pm_ok")
    (approved,) = recorded([PaymentApproved])

    handlers.on_payment_approved(approved.event)
    assert len(updates) == 2

    # The control: were the rental not settled by then, the event would settle it, and the count would show it.
    Rental.objects.filter(id=rental.id).update(state=RentalState.PAYING, paid_at=None)
    handlers.on_payment_approved(approved.event)
    assert (len(updates), Rental.objects.get(id=rental.id).version) == (4, 4)


def test_without_the_deferral_the_event_would_settle_inside_the_charge(rental: Rental, updates: list[str], settings: Settings) -> None:
    """The control of the tests above: the same calls as `pay_rental` makes, with the dispatch not deferred."""
    settings.GDMARKET_DISPATCH = "inline"
    now = clock.now()
    started = paying._start_payment(rental_id=rental.id, by=rental.renter_id, wait_s=0, operation_id=ids.uuid7(), method="pm_ok", now=now)
    assert started.payment_id is not None

    charge(started, payment_id=started.payment_id)

    assert Rental.objects.get(id=rental.id).state == "paid"
    (approved,) = recorded([PaymentApproved])
    assert [fact.causation for fact in facts_of(rental)] == [None, approved.id]


@pytest.mark.parametrize("dispatch", DISPATCH)
def test_a_hold_is_prolonged_by_as_long_as_the_provider_asks_to_wait(rental: Rental, settings: Settings, dispatch: str) -> None:
    settings.GDMARKET_DISPATCH = dispatch

    with in_use(settings) as provider:
        provider.fails["charge"] = lambda: NotSentError("overloaded", retry_after_s=600)
        pay(rental, method="pm_ok")
        deliver_everything()

    assert Rental.objects.get(id=rental.id).payment_due_at == rental.payment_due_at + timedelta(minutes=10)


def test_a_payment_repeated_while_the_provider_is_unavailable_is_answered_by_its_first_attempt(rental: Rental) -> None:
    command: dict[str, Any] = {"rental_id": rental.id, "by": rental.renter_id, "method": "pm_ok", "operation_id": ids.uuid7()}
    paying.pay_rental(**command, now=clock.now())
    store.open_by_hand(name="payments", for_s=600, reason="test")
    breaker.reset()

    assert paying.pay_rental(**command, now=clock.now()).state == "paid"
    with pytest.raises(WrongStateError):
        paying.pay_rental(**{**command, "operation_id": ids.uuid7()}, now=clock.now())
    assert len(facts_of(rental)) == 2


def charge(rental: Rental, *, payment_id: UUID) -> None:
    payments.charge(
        request=ChargeRequest(
            payment_id=payment_id,
            rental_id=rental.id,
            payer_id=rental.renter_id,
            payee_id=rental.manager_id,
            amount=rental.price,
            currency=rental.currency,
            method="pm_ok",
        ),
        now=clock.now(),
    )
