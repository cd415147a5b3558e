"""Reads with `min_version` wait for that version; an ETag follows the row's content."""

import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection

from apps.status_view import queries
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import ids
from tests.unit.status_view.conftest import RENTALS, AsUser, Neighbourhood
from tests.unit.status_view.facts import deliver

pytestmark = pytest.mark.django_db


def test_a_reader_waits_for_the_version_asked_for(transactional_db: None, as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_PATIENCE_S", 30.0)
    place = Neighbourhood(as_user)
    paid = place.rental.pays(ids.uuid7())[-1]
    arriving = threading.Timer(0.05, lambda: _deliver_in_a_thread(paid))
    arriving.start()

    answer = place.renter.get(f"{place.its_rental}?min_version={paid.version}")

    arriving.join()
    assert (answer.json()["state"], answer.json()["version"]) == ("paid", paid.version)


def _deliver_in_a_thread(fact: Any) -> None:
    try:
        deliver(fact)
    finally:
        connection.close()


def test_a_version_that_does_not_arrive_is_waited_for_briefly(place: Neighbourhood) -> None:
    for client, address in ((place.renter, place.its_rental), (place.manager, place.its_item)):
        answer = client.get(f"{address}?min_version=9")
        assert (answer.status_code, answer.json()["version"]) == (200, 1)
    nobodys = f"{RENTALS}/{ids.uuid7()}?min_version=1"
    assert place.renter.get(nobodys).status_code == 404


def test_at_most_four_readers_of_a_process_wait_and_the_others_are_answered_at_once(
    place: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    with ExitStack() as waiting:
        for _ in range(4):
            assert queries._waiting.acquire(blocking=False)
            waiting.callback(queries._waiting.release)
        answer = place.renter.get(f"{place.its_rental}?min_version=9")
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    monkeypatch.setattr(queries, "_PATIENCE_S", 0.0)
    assert place.renter.get(f"{place.its_rental}?min_version=9").status_code == 200
    assert queries._waiting._value == 4  # each gave its place back


def test_a_version_that_has_arrived_is_answered_at_once(place: Neighbourhood, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        assert place.renter.get(f"{place.its_rental}?min_version=1").status_code == 200


@pytest.mark.parametrize("asked", ["min_version=-1", "min_version=x", "min_version=99999999999", "min_version=", "version=1"])
def test_a_malformed_version_is_refused(place: Neighbourhood, asked: str) -> None:
    answer = place.renter.get(f"{place.its_rental}?{asked}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == asked.split("=", maxsplit=1)[0]


def test_a_row_that_differs_at_the_same_version_has_another_etag(place: Neighbourhood) -> None:
    held = {address: place.manager.get(address)["ETag"] for address in (place.its_item, place.its_rental)}
    ItemStatus.objects.update(availability="available")
    RentalStatus.objects.update(state="expired")

    for address, etag in held.items():
        assert place.manager.get(address, headers={"If-None-Match": etag}).status_code == 200
