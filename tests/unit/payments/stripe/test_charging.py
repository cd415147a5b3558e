"""Stripe, against a local server that answers in its documented shapes: charging, giving back, listing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from apps.payments.gateways.port import Entry, GatewayError, Intent, Listed, NoAnswerError, NotSentError, RefusedError, Standing
from apps.payments.gateways.stripe import StripeGateway
from gdmarket import ids
from tests.unit.payments.replica import LOST, Reply, Request, only, recorded
from tests.unit.payments.stripe.replica import SECRET, StripeReplica, refused
from tests.unit.payments.stripe.till import CHARGED, CONFIRM, DEADLINE_S, MAKE, NOTHING, READ, charge, look_up, refund, succeeded


def test_an_intent_is_made_without_a_card_and_then_confirmed(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    assert charge(gateway, intent) == CHARGED

    assert stripe.calls() == [MAKE, CONFIRM]
    made, confirmed = stripe.requests
    assert parse_qs(made.body.decode()) == {
        "amount": ["8000"],
        "currency": ["krw"],
        "allowed_payment_method_types[0]": ["card"],
        "metadata[gdmarket_payment]": [str(intent.key)],
        "metadata[gdmarket_rental]": [str(intent.order)],
    }
    assert parse_qs(confirmed.body.decode()) == {
        "payment_method": ["pm_card_visa"],
        "error_on_requires_action": ["true"],
        "expand[0]": ["latest_charge"],
    }
    assert (made.headers["idempotency-key"], confirmed.headers["idempotency-key"]) == (f"intent-{intent.key}", f"confirm-{intent.key}")
    assert made.headers["stripe-version"] == "2026-10-28.endive"
    assert not {"x-stripe-client-telemetry", "telemetry_id", "platform"} & set(made.headers)


@pytest.mark.parametrize(
    ("method", "is_one"),
    [("pm_card_visa", True), ("pm_1P5kttEzVBJFlm8c9vwcMvTh", True), ("card_1", False), ("pm_", False), ("pm_a\n", False)],
)
def test_a_method_is_the_name_of_a_payment_method(gateway: StripeGateway, method: str, is_one: bool) -> None:
    assert gateway.accepts(method=method) is is_one


@pytest.mark.parametrize(("method", "reason"), [("pm_declined", "insufficient_funds"), ("pm_acts", "authentication_required")])
def test_a_card_that_is_declined_or_wants_the_renter_to_act_stays_declined(
    stripe: StripeReplica, gateway: StripeGateway, intent: Intent, method: str, reason: str
) -> None:
    declined = Entry(standing=Standing.DECLINED, reason=reason, reference="pi_0000")
    bad = replace(intent, method=method)

    assert charge(gateway, bad) == declined
    stripe.forget_keys()
    assert charge(gateway, replace(bad, method="pm_card_visa", reference="pi_0000")) == declined
    assert look_up(gateway, replace(bad, reference="pi_0000")) == declined
    assert stripe.calls().count(CONFIRM) == 1
    assert succeeded(stripe) == 0


def test_a_method_that_stripe_does_not_know_is_refused_and_nothing_charged(
    stripe: StripeReplica, gateway: StripeGateway, intent: Intent
) -> None:
    with pytest.raises(RefusedError, match="resource_missing"):
        charge(gateway, replace(intent, method="pm_unknown"))

    assert succeeded(stripe) == 0


def test_a_charge_again_takes_nothing_more(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    entries = [charge(gateway, intent), charge(gateway, intent), charge(gateway, replace(intent, amount=9_000))]

    assert entries == [CHARGED] * 3
    assert succeeded(stripe) == 1
    assert stripe.calls().count(CONFIRM) == 1


def test_a_charge_whose_answer_was_lost_is_found_again(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    stripe.afterwards = only(CONFIRM, LOST)
    with pytest.raises(NoAnswerError):
        charge(gateway, intent)

    assert look_up(gateway, intent) == CHARGED
    assert gateway.void(intent=intent, deadline_s=DEADLINE_S) == CHARGED


def test_a_charge_whose_making_was_lost_never_happens(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    stripe.afterwards = only(MAKE, LOST)
    with pytest.raises(NoAnswerError):
        charge(gateway, intent)
    stripe.afterwards = lambda _: None

    assert look_up(gateway, intent) == NOTHING
    assert gateway.void(intent=intent, deadline_s=DEADLINE_S) == Entry(standing=Standing.VOIDED)
    assert charge(gateway, intent) == Entry(standing=Standing.VOIDED)
    assert (succeeded(stripe), len(stripe.book)) == (0, 1)


def test_an_intent_that_was_confirmed_meanwhile_is_read_again(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    def meanwhile(request: Request) -> Reply | None:
        if request.call == CONFIRM and succeeded(stripe) == 0:
            stripe._confirm(stripe.book["pi_0000"], {"payment_method": "pm_card_visa"})
        return None

    stripe.instead = meanwhile

    assert charge(gateway, intent) == CHARGED


@pytest.mark.parametrize("reading", [refused(401), refused(404), refused(500), LOST, Reply(body=recorded("stripe/payment_intent"))])
def test_a_confirmation_that_cannot_be_read_again_is_never_said_not_to_have_happened(
    stripe: StripeReplica, gateway: StripeGateway, intent: Intent, reading: Reply
) -> None:
    answers = {CONFIRM: refused(400, code="payment_intent_unexpected_state"), READ: reading}
    stripe.instead = lambda request: answers.get(request.call)

    with pytest.raises(NoAnswerError):
        charge(gateway, intent)


def test_a_confirmation_refused_though_nothing_was_attempted_is_no_answer(
    stripe: StripeReplica, gateway: StripeGateway, intent: Intent
) -> None:
    for refusal in (refused(400, code="payment_intent_unexpected_state"), refused(400, type="idempotency_error", code=None)):
        stripe.instead = only(CONFIRM, refusal)

        with pytest.raises(NoAnswerError, match="key_in_use"):
            charge(gateway, intent)


@pytest.mark.parametrize("status", [401, 403])
def test_where_stripe_does_not_know_us_surely_nothing_was_done(
    stripe: StripeReplica, gateway: StripeGateway, intent: Intent, status: int
) -> None:
    stripe.instead = lambda _: refused(status, code=None)

    for ask in (charge, look_up, lambda gateway, intent: refund(gateway, intent, ids.uuid7())):
        with pytest.raises(RefusedError) as refusal:
            ask(gateway, intent)
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
def test_an_answer_that_settles_nothing_is_no_answer(
    stripe: StripeReplica, gateway: StripeGateway, intent: Intent, call: str, reply: Reply
) -> None:
    stripe.instead = only(call, reply)

    with pytest.raises(NoAnswerError) as unknown:
        charge(gateway, intent)
    assert unknown.value.retry_after_s == (7.0 if reply.status == 429 else None)
    assert succeeded(stripe) == 0


def test_a_server_that_is_not_there_was_surely_not_reached(intent: Intent) -> None:
    with pytest.raises(NotSentError):
        charge(StripeGateway(base_url="http://127.0.0.1:1", secret_key=SECRET), intent)


def test_all_requests_of_a_call_share_one_deadline(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    with pytest.raises(GatewayError, match="timed_out"):
        gateway.charge(intent=intent, deadline_s=0.0)

    assert stripe.calls() == []


def test_charges_of_a_time_are_listed_page_by_page_with_what_was_given_back(
    stripe: StripeReplica, gateway: StripeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.payments.gateways.stripe.session.PAGE", 2)
    began = datetime.now(UTC) - timedelta(seconds=2)
    intents = [
        Intent(key=ids.uuid7(), order=ids.uuid7(), amount=8_000, currency="KRW", method=method)
        for method in ("pm_a", "pm_declined", "pm_b", "pm_c", "pm_d")
    ]
    for one in intents:
        charge(gateway, one)
    refund(gateway, intents[0], ids.uuid7(), 3_000)

    listed: list[Listed] = []
    cursor, pages = "", 0
    while pages == 0 or cursor:
        page = gateway.list_charges(since=began, until=datetime.now(UTC) + timedelta(seconds=2), cursor=cursor, deadline_s=DEADLINE_S)
        listed, cursor, pages = [*listed, *page.charges], page.cursor, pages + 1

    assert pages == 3
    assert [charge.key for charge in listed] == [intents[number].key for number in (4, 3, 2, 0)]
    assert [charge.entry.refunded for charge in listed] == [0, 0, 0, 3_000]
    assert gateway.list_charges(since=began - timedelta(days=2), until=began, deadline_s=DEADLINE_S).charges == ()
