"""A rental keeps what was agreed; what its manager changes afterwards is seen as a change."""

from typing import Any

import pytest
from django.test import Client

from apps.items import facade as items
from apps.rentals import domain
from apps.rentals import facade as rentals
from apps.rentals.models import ListingVersion, Rental
from gdmarket.bus import subscriptions
from gdmarket.bus.models import Event
from tests.acceptance.conftest import DRILL, Drain, Market
from tests.factories.accounts import UserFactory

TERMS = ("name", "description", "category", "place", "latitude", "longitude", "deposit")
AGREED = {name: DRILL[name] for name in TERMS}
OTHER = {
    "name": "망가진 드릴",
    "description": "배터리 없음",
    "category": "기타",
    "place": "강남역",
    "latitude": 37.4979,
    "longitude": 127.0276,
    "deposit": 90_000,
}


def revise(market: Market, item: dict[str, Any], **changes: Any) -> None:
    answer = market.manager.patch(f"/api/v1/items/{item['id']}", changes, format="json")
    assert answer.status_code == 200, answer.content


def terms(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: shown[name] for name in TERMS}


@pytest.mark.parametrize("name", TERMS)
def test_what_was_rented_stays_as_it_was_agreed_and_a_change_is_seen(market: Market, drain: Drain, name: str) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    drain()
    before = market.see_agreed(rental)

    revise(market, item, **{name: OTHER[name]})
    drain()

    seen = market.see_agreed(rental)
    assert (terms(before["agreed"]), before["current"], before["changed"], before["item_changed_at"]) == (AGREED, None, [], None)
    assert (terms(seen["agreed"]), terms(seen["current"])) == (AGREED, AGREED | {name: OTHER[name]})
    assert (seen["changed"], seen["item_name"], seen["version"]) == ([name], DRILL["name"], before["version"] + 1)
    assert seen["item_changed_at"] == market.anyone.get(f"/api/v1/items/{item['id']}").json()["updated_at"]
    status = market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()
    assert (status["timeline"][-1]["fact"], status["timeline"][-1]["changed"]) == ("RentalItemChanged", [name])
    assert (status["item_changed_at"], status["item_version"]) == (seen["item_changed_at"], 1)


