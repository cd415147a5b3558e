"""Stripe, against a local server that answers in its documented shapes: charging."""

from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, GatewayError, NoAnswerError, NotSentError, RefusedError
from apps.payments.gateways.stripe.gateway import StripeGateway
from gdmarket import ids
from tests.unit.payments.gateway_calls import NOTHING, VOIDED, charge, look_up, refund, void
from tests.unit.payments.provider_stub import LOST, Reply, Request, only, recorded
from tests.unit.payments.stripe.stub import CHARGED, CONFIRM, MAKE, READ, SECRET, StripeStub, refused


def test_an_intent_is_created_without_a_card_and_then_confirmed(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    assert charge(gateway, wanted) == CHARGED

    assert stripe.calls() == [MAKE, CONFIRM]
    made, confirmed = stripe.requests
    assert parse_qs(made.body.decode()) == {
        "amount": ["8000"],
        "currency": ["krw"],
        "allowed_payment_method_types[0]": ["card"],
        "metadata[gdmarket_payment]": [str(wanted.payment_id)],
        "metadata[gdmarket_rental]": [str(wanted.rental_id)],
    }
    assert parse_qs(confirmed.body.decode()) == {
        "payment_method": ["pm_card_visa"],
        "error_on_requires_action": ["true"],
        "expand[0]": ["latest_charge"],
    }
    assert (made.headers["idempotency-key"], confirmed.headers["idempotency-key"]) == (
        f"intent-{wanted.payment_id}",
        f"confirm-{wanted.payment_id}",
    )
    assert made.headers["stripe-version"] == "2026-10-28.endive"
    assert not {"x-stripe-client-telemetry", "telemetry_id", "platform"} & set(made.headers)


@pytest.mark.parametrize(
    ("method", "is_one"),
    [("pm_card_visa", True), ("pm_1P5kttEzVBJFlm8c9vwcMvTh", True), ("card_1", False), ("pm_", False), ("pm_a\n", False)],
)
def test_a_method_is_the_id_of_a_payment_method(gateway: StripeGateway, method: str, is_one: bool) -> None:
    assert gateway.accepts(method=method) is is_one


@pytest.mark.parametrize(("method", "reason"), [("pm_declined", "insufficient_funds"), ("pm_acts", "authentication_required")])
def test_a_card_declined_or_requiring_action_stays_declined(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest, method: str, reason: str
) -> None:
    declined = ChargeRecord(status=ChargeStatus.DECLINED, reason=reason, reference="pi_0000")
    bad = replace(wanted, method=method)

    assert charge(gateway, bad) == declined
    stripe.forget_keys()
    assert charge(gateway, replace(bad, method="pm_card_visa", provider_reference="pi_0000")) == declined
    assert look_up(gateway, replace(bad, provider_reference="pi_0000")) == declined
    assert stripe.calls().count(CONFIRM) == 1
    assert stripe.succeeded() == 0


def test_a_payment_method_that_does_not_exist_is_declined(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    assert charge(gateway, replace(wanted, method="pm_unknown")) == ChargeRecord(
        status=ChargeStatus.DECLINED, reason="resource_missing", reference="pi_0000"
    )

    assert stripe.succeeded() == 0


@pytest.mark.parametrize("reason", ["amount_too_small", "amount_too_large"])
def test_a_sum_that_stripe_never_takes_is_a_decline_that_says_so(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest, reason: str
) -> None:
    stripe.instead = only(MAKE, refused(400, code=reason, param="amount"))
    declined = ChargeRecord(status=ChargeStatus.DECLINED, reason=reason)

    assert [ask(gateway, wanted) for ask in (charge, look_up, void)] == [declined] * 3

    assert (set(stripe.calls()), stripe.payments) == ({MAKE}, {})


def test_a_charge_whose_answer_was_lost_is_found_again(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    stripe.afterwards = only(CONFIRM, LOST)
    with pytest.raises(NoAnswerError):
        charge(gateway, wanted)

    assert look_up(gateway, wanted) == CHARGED
    assert void(gateway, wanted) == CHARGED


def test_a_charge_whose_creation_got_no_answer_is_never_made(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    stripe.afterwards = only(MAKE, LOST)
    with pytest.raises(NoAnswerError):
        charge(gateway, wanted)
    stripe.afterwards = lambda _: None

    assert look_up(gateway, wanted) == NOTHING
    assert void(gateway, wanted) == VOIDED
    assert charge(gateway, wanted) == VOIDED
    assert (stripe.succeeded(), len(stripe.payments)) == (0, 1)


def test_an_intent_confirmed_meanwhile_is_read_again(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    def meanwhile(request: Request) -> Reply | None:
        if request.call == CONFIRM and stripe.succeeded() == 0:
            stripe._confirm(stripe.payments["pi_0000"], {"payment_method": "pm_card_visa"})
        return None

    stripe.instead = meanwhile

    assert charge(gateway, wanted) == CHARGED


@pytest.mark.parametrize("reading", [refused(401), refused(404), refused(500), LOST, Reply(body=recorded("stripe/payment_intent"))])
def test_a_confirmation_that_cannot_be_read_again_is_no_answer(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest, reading: Reply
) -> None:
    answers = {CONFIRM: refused(400, code="payment_intent_unexpected_state"), READ: reading}
    stripe.instead = lambda request: answers.get(request.call)

    with pytest.raises(NoAnswerError):
        charge(gateway, wanted)


def test_a_refused_confirmation_of_an_untouched_intent_is_no_answer(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest
) -> None:
    for refusal in (refused(400, code="payment_intent_unexpected_state"), refused(400, type="idempotency_error", code=None)):
        stripe.instead = only(CONFIRM, refusal)

        with pytest.raises(NoAnswerError, match="key_in_use"):
            charge(gateway, wanted)


@pytest.mark.parametrize("status", [401, 403])
def test_rejected_credentials_are_refused(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest, status: int) -> None:
    stripe.instead = lambda _: refused(status, code=None)

    for ask in (charge, look_up, lambda gateway, wanted: refund(gateway, wanted, ids.uuid7())):
        with pytest.raises(RefusedError) as refusal:
            ask(gateway, wanted)
        assert SECRET not in repr(refusal.value)


@pytest.mark.parametrize("call", [MAKE, CONFIRM])
@pytest.mark.parametrize(
    "reply",
    [
        refused(409, type="idempotency_error", code="idempotency_key_in_use"),
        Reply(status=429, body=refused(429, code="rate_limit").body, headers=(("Retry-After", "7"),)),
        refused(500, type="api_error", code=None),
        Reply(status=302, headers=(("Location", "http://127.0.0.1:1/"),)),
        Reply(status=200, body=b"<html>"),
        Reply(status=200, body=b"\xff"),
        Reply(status=200, body=[]),
        Reply(status=200, body={"id": "pi_0000"}),
        Reply(status=200, body=recorded("stripe/payment_intent") | {"status": "paid"}),
        Reply(status=200, body=recorded("stripe/payment_intent") | {"status": "succeeded"}),
        Reply(status=200, body=recorded("stripe/payment_intent") | {"amount_received": "8000"}),
        Reply(status=402, body=b"<html>"),
        Reply(status=200, body=b"x" * 3_000_000),
        LOST,
    ],
)
def test_an_unsettling_response_is_no_answer(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest, call: str, reply: Reply
) -> None:
    stripe.instead = only(call, reply)

    with pytest.raises(NoAnswerError) as unknown:
        charge(gateway, wanted)
    assert unknown.value.retry_after_s == (7.0 if reply.status == 429 else None)
    assert stripe.succeeded() == 0


def test_a_refused_connection_is_not_sent(wanted: ChargeRequest) -> None:
    with pytest.raises(NotSentError):
        charge(StripeGateway(base_url="http://127.0.0.1:1", secret_key=SECRET), wanted)


def test_all_requests_of_a_call_share_one_deadline(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    with pytest.raises(GatewayError, match="timed_out"):
        gateway.charge(request=wanted, deadline_s=0.0)

    assert stripe.calls() == []
