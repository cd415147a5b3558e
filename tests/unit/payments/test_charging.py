"""A charge is made once, recorded before and after, and its outcome is never guessed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.payments import facade
from apps.payments.contracts import ChargeOutcome, ChargeResult
from apps.payments.errors import InsideTransactionError, PaymentInProgressError, PaymentReusedError
from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentNotSent
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, GatewayError, NoAnswerError, NotSentError, RefusedError
from apps.payments.models import Payment, Posting
from apps.payments.services import charging, provider_calls
from gdmarket import ids
from gdmarket.bus.models import Delivery
from tests.factories.payments import PaymentFactory
from tests.log import recorded
from tests.unit.payments.actions import (
    charge,
    charge_request,
    everything,
    facts,
    in_another_thread,
    new_attempt,
    open_breaker,
    scheduled_checks,
    state_of,
)
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_approved_charge_is_recorded_and_published(provider: FakeGateway) -> None:
    attempt = new_attempt()
    payment_id, rental_id, payer_id = attempt["payment_id"], attempt["rental_id"], attempt["payer_id"]

    result = charge(**attempt, now=NOON)

    assert result == ChargeResult(payment_id=payment_id, outcome=ChargeOutcome.APPROVED, reason="", retry_after_s=None, version=2)
    assert Payment.objects.values().get() == {
        "id": payment_id,
        "rental_id": rental_id,
        "payer_id": payer_id,
        "payee_id": attempt["payee_id"],
        "item_id": attempt["item_id"],
        "amount": 8_000,
        "currency": "KRW",
        "method": "pm_ok",
        "state": "approved",
        "reason": "",
        "provider_reference": f"provider-{payment_id}",
        "noticed_at": None,
        "provider_failed": False,
        "refund_due": 0,
        "refunded": 0,
        "checks": 0,
        "version": 2,
        "created_at": NOON,
        "asked_at": NOON,
        "settled_at": NOON,
    }
    (fact,) = recorded([PaymentApproved])
    assert fact.stream == f"payment:{payment_id}"
    assert fact.event == PaymentApproved(
        payment_id=payment_id,
        rental_id=rental_id,
        payer_id=payer_id,
        amount=8_000,
        refunded=0,
        currency="KRW",
        state="approved",
        reason="",
        version=2,
        occurred_at=NOON,
    )
    assert (provider.calls, provider.deadlines_s) == (["charge"], [3.0])


def test_the_attempt_and_its_timer_are_committed_before_the_provider_is_called(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()
    seen: list[Any] = []

    def look() -> None:
        timer = Delivery.objects.get(subscriber="payments")
        seen.append((state_of(payment_id), scheduled_checks(), timer.not_before))

    provider.on_arrival["charge"] = lambda: in_another_thread(look)

    charge(payment_id=payment_id, now=NOON)

    assert seen == [("pending", [payment_id], NOON + timedelta(seconds=5))]


def test_a_declined_charge_is_recorded_and_published(provider: FakeGateway) -> None:
    provider.declines = "card_declined"

    result = charge(now=NOON)

    assert (result.outcome, result.reason, result.version) == (ChargeOutcome.DECLINED, "card_declined", 2)
    assert state_of(result.payment_id) == "declined"
    (fact,) = recorded([PaymentDeclined])
    assert (fact.event.state, fact.event.reason, fact.event.version) == ("declined", "card_declined", 2)


@pytest.mark.parametrize("failure", [NotSentError("connection_refused", retry_after_s=7.0), RefusedError("UNAUTHORIZED_KEY")])
def test_a_charge_certainly_not_made_is_not_sent(provider: FakeGateway, failure: GatewayError) -> None:
    provider.fails["charge"] = lambda: failure

    result = charge(now=NOON)

    assert (result.outcome, result.reason, result.retry_after_s) == (ChargeOutcome.NOT_SENT, failure.reason, failure.retry_after_s)
    assert state_of(result.payment_id) == "not_sent"
    (fact,) = recorded([PaymentDeclined, PaymentNotSent])
    assert type(fact.event) is PaymentNotSent
    assert (fact.event.state, fact.event.reason) == ("not_sent", failure.reason)
    assert fact.event.provider_failed is isinstance(failure, NotSentError)
    assert (provider.records, Posting.objects.exists()) == ({}, False)


@pytest.mark.parametrize("way", ["fails", "loses"])
def test_a_charge_without_an_answer_is_unknown_and_nothing_is_published(provider: FakeGateway, way: str) -> None:
    getattr(provider, way)["charge"] = lambda: NoAnswerError("timed_out")

    result = charge(now=NOON)

    assert (result.outcome, result.reason, result.retry_after_s) == (ChargeOutcome.UNKNOWN, "timed_out", None)
    assert (state_of(result.payment_id), Payment.objects.get().settled_at) == ("unknown", None)
    assert facts() == []
    assert scheduled_checks() == [result.payment_id]


def test_while_the_breaker_is_open_the_provider_is_not_called(provider: FakeGateway) -> None:
    open_breaker()

    result = charge(now=NOON)

    assert (result.outcome, result.reason) == (ChargeOutcome.NOT_SENT, "breaker_open")
    assert result.retry_after_s == pytest.approx(facade.unavailable_for_s(), abs=5)
    assert 0 < facade.unavailable_for_s() <= 20
    assert provider.calls == []
    assert (state_of(result.payment_id), facts()) == ("not_sent", ["PaymentNotSent"])


@pytest.mark.parametrize("behaviour", [{"declines": "card_declined"}, {"fails": {"charge": lambda: RefusedError("UNAUTHORIZED_KEY")}}])
def test_declines_and_rejections_keep_the_breaker_closed_and_lost_answers_open_it(provider: FakeGateway, behaviour: dict[str, Any]) -> None:
    for name, value in behaviour.items():
        setattr(provider, name, value)
    for _ in range(12):
        charge(now=NOON)
    assert (facade.unavailable_for_s(), len(provider.calls)) == (0.0, 12)
    provider.fails["charge"] = lambda: NoAnswerError("provider_error")
    for _ in range(12):
        charge(now=NOON)
    assert facade.unavailable_for_s() > 0
    calls = len(provider.calls)
    assert charge(now=NOON).outcome is ChargeOutcome.NOT_SENT
    assert len(provider.calls) == calls


def test_a_preflight_decline_needs_no_call_and_leaves_the_breaker_alone(provider: FakeGateway) -> None:
    open_breaker()
    provider.preflight = ChargeRecord(status=ChargeStatus.DECLINED, reason="order_differs")
    result = charge(now=NOON)
    assert (result.outcome, result.reason, provider.calls) == (ChargeOutcome.DECLINED, "order_differs", [])
    assert facade.unavailable_for_s() > 0


def test_successful_lookups_do_not_keep_the_breaker_closed_while_charges_fail(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id
    provider.fails["charge"] = lambda: NoAnswerError("provider_error")
    for _ in range(8):
        charge(now=NOON)
        for _ in range(5):
            provider_calls.GuardedGateway().lookup(request=charge_request(payment_id))
    assert facade.unavailable_for_s() == 0.0
    charge(now=NOON)
    assert facade.unavailable_for_s() > 0


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ({}, ChargeOutcome.APPROVED),
        ({"declines": "card_declined"}, ChargeOutcome.DECLINED),
        ({"fails": {"charge": lambda: NotSentError("connection_refused")}}, ChargeOutcome.NOT_SENT),
        ({"loses": {"charge": lambda: NoAnswerError("timed_out")}}, ChargeOutcome.UNKNOWN),
    ],
)
def test_a_repeated_charge_returns_the_same_result_without_a_call(
    provider: FakeGateway, behaviour: dict[str, Any], outcome: ChargeOutcome
) -> None:
    for name, value in behaviour.items():
        setattr(provider, name, value)
    attempt = new_attempt()
    first = charge(**attempt, now=NOON)
    before = everything()

    again = charge(**attempt, now=NOON + timedelta(minutes=1))

    assert (first.outcome, again) == (outcome, first)
    assert provider.calls == ["charge"]
    assert everything() == before


@pytest.mark.parametrize(
    "change",
    [{"amount": 9_000}, {"currency": "USD"}, {"rental_id": ids.uuid7()}, {"payer_id": ids.uuid7()}, {"payee_id": ids.uuid7()}],
    ids=lambda change: next(iter(change)),
)
def test_an_id_that_names_another_payment_is_refused(provider: FakeGateway, change: dict[str, Any]) -> None:
    attempt = new_attempt()
    charge(**attempt, now=NOON)
    before = everything()

    with pytest.raises(PaymentReusedError):
        charge(**attempt | change, now=NOON)

    assert provider.calls == ["charge"]
    assert everything() == before


def test_a_payment_recorded_without_payee_and_item_by_an_older_version_gets_them(provider: FakeGateway) -> None:
    attempt = new_attempt()
    charge(**attempt, now=NOON)
    Payment.objects.update(payee_id=None, item_id=None)

    charging.open_payment(request=charge_request(**attempt), now=NOON)

    payment = Payment.objects.get()
    assert (payment.payee_id, payment.item_id) == (attempt["payee_id"], attempt["item_id"])
    assert (provider.calls, scheduled_checks()) == (["charge"], [attempt["payment_id"]])


@pytest.mark.parametrize("state", ["pending", "unknown", "approved"])
def test_a_second_attempt_is_refused_while_one_holds_the_rentals_money(provider: FakeGateway, state: str) -> None:
    held = PaymentFactory(state=state)
    before = everything()

    with pytest.raises(PaymentInProgressError) as refusal:
        charge(rental_id=held.rental_id, now=NOON)

    assert refusal.value.details == {"rental": str(held.rental_id)}
    assert provider.calls == []
    assert everything() == before


@pytest.mark.parametrize("state", ["declined", "not_sent", "refunded"])
def test_a_second_attempt_may_be_made_once_the_first_holds_no_money(provider: FakeGateway, state: str) -> None:
    assert charge(rental_id=PaymentFactory(state=state).rental_id, now=NOON).outcome is ChargeOutcome.APPROVED


@pytest.mark.parametrize("amount", [0, -1])
def test_the_database_refuses_a_sum_that_is_not_positive(provider: FakeGateway, amount: int) -> None:
    with pytest.raises(IntegrityError):
        charge(amount=amount, now=NOON)
    assert provider.calls == []
    assert everything() == [[], [], [], []]


def test_a_charge_inside_a_transaction_is_refused(provider: FakeGateway) -> None:
    with transaction.atomic(), pytest.raises(InsideTransactionError):
        charge(now=NOON)
    assert provider.calls == []
    assert everything() == [[], [], [], []]


def test_a_charge_of_another_sum_is_unknown(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()
    provider.records[payment_id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=80_000, currency="KRW")

    result = charge(payment_id=payment_id, now=NOON)

    assert (result.outcome, result.reason) == (ChargeOutcome.UNKNOWN, "provider_differs")
    assert facts() == []


def test_a_repeated_charge_of_a_refunded_payment_is_declined(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="refunded")
    attempt = {name: getattr(payment, name) for name in ("rental_id", "payer_id", "payee_id")}
    assert charge(payment_id=payment.id, **attempt, now=NOON).outcome is ChargeOutcome.DECLINED
    assert provider.calls == []


def test_only_methods_of_the_gateway_are_accepted(provider: FakeGateway) -> None:
    assert facade.accepts(method="pm_ok")
    assert not facade.accepts(method="pm_gold")
    assert provider.calls == []