def test_both_sides_see_all_that_was_changed_and_that_it_was_changed_back(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    revise(market, item, **OTHER)
    drain()

    seen = market.see_agreed(rental)
    assert market.manager.get(f"/api/v1/rentals/{rental['id']}").json() == seen
    assert (terms(seen["agreed"]), terms(seen["current"]), seen["changed"]) == (AGREED, OTHER, list(TERMS))
    revise(market, item, **AGREED)
    drain()
    again = market.see_agreed(rental)
    assert (terms(again["agreed"]), again["current"], again["changed"], again["item_changed_at"]) == (AGREED, None, [], None)


def test_a_new_price_is_no_change_of_what_was_agreed(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    revise(market, item, daily_price=1_000_000)
    drain()

    seen = market.see_agreed(rental)
    assert (seen["price"], seen["changed"], seen["item_changed_at"], seen["version"]) == (8_000, [], None, 1)
    assert not Event.objects.filter(type="rentals.RentalItemChanged").exists()


def test_a_manager_who_changes_the_item_over_and_over_does_not_fill_the_renter_s_timeline(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    for number in range(domain.LAST_TELLING_VERSION + 5):
        revise(market, item, name=DRILL["name"] if number % 2 else f"{number}")
    revise(market, item, place="강남역")
    drain()

    seen = market.see_agreed(rental)
    assert (seen["version"], seen["changed"], seen["item_changed_at"] is None) == (domain.LAST_TELLING_VERSION, ["name", "place"], False)
    status = market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()
    assert (len(status["timeline"]), status["item_changed_at"]) == (domain.LAST_TELLING_VERSION, seen["item_changed_at"])


def test_what_was_agreed_is_not_hidden_by_the_tag_of_an_answer_without_it(market: Market, drain: Drain) -> None:
    item = market.register()
    address = f"/api/v1/rentals/{market.request(item)['id']}"
    paid = market.renter.post(f"{address}/payment", {"payment_method": "pm_ok"}, format="json")
    drain()

    seen = market.renter.get(address, HTTP_IF_NONE_MATCH=paid["ETag"])
    assert (seen.status_code, terms(seen.json()["agreed"])) == (200, AGREED)
    assert market.renter.get(address, HTTP_IF_NONE_MATCH=seen["ETag"]).status_code == 304
    ListingVersion.objects.filter(item_id=item["id"]).update(description="다시 적은 설명")
    assert market.renter.get(address, HTTP_IF_NONE_MATCH=seen["ETag"]).status_code == 200


def test_a_rental_that_is_over_hears_no_more_of_the_item(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    market.command(market.renter, rental, "cancel")
    revise(market, item, name="망가진 드릴")
    drain()

    seen = market.see_agreed(rental)
    assert (seen["agreed"]["name"], seen["current"], seen["changed"], seen["version"]) == (DRILL["name"], None, [], 2)


def test_a_revision_on_its_way_while_the_item_was_requested_is_a_change(market: Market, drain: Drain) -> None:
    item = market.register()
    drain()
    subscriptions.pause(context="rentals")
    revise(market, item, place="강남역")
    rental = market.request(item)
    subscriptions.resume(context="rentals")
    drain()

    seen = market.see_agreed(rental)
    assert (seen["agreed"]["place"], seen["current"]["place"], seen["changed"]) == (DRILL["place"], "강남역", ["place"])


def test_the_renter_sees_where_exactly_from_the_payment_on_and_no_longer_once_the_money_goes_back(market: Market, drain: Drain) -> None:
    rental = market.request(market.register())
    drain()

    def seen_by(client: Any) -> tuple[Any, Any]:
        agreed = client.get(f"/api/v1/rentals/{rental['id']}").json()["agreed"]
        return agreed["latitude"], agreed["longitude"]

    exact = (DRILL["latitude"], DRILL["longitude"])
    assert (seen_by(market.renter), seen_by(market.manager)) == ((None, None), exact)
    market.pay(rental)
    assert seen_by(market.renter) == exact
    market.command(market.renter, rental, "cancel")
    drain()
    assert (seen_by(market.renter), seen_by(market.manager)) == ((None, None), exact)


def test_versions_that_nobody_agreed_to_are_not_kept(market: Market, drain: Drain) -> None:
    item = market.register()
    revise(market, item, name="2")
    drain()
    market.request(item)
    for name in ("3", "4", "5"):
        revise(market, item, name=name)
    drain()

    assert sorted(ListingVersion.objects.values_list("name", flat=True)) == ["2", "5"]


def test_only_the_events_that_need_it_carry_the_description(market: Market, drain: Drain) -> None:
    item = market.register(description="가" * 2_000)
    rental = market.request(item)
    market.pay(rental)
    revise(market, item, daily_price=9_000)
    drain()

    carriers = {event.type for event in Event.objects.all() if "가가가" in str(event.payload)}
    assert carriers == {"items.ItemRegistered"}
    assert market.see_agreed(rental)["agreed"]["description"] == "가" * 2_000


def test_listings_of_before_are_described_afterwards_and_what_is_rented_then_is_kept(market: Market, drain: Drain) -> None:
    item = market.register()
    drain()
    ListingVersion.objects.all().delete()  # as the version before leaves them
    old = market.request(item)
    Rental.objects.filter(id=old["id"]).update(item_version=None)
    assert market.see_agreed(old)["agreed"] is None
    market.command(market.renter, old, "cancel")

    missing = rentals.list_items_without_version()
    for details in items.list_details(item_ids=missing):
        rentals.backfill_listing_version(item=details)

    assert ([str(item_id) for item_id in missing], rentals.list_items_without_version()) == ([item["id"]], [])
    new = market.request(item, by=market.neighbour)
    assert market.neighbour.get(f"/api/v1/rentals/{new['id']}").json()["agreed"]["description"] == DRILL["description"]


def test_the_desk_shows_what_was_agreed_and_what_has_changed(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    revise(market, item, place="강남역")
    drain()
    desk = Client()
    desk.force_login(UserFactory(operator=True))

    page = desk.get(f"/admin/rentals/rental/{rental['id']}/change/").content.decode()

    assert DRILL["place"] in page
    assert "강남역" in page
    timeline = page.split('class="timeline"')[1]
    assert "item changed" in timeline or "물건이 바뀜" in timeline
