"""Stripe: finding a PaymentIntent by our key, voiding it, and refunding it once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, RefundRecord, RefundStatus
from apps.payments.gateways.stripe.gateway import StripeGateway
from gdmarket import clock, ids
from tests.unit.payments.gateway_calls import NOTHING, VOIDED, charge, look_up, refund, void
from tests.unit.payments.provider_stub import LOST, Reply, Request, only, recorded
from tests.unit.payments.stripe.stub import CANCEL, CHARGED, MAKE, READ, REFUND, SEARCH, SECRET, StripeStub, refused


@pytest.fixture
def tomorrow(stripe: StripeStub) -> Iterator[StripeGateway]:
    """Return a gateway a day later, when Stripe has forgotten every idempotency key."""
    gateway = StripeGateway(base_url=stripe.url, secret_key=SECRET, now=lambda: clock.now() + timedelta(days=1))
    yield gateway
    gateway.close()


def test_a_young_key_is_found_without_search(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    stripe.is_searchable = False
    charge(gateway, wanted)

    assert look_up(gateway, wanted) == CHARGED
    assert SEARCH not in stripe.calls()
    assert len(stripe.payments) == 1


def test_an_old_key_is_found_by_search_and_never_created_again(
    stripe: StripeStub, gateway: StripeGateway, tomorrow: StripeGateway, wanted: ChargeRequest
) -> None:
    charge(gateway, wanted)
    stripe.forget_keys()

    assert look_up(tomorrow, wanted) == CHARGED
    assert void(tomorrow, wanted) == CHARGED
    assert charge(tomorrow, wanted) == CHARGED
    assert (len(stripe.payments), stripe.calls().count(MAKE)) == (1, 1)


def test_the_state_in_a_search_result_is_not_trusted(
    stripe: StripeStub, gateway: StripeGateway, tomorrow: StripeGateway, wanted: ChargeRequest
) -> None:
    charge(gateway, wanted)
    stale = recorded("stripe/payment_intent") | {"id": "pi_0000", "status": "canceled"}
    stripe.instead = only(SEARCH, Reply(body=recorded("stripe/search_result") | {"data": [stale]}))

    assert look_up(tomorrow, wanted) == CHARGED


def test_a_known_reference_is_read_directly(
    stripe: StripeStub, tomorrow: StripeGateway, gateway: StripeGateway, wanted: ChargeRequest
) -> None:
    charge(gateway, wanted)
    stripe.requests.clear()

    assert look_up(tomorrow, replace(wanted, provider_reference="pi_0000")) == CHARGED
    assert stripe.calls() == [READ]


def test_a_reference_to_another_payment_is_no_answer(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    charge(gateway, wanted)

    with pytest.raises(NoAnswerError, match="another_payment"):
        look_up(gateway, replace(wanted, payment_id=ids.uuid7(), provider_reference="pi_0000"))


def test_an_old_unseen_key_is_not_found_and_can_be_voided(stripe: StripeStub, tomorrow: StripeGateway, wanted: ChargeRequest) -> None:
    assert look_up(tomorrow, wanted) == NOTHING
    assert stripe.payments == {}
    assert void(tomorrow, wanted) == VOIDED
    assert charge(tomorrow, wanted) == VOIDED


def test_a_voided_key_is_never_charged(stripe: StripeStub, gateway: StripeGateway, tomorrow: StripeGateway, wanted: ChargeRequest) -> None:
    assert void(gateway, wanted) == VOIDED
    assert void(gateway, wanted) == VOIDED
    assert charge(gateway, wanted) == VOIDED
    stripe.forget_keys()
    assert charge(tomorrow, wanted) == VOIDED
    assert look_up(tomorrow, wanted) == VOIDED
    assert len(stripe.payments) == 1


def test_a_key_used_for_another_sum_while_search_lags_is_no_answer(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest
) -> None:
    stripe.is_searchable = False
    charge(gateway, wanted)

    with pytest.raises(NoAnswerError, match="key_reused"):
        charge(gateway, replace(wanted, amount=9_000))


def test_a_failed_cancel_is_not_replayed(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    stripe.instead = only(CANCEL, refused(500))
    with pytest.raises(NoAnswerError):
        void(gateway, wanted)
    stripe.instead = lambda _: None

    assert void(gateway, wanted) == VOIDED
    keys = [request.headers["idempotency-key"] for request in stripe.requests if request.call == CANCEL]
    assert len(set(keys)) == 2


def test_a_charge_confirmed_during_the_void_is_charged(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    def meanwhile(request: Request) -> Reply | None:
        if request.call == CANCEL:
            stripe._confirm(stripe.payments["pi_0000"], {"payment_method": "pm_card_visa"})
        return None

    stripe.instead = meanwhile

    assert void(gateway, wanted) == CHARGED


@pytest.mark.parametrize(
    ("changes", "record"),
    [
        ({"status": "requires_confirmation"}, NOTHING),
        ({"status": "requires_action"}, NOTHING),
        ({"status": "requires_capture"}, NOTHING),
        ({"status": "requires_payment_method"}, NOTHING),
        ({"status": "processing"}, ChargeRecord(status=ChargeStatus.PROCESSING)),
        ({"status": "canceled"}, VOIDED),
        ({"latest_charge": "ch_1"}, ChargeRecord(status=ChargeStatus.DECLINED, reason="declined", reference="pi_0000")),
        (
            {"last_payment_error": {"code": "expired_card"}},
            ChargeRecord(status=ChargeStatus.DECLINED, reason="expired_card", reference="pi_0000"),
        ),
    ],
)
def test_each_status_of_an_intent_has_one_meaning(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest, changes: dict[str, object], record: ChargeRecord
) -> None:
    look_up(gateway, wanted)
    stripe.payments["pi_0000"].update(changes)

    assert look_up(gateway, wanted) == record


def test_each_partial_refund_is_made_once(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    charge(gateway, wanted)
    first = ids.uuid7()

    first_answer = refund(gateway, wanted, first, 3_000)
    stripe.forget_keys()
    charged = replace(wanted, provider_reference="pi_0000")
    again = refund(gateway, charged, first, 3_000)
    rest = refund(gateway, charged, ids.uuid7(), 5_000)

    assert first_answer == again == RefundRecord(status=RefundStatus.REFUNDED, reference="re_0000")
    assert rest == RefundRecord(status=RefundStatus.REFUNDED, reference="re_0001")
    assert look_up(gateway, charged) == replace(CHARGED, refunded=8_000)
    sent = [request for request in stripe.requests if request.call == REFUND]
    assert sent[0].headers["idempotency-key"] == f"refund-{first}"
    assert len(sent) == 2


def test_a_refund_whose_answer_was_lost_is_found_again(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    charge(gateway, wanted)
    refund_key = ids.uuid7()
    stripe.afterwards = only(REFUND, LOST)
    with pytest.raises(NoAnswerError):
        refund(gateway, wanted, refund_key)
    stripe.afterwards = lambda _: None
    stripe.forget_keys()

    assert refund(gateway, replace(wanted, provider_reference="pi_0000"), refund_key).status is RefundStatus.REFUNDED
    assert len(stripe.refunds) == 1


@pytest.mark.parametrize(
    ("status", "record"),
    [
        ("succeeded", RefundRecord(status=RefundStatus.REFUNDED, reference="re_0000")),
        ("pending", RefundRecord(status=RefundStatus.PROCESSING, reference="re_0000")),
        ("requires_action", RefundRecord(status=RefundStatus.PROCESSING, reference="re_0000")),
        ("failed", RefundRecord(status=RefundStatus.REFUSED, reference="re_0000", reason="failed")),
        ("canceled", RefundRecord(status=RefundStatus.REFUSED, reference="re_0000", reason="canceled")),
    ],
)
def test_a_pending_refund_is_followed_until_it_ends(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest, status: str, record: RefundRecord
) -> None:
    charge(gateway, wanted)
    refund_key = ids.uuid7()
    stripe.refund_status = "pending"
    assert refund(gateway, wanted, refund_key).status is RefundStatus.PROCESSING

    stripe.refunds[0]["status"] = status

    assert refund(gateway, wanted, refund_key) == record
    assert len(stripe.refunds) == 1


def test_a_refund_made_by_hand_under_our_key_counts_after_ours_failed(
    stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest
) -> None:
    charge(gateway, wanted)
    refund_key = ids.uuid7()
    stripe.refund_status = "failed"
    refund(gateway, wanted, refund_key)
    by_hand = stripe.refunds[0] | {"id": "re_hand", "status": "succeeded"}
    stripe.refunds.append(by_hand)

    assert refund(gateway, wanted, refund_key) == RefundRecord(status=RefundStatus.REFUNDED, reference="re_hand")


def test_a_refund_key_is_for_one_sum_of_one_payment(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    other = replace(wanted, payment_id=ids.uuid7())
    charge(gateway, wanted)
    charge(gateway, other)
    refund_key = ids.uuid7()
    refund(gateway, wanted, refund_key, 3_000)

    again = [refund(gateway, wanted, refund_key, 4_000), refund(gateway, other, refund_key, 3_000)]

    assert [(record.status, record.reason) for record in again] == [(RefundStatus.REFUSED, "refund_key_reused")] * 2
    assert len(stripe.refunds) == 1


def test_a_refund_refused_by_stripe_is_refused(stripe: StripeStub, gateway: StripeGateway, wanted: ChargeRequest) -> None:
    charge(gateway, wanted)
    stripe.instead = only(REFUND, refused(400, code="charge_disputed"))

    assert refund(gateway, wanted, ids.uuid7()) == RefundRecord(status=RefundStatus.REFUSED, reason="charge_disputed")
