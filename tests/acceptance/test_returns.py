"""Items that come back late, are booked in late, or by mistake; and who cancelled."""

from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from rest_framework.test import APIClient

from apps.rentals import queries
from apps.rentals.models import Rental
from apps.rentals.services import cancelling, requesting, transitions
from gdmarket import clock
from gdmarket.bus.models import Event
from gdmarket.errors import DomainError
from gdmarket.ids import uuid7
from tests.acceptance.conftest import Drain, Market, PassTime
from tests.acceptance.short_rentals import facts, post, refusal, request_paid, soon, status
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.usefixtures("short_rentals")


def lend(market: Market) -> tuple[dict[str, Any], dict[str, Any]]:
    item, rental = request_paid(market)
    assert post(market.manager, rental, "handover").json()["state"] == "rented"
    return item, rental


def test_an_item_back_in_time_and_booked_in_late_was_back_in_time(market: Market, drain: Drain, pass_time: PassTime) -> None:
    _item, rental = lend(market)
    back = (clock.now() + timedelta(minutes=20)).isoformat().replace("+00:00", "Z")
    pass_time(minutes=45)
    drain()
    assert market.see(rental)["overdue"] is True

    answer = post(market.manager, rental, "return", returned_at=back)
    drain()

    assert (answer.status_code, answer.json()["returned_at"]) == (200, back)
    shown = status(market, rental)
    assert (shown["overdue"], shown["returned_at"]) == (False, back)
    entry = next(entry for entry in shown["timeline"] if entry["fact"] == "RentalReturned")
    assert (entry["by"], entry["returned_at"]) == ("manager", back)
    assert entry["at"] == shown["closed_at"] > back


@pytest.mark.parametrize(("minutes", "code"), [(-10, "return_before_handover"), (10, "return_in_future")])
def test_an_item_is_not_back_before_it_was_handed_over_nor_in_the_future(market: Market, drain: Drain, minutes: int, code: str) -> None:
    _item, rental = lend(market)
    drain()
    before = Event.objects.count()

    assert refusal(post(market.manager, rental, "return", returned_at=soon(minutes=minutes))) == (400, code)
    assert (market.see(rental)["state"], Event.objects.count()) == ("rented", before)


def undo(who: APIClient, rental: dict[str, Any]) -> Any:
    return who.delete(f"/api/v1/rentals/{rental['id']}/return")


def test_a_return_by_mistake_is_undone_within_a_quarter_of_an_hour(market: Market, drain: Drain, pass_time: PassTime) -> None:
    item, rental = lend(market)
    post(market.manager, rental, "return")
    drain()
    pass_time(minutes=14)

    answer = undo(market.manager, rental)
    drain()

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["returned_at"], answer.json()["closed_at"]) == ("rented", None, None)
    assert facts(market, rental)[-1] == "RentalReturnUndone"
    assert status(market, rental)["timeline"][-1]["by"] == "manager"
    assert (status(market, rental)["turn"], market.availability(item)) == ("renter", "rented")
    assert market.manager.get(f"/api/v1/status/items/{item['id']}").json()["current_rental"]["id"] == rental["id"]
    assert refusal(undo(market.manager, rental)) == (409, "wrong_state")
    pass_time(minutes=20)
    drain()
    assert status(market, rental)["overdue"] is True
    assert post(market.manager, rental, "return").json()["state"] == "returned"


def test_a_return_is_final_after_a_quarter_of_an_hour(market: Market, drain: Drain, pass_time: PassTime) -> None:
    _item, rental = lend(market)
    post(market.manager, rental, "return")
    pass_time(minutes=16)
    drain()

    assert refusal(undo(market.manager, rental)) == (409, "return_final")
    assert refusal(undo(market.renter, rental)) == (403, "not_the_manager")
    assert undo(market.neighbour, rental).status_code == 404
    assert market.see(rental)["state"] == "returned"


def test_a_return_undone_after_the_end_publishes_that_the_item_is_overdue(market: Market, drain: Drain, pass_time: PassTime) -> None:
    _item, rental = lend(market)
    pass_time(minutes=25)
    post(market.manager, rental, "return")
    pass_time(minutes=10)
    drain()

    assert undo(market.manager, rental).status_code == 200
    drain()

    assert facts(market, rental)[-2:] == ["RentalReturnUndone", "RentalOverdue"]


