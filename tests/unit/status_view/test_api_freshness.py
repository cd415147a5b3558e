"""Reading what is new: the version that a command answered is waited for, and what is old is not taken for it."""

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.items.events import ItemRegistered
from apps.rentals.events import RentalRequested
from apps.status_view import queries
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import ids
from tests.factories.accounts import UserFactory
from tests.unit.status_view.facts import ItemFacts, RentalFacts, deliver

pytestmark = pytest.mark.django_db

STATUS = "/api/v1/status"


class Place:
    """A manager with a drill, and a renter who asked for it."""

    def __init__(self, as_user: Any) -> None:
        manager, renter = UserFactory(item_manager=True), UserFactory()
        self.manager: APIClient = as_user(manager)
        self.renter: APIClient = as_user(renter)
        item = ItemFacts(manager_id=manager.pk)
        self.rental = RentalFacts(item, renter_id=renter.pk)
        self.its_item, self.its_rental = f"{STATUS}/items/{item.id}", f"{STATUS}/rentals/{self.rental.id}"
        deliver(item.then(ItemRegistered), self.rental.then(RentalRequested))


@pytest.fixture
def place(as_user: Any) -> Place:
    return Place(as_user)


def test_a_reader_who_knows_of_a_newer_version_waits_for_it(transactional_db: None, as_user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_PATIENCE_S", 30.0)
    place = Place(as_user)
    paid = place.rental.pays(ids.uuid7())[-1]
    arriving = threading.Timer(0.05, lambda: _hear_elsewhere(paid))
    arriving.start()

    answer = place.renter.get(f"{place.its_rental}?min_version={paid.version}")

    arriving.join()
    assert (answer.json()["state"], answer.json()["version"]) == ("paid", paid.version)


def _hear_elsewhere(fact: Any) -> None:
    try:
        deliver(fact)
    finally:
        connection.close()


def test_a_version_that_does_not_come_is_not_waited_for_for_long(place: Place) -> None:
    for client, address in ((place.renter, place.its_rental), (place.manager, place.its_item)):
        answer = client.get(f"{address}?min_version=9")
        assert (answer.status_code, answer.json()["version"]) == (200, 1)
    nobodys = f"{STATUS}/rentals/{ids.uuid7()}?min_version=1"
    assert place.renter.get(nobodys).status_code == 404


def test_a_version_that_is_there_is_answered_at_once(place: Place, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        assert place.renter.get(f"{place.its_rental}?min_version=1").status_code == 200


@pytest.mark.parametrize("asked", ["min_version=-1", "min_version=x", "min_version=99999999999", "min_version=", "version=1"])
def test_a_version_that_is_none_is_refused(place: Place, asked: str) -> None:
    answer = place.renter.get(f"{place.its_rental}?{asked}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == asked.split("=", maxsplit=1)[0]


def test_a_row_that_was_lost_and_rebuilt_has_another_etag(place: Place) -> None:
    held = {address: place.manager.get(address)["ETag"] for address in (place.its_item, place.its_rental)}
    ItemStatus.objects.update(availability="available")
    RentalStatus.objects.update(state="expired")

    for address, etag in held.items():
        assert place.manager.get(address, headers={"If-None-Match": etag}).status_code == 200
