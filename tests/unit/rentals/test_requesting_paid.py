"""A request that pays at once: what it writes in which transaction, what it need not deliver, and what heals it after each of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import Settings

from apps.items.models import BusyPeriod, Item
from apps.items.services import register_item
from apps.payments.models import Payment, Posting
from apps.rentals.errors import PaymentDeclinedError, PeriodTakenError
from apps.rentals.models import Rental
from apps.rentals.services import requesting
from apps.status_view.models import RentalStatus
from gdmarket import breaker, bus, clock, databases, failpoints, ids
from gdmarket.breaker import cache
from gdmarket.bus.models import Delivery, Event
from tests.chaos.money.plan import CHARGING

pytestmark = pytest.mark.django_db(transaction=True)


class DiedError(Exception):
    """The process died here."""


def register(*, name: str) -> Item:
    item = register_item(
        item_id=ids.uuid7(), manager_id=ids.uuid7(), name=name, category="tools", daily_price=8_000, latitude=37.5, longitude=127.0,
        place="Seoul", now=clock.now(),
    )  # fmt: skip
    bus.run_until_idle()
    return item


@pytest.fixture
def item() -> Item:
    breaker.reset()
    return register(name="drill")


@pytest.fixture(autouse=True)
def _relays_alone(settings: Settings) -> None:
    settings.GDMARKET_DISPATCH = "off"


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count the transactions that are committed in the block, and the statements."""
    counts: Counter[str] = Counter()
    commit = BaseDatabaseWrapper.commit

    def commit_and_count(connection: BaseDatabaseWrapper) -> None:
        counts["transactions"] += 1
        commit(connection)

    def execute_and_count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        counts["statements"] += not sql.startswith("BEGIN")
        return execute(sql, params, many, context)

    with ExitStack() as stack, monkeypatch.context() as patched:
        patched.setattr(BaseDatabaseWrapper, "commit", commit_and_count)
        for alias in databases.aliases():
            stack.enter_context(connections[alias].execute_wrapper(execute_and_count))
        yield counts


def request(item: Item, *, method: str = "pm_ok", rental_id: UUID | None = None, renter_id: UUID | None = None) -> Rental:
    now = clock.now()
    return requesting.request_rental(
        rental_id=rental_id or ids.uuid7(), item_id=item.id, renter_id=renter_id or ids.uuid7(), starts_at=now + timedelta(days=1),
        method=method, now=now,
    )  # fmt: skip


def outstanding() -> Counter[str]:
    """Count what is to be delivered at once, by its subscriber; not timers."""
    logs = (Delivery.objects.using(alias) for alias in databases.aliases())
    return Counter(row.subscriber for log in logs for row in log.filter(event__due_at=None))


def facts(stream: str) -> list[tuple[int, str]]:
    log = Event.objects.using(databases.alias_for(stream.partition(":")[0] + "s"))
    return [(event.version, event.type.partition(".")[2]) for event in log.filter(stream=stream).order_by("version")]


@pytest.mark.parametrize(
    ("dispatch", "transactions", "statements"),
    [("off", 4, {"sqlite": 22, "postgresql": 18}), ("inline", 6, {"sqlite": 40, "postgresql": 36})],
)
def test_a_paid_request_takes_so_many_transactions_and_statements(
    item: Item, settings: Settings, monkeypatch: pytest.MonkeyPatch, dispatch: str, transactions: int, statements: dict[str, int]
) -> None:
    settings.GDMARKET_DISPATCH = dispatch
    monkeypatch.setattr(cache, "REFRESH_EVERY_S", 60.0)  # the breaker's state is read by the first request
    renter_id = ids.uuid7()
    request(item, renter_id=renter_id)
    bus.run_until_idle()
    other = register(name="saw")

    with counted(monkeypatch) as counts:
        assert request(other, renter_id=renter_id).state == "paid"

    assert counts["transactions"] == transactions
    assert counts["statements"] == statements[connections[databases.alias_for("rentals")].vendor]
    assert outstanding() == (Counter(items=1, status_view=4) if dispatch == "off" else Counter())


