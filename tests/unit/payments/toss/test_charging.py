"""Toss Payments, against a local server that answers in its documented shapes: charging."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, RefundRecord, RefundStatus, RefusedError
from apps.payments.gateways.toss.gateway import TossGateway
from gdmarket import ids
from tests.unit.payments.actions import charge_request
from tests.unit.payments.gateway_calls import AMPLE_S, NOTHING, VOIDED, charge, look_up, refund, void
from tests.unit.payments.provider_stub import LOST, Reply, only, recorded
from tests.unit.payments.toss.stub import CONFIRM, PAYMENT_KEY, READ, TossStub, charged, refused


def test_a_payment_is_confirmed_once_under_our_key(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    assert charge(gateway, wanted) == charged()
    assert charge(gateway, wanted) == charged()
    assert look_up(gateway, wanted) == charged()

    assert toss.calls() == [CONFIRM, CONFIRM, READ]
    assert toss.requests[0].headers["idempotency-key"] == str(wanted.payment_id)
    assert json.loads(toss.requests[0].body) == {"paymentKey": PAYMENT_KEY, "orderId": f"{wanted.rental_id}-1", "amount": 8_000}


@pytest.mark.parametrize(
    ("method", "is_one"),
    [
        ("order1:key", True),
        (f"{'a' * 64}:{'k' * 200}", True),
        (f"{'a' * 65}:key", False),
        (f"order1:{'k' * 201}", False),
        ("short:key", False),
        ("order1:", False),
        ("order1", False),
        ("order1:key/../..", False),
        ("order1:key?", False),
        ("order 1:key", False),
        ("order1:key\n", False),
        ("pm_ok", False),
    ],
)
def test_a_method_is_an_order_and_a_payment_key(gateway: TossGateway, method: str, is_one: bool) -> None:
    assert gateway.accepts(method=method) is is_one


@pytest.mark.parametrize("ask", [charge, look_up, void])
def test_a_malformed_method_is_refused_without_a_call(
    toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, ask: Callable[[TossGateway, ChargeRequest], ChargeRecord]
) -> None:
    with pytest.raises(RefusedError, match="unknown_method"):
        ask(gateway, replace(wanted, method="pm_ok"))

    assert toss.calls() == []


def test_a_payment_for_one_rental_neither_pays_nor_is_refunded_for_another(
    toss: TossStub, gateway: TossGateway, wanted: ChargeRequest
) -> None:
    charge(gateway, wanted)
    toss.requests.clear()
    other = replace(wanted, payment_id=ids.uuid7(), rental_id=ids.uuid7())
    declined = ChargeRecord(status=ChargeStatus.DECLINED, reason="order_differs")

    assert [charge(gateway, other), look_up(gateway, other), void(gateway, other)] == [declined] * 3
    assert refund(gateway, other, ids.uuid7()) == RefundRecord(status=RefundStatus.REFUSED, reason="not_charged")
    assert toss.calls() == []


def test_a_payment_of_another_order_charges_nothing(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    charge(gateway, wanted)
    mine = ids.uuid7()
    theft = replace(wanted, payment_id=ids.uuid7(), rental_id=mine, method=f"{mine}:{PAYMENT_KEY}")

    assert charge(gateway, theft) == ChargeRecord(status=ChargeStatus.DECLINED, reason="order_differs")
    assert look_up(gateway, theft) == NOTHING
    assert void(gateway, theft) == ChargeRecord(status=ChargeStatus.PROCESSING)
    assert refund(gateway, theft, ids.uuid7()) == RefundRecord(status=RefundStatus.REFUSED, reason="not_charged")
    assert toss.payments[PAYMENT_KEY]["balanceAmount"] == 8_000


def test_a_sum_that_the_renter_did_not_agree_to_is_declined(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    assert charge(gateway, replace(wanted, amount=80)) == ChargeRecord(status=ChargeStatus.DECLINED, reason="invalid_request")
    assert toss.payments[PAYMENT_KEY]["status"] == "IN_PROGRESS"


def test_only_won_are_accepted(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    dollars = replace(wanted, currency="USD")
    declined = ChargeRecord(status=ChargeStatus.DECLINED, reason="currency_not_supported")

    assert [charge(gateway, dollars), look_up(gateway, dollars), void(gateway, dollars)] == [declined] * 3
    assert toss.calls() == []


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "REJECT_CARD_PAYMENT", "reject_card_payment"),
        (400, "INVALID_STOPPED_CARD", "invalid_stopped_card"),
        (400, "EXCEED_MAX_PAYMENT_AMOUNT", "exceed_max_payment_amount"),
        (400, "BELOW_MINIMUM_AMOUNT", "amount_too_small"),
        (400, "EXCEED_MAX_AMOUNT", "amount_too_large"),
        (404, "NOT_FOUND_PAYMENT_SESSION", "expired"),
        (404, "NOT_FOUND_PAYMENT", "not_found_payment"),
    ],
)
def test_a_refused_approval_is_declined(
    toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, status: int, code: str, reason: str
) -> None:
    toss.instead = only(CONFIRM, refused(status, code))

    assert charge(gateway, wanted) == ChargeRecord(status=ChargeStatus.DECLINED, reason=reason)


def test_a_declined_payment_stays_declined_after_keys_were_forgotten(toss: TossStub, gateway: TossGateway) -> None:
    order = ids.uuid7()
    method = toss.authenticate(order_id=str(order), amount=8_000, payment_key=PAYMENT_KEY, refusal="REJECT_CARD_COMPANY")
    wanted = charge_request(rental_id=order, method=method)

    assert charge(gateway, wanted) == ChargeRecord(status=ChargeStatus.DECLINED, reason="reject_card_company")
    assert look_up(gateway, wanted) == ChargeRecord(status=ChargeStatus.DECLINED, reason="reject_card_company", reference=PAYMENT_KEY)
    toss.forget_keys()
    assert charge(gateway, wanted) == ChargeRecord(status=ChargeStatus.DECLINED, reason="expired")
    assert toss.transactions == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "UNAUTHORIZED_KEY"), (403, "FORBIDDEN_REQUEST"), (403, "INCORRECT_BASIC_AUTH_FORMAT"), (400, "INVALID_API_KEY")],
)
def test_rejected_credentials_are_refused(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, status: int, code: str) -> None:
    toss.instead = lambda _: refused(status, code)

    for ask in (charge, look_up, void):
        with pytest.raises(RefusedError, match=code.lower()):
            ask(gateway, wanted)
    with pytest.raises(RefusedError, match=code.lower()):
        gateway.list_charges(since=toss.clock, until=toss.clock, deadline_s=AMPLE_S)


@pytest.mark.parametrize(
    "reply",
    [
        refused(400, "PROVIDER_ERROR"),
        refused(400, "CARD_PROCESSING_ERROR"),
        refused(400, "SOMETHING_NEW"),
        refused(409, "IDEMPOTENT_REQUEST_PROCESSING"),
        refused(500, "FAILED_INTERNAL_SYSTEM_PROCESSING"),
        refused(500, "REJECT_CARD_PAYMENT"),
        Reply(status=302, headers=(("Location", "http://127.0.0.1:1/"),)),
        Reply(status=429, body=b"<html>", headers=(("Retry-After", "7"),)),
        Reply(status=200, body=b"<html>"),
        Reply(status=200, body={"status": "DONE"}),
        Reply(status=200, body=recorded("toss/payment") | {"status": "SETTLED"}),
        Reply(status=200, body=recorded("toss/payment") | {"totalAmount": "8000"}),
        Reply(status=200, body=recorded("toss/payment") | {"paymentKey": "another"}),
        Reply(status=200, body=b"x" * 100_000),
        LOST,
    ],
)
def test_an_unsettling_response_is_no_answer(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, reply: Reply) -> None:
    toss.instead = lambda _: reply

    for ask in (charge, look_up, void):
        with pytest.raises(NoAnswerError) as unknown:
            ask(gateway, wanted)
        assert unknown.value.retry_after_s == (7.0 if reply.status == 429 else None)


def test_a_charge_whose_answer_was_lost_is_found_again(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    toss.afterwards = only(CONFIRM, LOST)
    with pytest.raises(NoAnswerError):
        charge(gateway, wanted)

    assert look_up(gateway, wanted) == charged()
    assert void(gateway, wanted) == charged()
    assert len(toss.transactions) == 1


def test_a_payment_already_processed_is_read_again(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    charge(gateway, wanted)
    toss.forget_keys()

    assert charge(gateway, wanted) == charged()
    refund(gateway, wanted, ids.uuid7())
    assert charge(gateway, replace(wanted, payment_id=ids.uuid7())) == charged(refunded=8_000)
    assert len(toss.transactions) == 2


@pytest.mark.parametrize("reading", [refused(401, "UNAUTHORIZED_KEY"), refused(404, "NOT_FOUND_PAYMENT"), LOST])
def test_a_charge_that_cannot_be_read_again_is_no_answer(
    toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, reading: Reply
) -> None:
    toss.instead = lambda request: refused(400, "ALREADY_PROCESSED_PAYMENT") if request.call == CONFIRM else reading

    with pytest.raises(NoAnswerError):
        charge(gateway, wanted)


@pytest.mark.parametrize(
    ("changes", "record"),
    [
        ({"status": "READY"}, NOTHING),
        ({"status": "IN_PROGRESS"}, NOTHING),
        ({"status": "WAITING_FOR_DEPOSIT"}, ChargeRecord(status=ChargeStatus.PROCESSING)),
        ({"status": "EXPIRED"}, VOIDED),
        ({"status": "CANCELED", "balanceAmount": 0}, VOIDED),
        ({"status": "ABORTED"}, ChargeRecord(status=ChargeStatus.DECLINED, reason="aborted", reference=PAYMENT_KEY)),
        (
            {"status": "ABORTED", "failure": {"code": "COMMON_ERROR", "message": "…"}},
            ChargeRecord(status=ChargeStatus.DECLINED, reason="common_error", reference=PAYMENT_KEY),
        ),
        ({"status": "DONE", "approvedAt": "2026-05-01T12:00:00+09:00"}, charged()),
        ({"status": "PARTIAL_CANCELED", "approvedAt": "2026-05-01T12:00:00+09:00", "balanceAmount": 5_000}, charged(refunded=3_000)),
        ({"status": "CANCELED", "approvedAt": "2026-05-01T12:00:00+09:00", "balanceAmount": 0}, charged(refunded=8_000)),
    ],
)
def test_each_status_of_a_payment_has_one_meaning(
    toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, changes: dict[str, object], record: ChargeRecord
) -> None:
    toss.payments[PAYMENT_KEY].update(changes)

    assert look_up(gateway, wanted) == record


def test_a_payment_that_toss_does_not_know_is_not_found(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    assert look_up(gateway, replace(wanted, method=f"{wanted.rental_id}:unknown")) == NOTHING
