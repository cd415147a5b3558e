"""Whose turn it is, until when, and the order of a timeline."""

import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.items.events import ItemRevised
from apps.payments.contracts import PaymentSnapshot
from apps.payments.events import PaymentApproved
from apps.rentals.events import RentalCancelRequested, RentalHandedOver, RentalPaid, RentalPaymentStarted, RentalRefundDue, RentalRequested
from apps.status_view import domain, handlers
from apps.status_view.domain import NextActor
from config.subscriptions import SUBSCRIPTIONS
from gdmarket import ids
from tests.unit.status_view.facts import DAY, NOON, ItemFacts, RentalFacts, payment_fact

TIMES: dict[str, Any] = {"payment_due_at": NOON, "starts_at": NOON + DAY, "ends_at": NOON + 2 * DAY}


@pytest.mark.parametrize(
    ("state", "turn", "deadline"),
    [
        ("requested", NextActor.RENTER, TIMES["payment_due_at"]),
        ("paying", NextActor.PROVIDER, None),
        ("paid", NextActor.MANAGER, TIMES["starts_at"]),
        ("refunding", NextActor.PROVIDER, None),
        ("rented", NextActor.RENTER, TIMES["ends_at"]),
        ("returned", NextActor.NOBODY, None),
        ("cancelled", NextActor.NOBODY, None),
        ("expired", NextActor.NOBODY, None),
    ],
)
def test_each_state_has_its_turn_and_its_deadline(state: str, turn: NextActor, deadline: Any) -> None:
    assert domain.next_actor(state=state) is turn
    assert domain.deadline(rental={"state": state, **TIMES}) == deadline


def test_the_view_subscribes_to_every_fact_with_a_snapshot() -> None:
    subscribed = {event for event, subscribers in SUBSCRIPTIONS.items() if handlers.on_facts in subscribers}
    assert subscribed == {event for event in SUBSCRIPTIONS if issubclass(event, domain.Fact)}


def test_a_photo_stays_until_a_fact_says_that_there_is_none() -> None:
    # The version before photos does not tell of them.
    for told, changes in (({}, {}), ({"thumbnail": None}, {"thumbnail": None}), ({"thumbnail": "a.webp"}, {"thumbnail": "a.webp"})):
        changed = domain.item_changes(version=0, fact=ItemFacts(**told).then(ItemRevised))
        assert {name: value for name, value in changed.items() if name == "thumbnail"} == changes
        assert changed["version"] == 1


def _rental(state: str, days: int, n: int) -> dict[str, Any]:
    starts_at = NOON + days * DAY
    columns = dict.fromkeys(domain.HOLDING_PART)
    return {**columns, "id": UUID(int=n), "state": state, "starts_at": starts_at, "ends_at": starts_at + DAY}


@pytest.mark.parametrize(
    ("holding", "availability", "current"),
    [
        ([], "available", None),
        ([_rental("requested", 1, 1)], "reserved", 1),
        ([_rental("paying", 1, 1), _rental("paid", 0, 2)], "reserved", 2),
        ([_rental("paid", 0, 1), _rental("rented", 1, 2)], "rented", 2),
        ([_rental("refunding", 0, 2), _rental("paid", 0, 1)], "reserved", 1),
    ],
)
def test_an_item_is_held_by_what_is_out_or_else_by_what_begins_first(holding: list[Any], availability: str, current: int | None) -> None:
    for order in itertools.permutations(holding):
        held = domain.held_by(open_rentals=order)
        assert (held["availability"], held["current_rental_id"]) == (availability, current and UUID(int=current))


def _order(*facts: Any) -> list[str]:
    timeline: list[Any] = []
    for fact in facts:
        if isinstance(fact, PaymentSnapshot):
            changes = domain.payment_changes(payments={}, timeline=timeline, fact=fact)
        else:
            changes = domain.rental_changes(version=0, timeline=timeline, fact=fact)
        timeline = changes.get("timeline", timeline)
    return [entry["fact"] for entry in timeline]


def test_a_second_attempt_reads_in_order_though_one_call_gives_all_its_facts_one_instant() -> None:
    rental, first, second = RentalFacts(ItemFacts()), ids.uuid7(), ids.uuid7()
    facts = [rental.then(RentalRequested), *rental.fails_to_pay(first), *rental.pays(second), *rental.is_refunded(second)]
    as_it_went = [type(fact).__name__ for fact in facts]

    assert _order(*facts) == as_it_went
    assert _order(*reversed(facts)) == as_it_went


def test_an_approval_known_late_follows_the_attempt_it_answers() -> None:
    rental, payment_id = RentalFacts(ItemFacts()), ids.uuid7()
    facts = [
        rental.then(RentalRequested),
        rental.then(RentalPaymentStarted, payment_id=payment_id, method="pm_lost"),
        payment_fact(PaymentApproved, rental=rental, payment_id=payment_id, version=3),
        # The paying call began before the cancel, and gives its outcome the instant at which it began.
        rental.then(RentalCancelRequested, at=NOON + timedelta(seconds=1), reason="rain"),
        rental.then(RentalRefundDue, at=NOON, reason="rain"),
    ]

    for order in itertools.permutations(facts):
        assert _order(*order) == [
            "RentalRequested",
            "RentalPaymentStarted",
            "PaymentApproved",
            "RentalCancelRequested",
            "RentalRefundDue",
        ]


def test_money_that_no_attempt_asked_for_stands_where_its_instant_puts_it() -> None:
    rental = RentalFacts(ItemFacts())
    facts = [
        rental.then(RentalRequested),
        payment_fact(PaymentApproved, rental=rental, payment_id=ids.uuid7(), at=NOON + timedelta(minutes=1)),
        rental.then(RentalPaid, at=NOON + timedelta(minutes=2)),
        rental.then(RentalHandedOver, at=NOON + DAY),
    ]

    for order in itertools.permutations(facts):
        assert _order(*order) == ["RentalRequested", "PaymentApproved", "RentalPaid", "RentalHandedOver"]


def test_an_entry_says_what_when_whose_and_why() -> None:
    rental, payment_id = RentalFacts(ItemFacts()), ids.uuid7()
    _, declined, failed = rental.fails_to_pay(payment_id)

    assert domain.payment_changes(payments={}, timeline=[], fact=declined)["timeline"] == [
        {
            "fact": "PaymentDeclined",
            "at": "2036-05-01T12:00:00Z",
            "version": 2,
            "source": "payment",
            "reason": "no funds",
            "payment": str(payment_id),
            "amount": 8_000,
        }
    ]
    assert domain.rental_changes(version=0, timeline=[], fact=failed)["timeline"] == [
        {"fact": "RentalPaymentFailed", "at": "2036-05-01T12:00:00Z", "version": 2, "source": "rental", "reason": "no funds"}
    ]