def test_a_return_is_not_undone_once_somebody_else_let_the_time_pass_unfetched(market: Market, drain: Drain, pass_time: PassTime) -> None:
    item, rental = lend(market)
    post(market.manager, rental, "return")
    market.request(item, by=market.neighbour, ends_at=soon(minutes=5), payment_method="pm_ok")
    pass_time(minutes=10)
    drain()
    assert Rental.objects.filter(state="no_show").count() == 1

    assert refusal(undo(market.manager, rental)) == (409, "return_stands")


@pytest.mark.parametrize("is_overdue", [False, True])
def test_a_return_is_not_undone_once_the_time_was_given_to_somebody_else(
    market: Market, drain: Drain, pass_time: PassTime, is_overdue: bool
) -> None:
    item, rental = lend(market)
    pass_time(minutes=31 if is_overdue else 1)
    drain()
    post(market.manager, rental, "return")
    other = market.request(item, by=market.neighbour)
    pass_time(minutes=1)
    before = Event.objects.count()

    refused = undo(market.manager, rental)

    assert (refusal(refused), refused.json()["rental"]) == ((409, "return_stands"), other["id"])
    assert (other["id"] in refused.json()["detail"], "next_free" in refused.json()) == (True, False)
    assert (market.see(rental)["state"], Event.objects.count()) == ("returned", before)


def test_a_late_return_is_undone_although_the_next_renter_waits_since_before(market: Market, drain: Drain, pass_time: PassTime) -> None:
    item, rental = lend(market)
    market.request(item, by=market.neighbour, starts_at=rental["ends_at"])
    pass_time(minutes=31)
    drain()
    post(market.manager, rental, "return")

    assert undo(market.manager, rental).json()["state"] == "rented"


@pytest.mark.postgresql
@pytest.mark.parametrize("locks", [True, False])
def test_a_return_is_not_undone_while_the_time_is_given_away(
    market: Market, drain: Drain, pass_time: PassTime, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    """Without the lock, the control, both succeed: the item is overdue and requested anew at once."""
    item, rental = lend(market)
    pass_time(minutes=31)
    drain()
    post(market.manager, rental, "return")
    find_given_since = queries.find_given_since
    renter_id, refused = uuid7(), []

    def request() -> None:
        try:
            requesting.request_rental(rental_id=uuid7(), item_id=UUID(item["id"]), renter_id=renter_id, now=clock.now())
        except DomainError as error:
            refused.append(error.code)
        finally:
            connections.close_all()

    other = Thread(target=request)

    def with_a_request_meanwhile(**which: Any) -> Rental | None:
        found = find_given_since(**which)
        other.start()
        other.join(1)
        return found

    monkeypatch.setattr(queries, "find_given_since", with_a_request_meanwhile)
    if not locks:
        monkeypatch.setattr(transitions, "lock_rental", lambda *, rental_id: Rental.objects.get(id=rental_id))

    assert undo(market.manager, rental).status_code == 200
    other.join()

    assert refused == (["period_taken"] if locks else [])
    assert Rental.objects.filter(renter_id=renter_id).exists() is not locks


# -- Who cancelled -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["renter", "manager"])
def test_who_cancelled_and_why_stands_everywhere(market: Market, drain: Drain, who: str) -> None:
    _item, rental = request_paid(market)
    assert (rental["cancelled_by"], market.see(rental)["cancelled_by"], status(market, rental)["cancelled_by"]) == (None, None, None)

    post(getattr(market, who), rental, "cancel", reason="It rains.\nSorry!")
    drain()

    shown = status(market, rental)
    assert (market.see(rental)["cancelled_by"], shown["cancelled_by"]) == (who, who)
    cancelled = next(entry for entry in shown["timeline"] if entry["fact"] == "RentalCancelled")
    assert (cancelled["by"], cancelled["reason"]) == (who, "It rains.\nSorry!")


def test_an_operator_acts_in_the_managers_place(market: Market, drain: Drain) -> None:
    operator = UserFactory(operator=True)
    _item, rental = request_paid(market)
    rental_id = Rental.objects.get().id

    cancelled = cancelling.cancel_rental(rental_id=rental_id, by=operator.pk, as_operator=True, reason="", now=clock.now())

    assert cancelled.cancelled_by == "operator"
    drain()
    assert status(market, rental)["cancelled_by"] == "operator"
