"""Toss Payments, against a local server that answers in its documented shapes: voiding, refunding, listing, webhooks."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.port import (
    ChargeRecord,
    ChargeStatus,
    GatewayError,
    NoAnswerError,
    RefundRecord,
    RefundStatus,
    RefusedError,
    WebhookHint,
)
from apps.payments.gateways.toss.gateway import PAGE, TossGateway
from gdmarket import ids
from tests.unit.payments.actions import charge_request
from tests.unit.payments.gateway_calls import AMPLE_S, VOIDED, charge, look_up, refund, void
from tests.unit.payments.provider_stub import LOST, Reply, only, recorded
from tests.unit.payments.toss.stub import CANCEL, PAYMENT_KEY, SECRET, TossStub, charged, refused


@pytest.mark.parametrize("method", ["{order}-1:" + PAYMENT_KEY, "{order}-1:unknown"])
def test_a_payment_is_voided_only_once_it_can_no_longer_be_confirmed(
    toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, method: str
) -> None:
    open_window = replace(wanted, method=method.format(order=wanted.rental_id))
    lapsed_gateway = TossGateway(base_url=toss.url, secret_key=SECRET, now=lambda: ids.made_at(wanted.payment_id) + timedelta(minutes=32))

    assert void(gateway, open_window) == ChargeRecord(status=ChargeStatus.PROCESSING)
    assert void(lapsed_gateway, open_window) == VOIDED
    lapsed_gateway.close()


def test_an_expired_payment_is_never_charged(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    toss.payments[PAYMENT_KEY]["status"] = "EXPIRED"

    assert void(gateway, wanted) == VOIDED
    assert charge(gateway, wanted) == ChargeRecord(status=ChargeStatus.DECLINED, reason="expired")
    assert toss.transactions == []


def test_each_partial_refund_is_made_once(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    charge(gateway, wanted)
    first, second = ids.uuid7(), ids.uuid7()

    first_answer = refund(gateway, wanted, first, 3_000)
    toss.forget_keys()
    again = refund(gateway, wanted, first, 3_000)
    rest = refund(gateway, wanted, second, 5_000)

    assert first_answer == again == RefundRecord(status=RefundStatus.REFUNDED, reference="txrd_0001")
    assert rest == RefundRecord(status=RefundStatus.REFUNDED, reference="txrd_0002")
    assert look_up(gateway, wanted) == charged(refunded=8_000)
    assert toss.calls().count(CANCEL) == 2
    sent = [request for request in toss.requests if request.call == CANCEL]
    assert sent[0].headers["idempotency-key"] == str(first)
    assert json.loads(sent[0].body) == {"cancelReason": f"gdmarket {first}", "cancelAmount": 3_000}


def test_a_refund_whose_answer_was_lost_is_found_again(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest) -> None:
    charge(gateway, wanted)
    refund_key = ids.uuid7()
    toss.afterwards = only(CANCEL, LOST)
    with pytest.raises(NoAnswerError):
        refund(gateway, wanted, refund_key)
    toss.afterwards = lambda _: None
    toss.forget_keys()

    assert refund(gateway, wanted, refund_key).status is RefundStatus.REFUNDED
    assert look_up(gateway, wanted) == charged(refunded=8_000)


@pytest.mark.parametrize(
    ("cancel_status", "status"),
    [("DONE", RefundStatus.REFUNDED), ("IN_PROGRESS", RefundStatus.PROCESSING), ("ABORTED", RefundStatus.REFUSED)],
)
def test_each_status_of_a_refund_has_one_meaning(
    toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, cancel_status: str, status: RefundStatus
) -> None:
    charge(gateway, wanted)
    refund_key = ids.uuid7()
    refund(gateway, wanted, refund_key, 3_000)
    toss.payments[PAYMENT_KEY]["cancels"][0]["cancelStatus"] = cancel_status

    assert refund(gateway, wanted, refund_key, 3_000).status is status


@pytest.mark.parametrize("code", ["NOT_CANCELABLE_PAYMENT", "EXCEED_MAX_REFUND_DUE", "ALREADY_CANCELED_PAYMENT"])
def test_a_refund_refused_by_toss_is_refused(toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, code: str) -> None:
    charge(gateway, wanted)
    toss.instead = only(CANCEL, refused(403, code))

    assert refund(gateway, wanted, ids.uuid7()) == RefundRecord(status=RefundStatus.REFUSED, reason=code.lower())


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refused(403, "FORBIDDEN_CONSECUTIVE_REQUEST"), NoAnswerError),
        (refused(500, "FAILED_REFUND_PROCESS"), NoAnswerError),
        (Reply(body=recorded("toss/payment") | {"balanceAmount": 0, "status": "CANCELED"}), NoAnswerError),
        (refused(401, "UNAUTHORIZED_KEY"), RefusedError),
    ],
)
def test_a_refund_without_an_outcome_is_no_answer_and_rejected_credentials_are_refused(
    toss: TossStub, gateway: TossGateway, wanted: ChargeRequest, reply: Reply, error: type[GatewayError]
) -> None:
    charge(gateway, wanted)
    toss.instead = only(CANCEL, reply)

    with pytest.raises(error):
        refund(gateway, wanted, ids.uuid7())


def test_the_charges_of_a_window_are_listed_with_their_refunds(toss: TossStub, gateway: TossGateway) -> None:
    begins = datetime(2026, 4, 30, 15, tzinfo=UTC)  # a day in Seoul
    keys = [f"key{number}" for number in range(PAGE + 1)]
    for number, payment_key in enumerate(keys):
        toss.clock = begins + timedelta(hours=number)
        order = ids.uuid7()
        method = toss.authenticate(order_id=str(order), amount=8_000, payment_key=payment_key)
        charge(gateway, charge_request(rental_id=order, method=method))
        if number == 0:
            refund(gateway, charge_request(rental_id=order, method=method), ids.uuid7(), 3_000)

    until = begins + timedelta(hours=PAGE)
    page = gateway.list_charges(since=begins, until=until, deadline_s=AMPLE_S)
    rest = gateway.list_charges(since=begins, until=until, cursor=page.cursor, deadline_s=AMPLE_S)

    listed = [*page.charges, *rest.charges]
    assert [charge.record.reference for charge in listed] == keys[:PAGE]
    assert [charge.record.refunded for charge in listed] == [3_000] + [0] * (PAGE - 1)
    assert {charge.payment_id for charge in listed} == {None}
    assert rest.cursor == ""
    first = next(request for request in toss.requests if request.path == "/v1/transactions")
    assert first.query == {"startDate": "2026-05-01T00:00:00.000", "endDate": "2026-05-01T20:00:00.000", "limit": str(PAGE)}


@pytest.mark.parametrize("attempt", ["", "-2"])
def test_a_webhook_is_only_a_hint_of_its_rental(gateway: TossGateway, attempt: str) -> None:
    rental = ids.uuid7()
    body = recorded("toss/webhook")
    body["data"]["orderId"] = f"{rental}{attempt}"

    assert gateway.read_webhook(headers={}, body=json.dumps(body).encode(), now=datetime.now(UTC)) == WebhookHint(rental_id=rental)


@pytest.mark.parametrize("webhook", [recorded("toss/webhook"), {"eventType": "PAYOUT_STATUS_CHANGED", "data": {"payoutKey": "x"}}])
def test_a_webhook_about_no_order_of_ours_is_ignored(gateway: TossGateway, webhook: Any) -> None:
    assert gateway.read_webhook(headers={}, body=json.dumps(webhook).encode(), now=datetime.now(UTC)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"eventType": "PAYMENT_STATUS_CHANGED"}',
        b'{"eventType": "PAYMENT_STATUS_CHANGED", "data": {"paymentKey": "x"}}',
        b'{"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": 7}}',
    ],
)
def test_an_unreadable_webhook_is_refused(gateway: TossGateway, body: bytes) -> None:
    with pytest.raises(WebhookRefusedError):
        gateway.read_webhook(headers={}, body=body, now=datetime.now(UTC))
