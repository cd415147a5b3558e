"""Stripe: a PaymentIntent is found again by our key, or made sure never to be charged; and refunds, each once for ever."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from apps.payments.gateways.port import Entry, Intent, NoAnswerError, RefundEntry, RefundStanding, Standing
from apps.payments.gateways.stripe import StripeGateway
from gdmarket import clock, ids
from tests.unit.payments.replica import LOST, Reply, Request, only, recorded
from tests.unit.payments.stripe.replica import SECRET, StripeReplica, refused
from tests.unit.payments.stripe.till import CHARGED, DEADLINE_S, MAKE, NOTHING, READ, REFUND, charge, look_up, refund

VOIDED = Entry(standing=Standing.VOIDED)
SEARCH = "GET /v1/payment_intents/search"
CANCEL = "POST /v1/payment_intents/pi_0000/cancel"


@pytest.fixture
def tomorrow(stripe: StripeReplica) -> Iterator[StripeGateway]:
    """Return the gateway of the day after, when Stripe has forgotten every key."""
    gateway = StripeGateway(base_url=stripe.url, secret_key=SECRET, now=lambda: clock.now() + timedelta(days=1))
    yield gateway
    gateway.close()


def void(gateway: StripeGateway, intent: Intent) -> Entry:
    return gateway.void(intent=intent, deadline_s=DEADLINE_S)


def test_a_young_key_is_found_without_search_which_lags(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    stripe.is_searchable = False
    charge(gateway, intent)

    assert look_up(gateway, intent) == CHARGED
    assert SEARCH not in stripe.calls()
    assert len(stripe.book) == 1


def test_an_old_key_is_found_by_search_and_never_made_again(
    stripe: StripeReplica, gateway: StripeGateway, tomorrow: StripeGateway, intent: Intent
) -> None:
    charge(gateway, intent)
    stripe.forget_keys()

    assert look_up(tomorrow, intent) == CHARGED
    assert void(tomorrow, intent) == CHARGED
    assert charge(tomorrow, intent) == CHARGED
    assert (len(stripe.book), stripe.calls().count(MAKE)) == (1, 1)


def test_what_search_says_of_a_state_is_not_believed(
    stripe: StripeReplica, gateway: StripeGateway, tomorrow: StripeGateway, intent: Intent
) -> None:
    charge(gateway, intent)
    stale = recorded("stripe/payment_intent") | {"id": "pi_0000", "status": "canceled"}
    stripe.instead = only(SEARCH, Reply(body=recorded("stripe/search_result") | {"data": [stale]}))

    assert look_up(tomorrow, intent) == CHARGED


def test_a_reference_leads_there_at_once(stripe: StripeReplica, tomorrow: StripeGateway, gateway: StripeGateway, intent: Intent) -> None:
    charge(gateway, intent)
    stripe.requests.clear()

    assert look_up(tomorrow, replace(intent, reference="pi_0000")) == CHARGED
    assert stripe.calls() == [READ]


def test_a_reference_to_another_payment_is_not_believed(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    charge(gateway, intent)

    with pytest.raises(NoAnswerError, match="another_payment"):
        look_up(gateway, replace(intent, key=ids.uuid7(), reference="pi_0000"))


def test_an_old_key_that_was_never_seen_is_not_found(stripe: StripeReplica, tomorrow: StripeGateway, intent: Intent) -> None:
    assert look_up(tomorrow, intent) == NOTHING
    assert stripe.book == {}


def test_an_unseen_key_is_voided_for_ever(stripe: StripeReplica, gateway: StripeGateway, tomorrow: StripeGateway, intent: Intent) -> None:
    assert void(gateway, intent) == VOIDED
    assert void(gateway, intent) == VOIDED
    assert charge(gateway, intent) == VOIDED
    stripe.forget_keys()
    assert charge(tomorrow, intent) == VOIDED
    assert look_up(tomorrow, intent) == VOIDED
    assert len(stripe.book) == 1


def test_an_old_unseen_key_is_voided_too(stripe: StripeReplica, tomorrow: StripeGateway, intent: Intent) -> None:
    assert void(tomorrow, intent) == VOIDED
    assert charge(tomorrow, intent) == VOIDED


def test_a_key_used_for_another_sum_while_search_lags_is_no_answer(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    stripe.is_searchable = False
    charge(gateway, intent)

    with pytest.raises(NoAnswerError, match="key_reused"):
        charge(gateway, replace(intent, amount=9_000))


def test_a_failed_cancel_is_not_replayed(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    stripe.instead = only(CANCEL, refused(500))
    with pytest.raises(NoAnswerError):
        void(gateway, intent)
    stripe.instead = lambda _: None

    assert void(gateway, intent) == VOIDED
    keys = [request.headers["idempotency-key"] for request in stripe.requests if request.call == CANCEL]
    assert len(set(keys)) == 2


def test_a_charge_that_succeeds_while_it_is_voided_is_charged(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    def meanwhile(request: Request) -> Reply | None:
        if request.call == CANCEL:
            stripe._confirm(stripe.book["pi_0000"], {"payment_method": "pm_card_visa"})
        return None

    stripe.instead = meanwhile

    assert void(gateway, intent) == CHARGED


@pytest.mark.parametrize(
    ("changes", "entry"),
    [
        ({"status": "requires_confirmation"}, NOTHING),
        ({"status": "requires_action"}, NOTHING),
        ({"status": "requires_capture"}, NOTHING),
        ({"status": "requires_payment_method"}, NOTHING),
        ({"status": "processing"}, Entry(standing=Standing.PROCESSING)),
        ({"status": "canceled"}, VOIDED),
        ({"latest_charge": "ch_1"}, Entry(standing=Standing.DECLINED, reason="declined", reference="pi_0000")),
        (
            {"last_payment_error": {"code": "expired_card"}},
            Entry(standing=Standing.DECLINED, reason="expired_card", reference="pi_0000"),
        ),
    ],
)
def test_each_state_of_an_intent_has_one_meaning(
    stripe: StripeReplica, gateway: StripeGateway, intent: Intent, changes: dict[str, object], entry: Entry
) -> None:
    look_up(gateway, intent)
    stripe.book["pi_0000"].update(changes)

    assert look_up(gateway, intent) == entry


def test_money_is_given_back_in_parts_each_once_for_ever(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    charge(gateway, intent)
    first = ids.uuid7()

    given = refund(gateway, intent, first, 3_000)
    stripe.forget_keys()
    charged = replace(intent, reference="pi_0000")
    again = refund(gateway, charged, first, 3_000)
    rest = refund(gateway, charged, ids.uuid7(), 5_000)

    assert given == again == RefundEntry(standing=RefundStanding.REFUNDED, reference="re_0000")
    assert rest == RefundEntry(standing=RefundStanding.REFUNDED, reference="re_0001")
    assert look_up(gateway, charged) == replace(CHARGED, refunded=8_000)
    sent = [request for request in stripe.requests if request.call == REFUND]
    assert sent[0].headers["idempotency-key"] == f"refund-{first}"
    assert len(sent) == 2


def test_a_refund_whose_answer_was_lost_is_found_again(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    charge(gateway, intent)
    refund_key = ids.uuid7()
    stripe.afterwards = only(REFUND, LOST)
    with pytest.raises(NoAnswerError):
        refund(gateway, intent, refund_key)
    stripe.afterwards = lambda _: None
    stripe.forget_keys()

    assert refund(gateway, replace(intent, reference="pi_0000"), refund_key).standing is RefundStanding.REFUNDED
    assert len(stripe.refunds) == 1


@pytest.mark.parametrize(
    ("status", "entry"),
    [
        ("succeeded", RefundEntry(standing=RefundStanding.REFUNDED, reference="re_0000")),
        ("pending", RefundEntry(standing=RefundStanding.PROCESSING, reference="re_0000")),
        ("requires_action", RefundEntry(standing=RefundStanding.PROCESSING, reference="re_0000")),
        ("failed", RefundEntry(standing=RefundStanding.REFUSED, reference="re_0000", reason="failed")),
        ("canceled", RefundEntry(standing=RefundStanding.REFUSED, reference="re_0000", reason="canceled")),
    ],
)
def test_a_refund_is_followed_until_it_ends(
    stripe: StripeReplica, gateway: StripeGateway, intent: Intent, status: str, entry: RefundEntry
) -> None:
    charge(gateway, intent)
    refund_key = ids.uuid7()
    stripe.refund_status = "pending"
    assert refund(gateway, intent, refund_key).standing is RefundStanding.PROCESSING

    stripe.refunds[0]["status"] = status

    assert refund(gateway, intent, refund_key) == entry
    assert len(stripe.refunds) == 1


def test_a_refund_by_hand_under_our_key_counts_though_ours_failed(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    charge(gateway, intent)
    refund_key = ids.uuid7()
    stripe.refund_status = "failed"
    refund(gateway, intent, refund_key)
    by_hand = stripe.refunds[0] | {"id": "re_hand", "status": "succeeded"}
    stripe.refunds.append(by_hand)

    assert refund(gateway, intent, refund_key) == RefundEntry(standing=RefundStanding.REFUNDED, reference="re_hand")


def test_more_than_was_charged_is_never_asked_back(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    charge(gateway, intent)

    assert refund(gateway, intent, ids.uuid7(), 8_001) == RefundEntry(standing=RefundStanding.REFUSED, reason="more_than_charged")
    assert REFUND not in stripe.calls()


def test_what_was_not_charged_is_not_given_back(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    assert refund(gateway, intent, ids.uuid7()) == RefundEntry(standing=RefundStanding.REFUSED, reason="not_charged")


def test_one_refund_key_is_for_one_sum_of_one_payment(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    other = replace(intent, key=ids.uuid7())
    charge(gateway, intent)
    charge(gateway, other)
    refund_key = ids.uuid7()
    refund(gateway, intent, refund_key, 3_000)

    again = [refund(gateway, intent, refund_key, 4_000), refund(gateway, other, refund_key, 3_000)]

    assert [(entry.standing, entry.reason) for entry in again] == [(RefundStanding.REFUSED, "refund_key_reused")] * 2
    assert len(stripe.refunds) == 1


def test_a_refund_that_stripe_refuses_gives_nothing_back(stripe: StripeReplica, gateway: StripeGateway, intent: Intent) -> None:
    charge(gateway, intent)
    stripe.instead = only(REFUND, refused(400, code="charge_disputed"))

    assert refund(gateway, intent, ids.uuid7()) == RefundEntry(standing=RefundStanding.REFUSED, reason="charge_disputed")