def test_the_request_and_the_attempt_are_written_at_once_and_told_one_by_one(item: Item) -> None:
    rental = request(item)

    assert (rental.state, rental.version, rental.payment_state) == ("paid", 3, "approved")
    assert facts(f"rental:{rental.id}") == [(1, "RentalRequested"), (2, "RentalPaymentStarted"), (3, "RentalPaid")]
    log = Event.objects.using(databases.alias_for("rentals")).filter(stream=f"rental:{rental.id}").order_by("version")
    told = [(event.payload["state"], event.payload["version"], event.payload["payment_id"] is None) for event in log]
    assert told == [("requested", 1, True), ("paying", 2, False), ("paid", 3, False)]
    assert Rental.objects.get(id=rental.id).version == 3


def test_what_the_answer_has_settled_is_not_delivered_any_more(item: Item) -> None:
    request(item)

    assert outstanding() == Counter(items=1, status_view=4)


def test_a_declined_card_is_settled_and_superseded_too(item: Item) -> None:
    with pytest.raises(PaymentDeclinedError):
        request(item, method="pm_declined")

    assert outstanding() == Counter(items=1, status_view=4)
    assert Rental.objects.get().state == "requested"


def test_an_unknown_outcome_stays_to_be_delivered_when_it_is_known(item: Item, settings: Settings, pass_time: Any, drain: Any) -> None:
    settings.GDMARKET_PAYMENT_TIMEOUT_MS = 50
    assert request(item, method="pm_lost").state == "paying"
    pass_time(minutes=1)

    drain()

    assert (Rental.objects.get().state, outstanding()) == ("paid", Counter())


def test_a_period_that_is_taken_leaves_nothing_of_the_attempt(item: Item) -> None:
    request(item)
    before = (Rental.objects.count(), Payment.objects.count(), Event.objects.count(), outstanding())

    with pytest.raises(PeriodTakenError):
        request(item)

    assert (Rental.objects.count(), Payment.objects.count(), Event.objects.count(), outstanding()) == before


@pytest.mark.parametrize(
    ("step", "state", "payment"),
    [
        ("rentals.pay.started", "requested", "not_sent"),
        ("payments.charge.opened", "requested", "not_sent"),
        ("payments.charge.unsent", "requested", "not_sent"),
        ("payments.charge.answered", "paid", "approved"),
        ("payments.charge.recorded", "paid", "approved"),
        ("rentals.pay.settled", "paid", "approved"),
    ],
)
def test_a_request_that_dies_after_any_step_is_healed_by_what_it_has_committed(
    item: Item, monkeypatch: pytest.MonkeyPatch, pass_time: Any, drain: Callable[[], int], step: str, state: str, payment: str
) -> None:
    def die(at: str) -> None:
        if at == step:
            raise DiedError

    monkeypatch.setattr(failpoints, "hit", die)
    rental_id, renter_id = ids.uuid7(), ids.uuid7()
    with suppress(DiedError):
        request(item, rental_id=rental_id, renter_id=renter_id)
    monkeypatch.undo()
    pass_time(minutes=1)
    for _ in range(3):
        drain()

    rental = Rental.objects.get(id=rental_id)
    assert (rental.state, rental.payment_state, Payment.objects.get().state) == (state, payment, payment)
    assert Posting.objects.count() == (2 if payment == "approved" else 0)
    assert (BusyPeriod.objects.get().hold, outstanding()) == ("reserved", Counter())
    assert (RentalStatus.objects.get().state, RentalStatus.objects.get().version) == (state, rental.version)
    assert step in CHARGING


def test_repeating_a_request_that_died_continues_it(item: Item, monkeypatch: pytest.MonkeyPatch) -> None:
    again: dict[str, Any] = {"rental_id": ids.uuid7(), "renter_id": ids.uuid7()}

    def die(at: str) -> None:
        if at == "rentals.pay.started":
            raise DiedError

    monkeypatch.setattr(failpoints, "hit", die)
    with pytest.raises(DiedError):
        request(item, **again)
    monkeypatch.undo()

    assert [request(item, **again).state, request(item, **again).state] == ["paid", "paid"]
    assert (Payment.objects.count(), outstanding()) == (1, Counter(items=1, status_view=4))
