"""Adding, changing and removing photos over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.items.models import Item
from apps.items.photos import making
from apps.status_view.models import ItemStatus
from gdmarket.bus.models import Event
from tests.factories import pictures
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.unit.items.photo_actions import ITEMS, add, photos_of, sent, with_photos

pytestmark = pytest.mark.django_db

Clients = Callable[[Any], APIClient]


@pytest.mark.django_db(transaction=True)
def test_a_photo_is_added_and_shown_wherever_the_item_is(
    manager_api: APIClient, item: Item, api: APIClient, drain: Callable[[], int]
) -> None:
    answer = add(manager_api, item, alt="앞에서 본 드릴")

    assert answer.status_code == 201, answer.content
    (photo,) = answer.json()["photos"]
    assert {name: photo[name] for name in ("width", "height", "alt")} == {"width": 400, "height": 300, "alt": "앞에서 본 드릴"}
    assert (answer.json()["version"], answer["ETag"][:3]) == (2, '"2.')
    for address in (photo["url"], photo["thumbnail"]):
        served = api.get(address)
        assert address.startswith("http://testserver/media/photos/")
        assert (served.status_code, served["Content-Type"], served.content[8:12]) == (200, "image/webp", b"WEBP")
    assert api.get(f"{ITEMS}/{item.id}").json()["photos"] == [photo]
    assert api.get(ITEMS).json()["results"][0]["photos"] == [photo]
    assert api.get(answer["Location"]).json() == photo
    drain()
    assert manager_api.get(f"/api/v1/status/items/{item.id}").json()["thumbnail"] == photo["thumbnail"]
    assert manager_api.get("/api/v1/status/items").json()["results"][0]["thumbnail"] == photo["thumbnail"]


@pytest.mark.django_db(transaction=True)
def test_a_photo_is_a_revision_that_others_hear_of(manager_api: APIClient, item: Item, drain: Callable[[], int]) -> None:
    add(manager_api, item)
    event = Event.objects.get(stream=f"item:{item.id}")
    assert (event.type, event.payload["version"]) == ("items.ItemRevised", 2)
    assert event.payload["thumbnail"].endswith("-small.webp")
    drain()
    assert ItemStatus.objects.get(id=item.id).thumbnail == event.payload["thumbnail"]


def test_an_item_without_photos_has_none(manager_api: APIClient, item: Item) -> None:
    assert manager_api.get(f"{ITEMS}/{item.id}").json()["photos"] == []


def test_a_repetition_adds_nothing_however_the_form_is_put_together(manager_api: APIClient, item: Item) -> None:
    first = add(manager_api, item, HTTP_IDEMPOTENCY_KEY="once")
    body: Any = first.wsgi_request.body.replace(b"BoUnDaRyStRiNg", b"another-boundary")
    again = manager_api.generic(
        "POST", f"{ITEMS}/{item.id}/photos", body, "multipart/form-data; boundary=another-boundary", HTTP_IDEMPOTENCY_KEY="once"
    )
    assert (again.status_code, again["Idempotent-Replayed"], again.content) == (201, "true", first.content)
    assert len(photos_of(item)) == 1
    other = add(manager_api, item, pictures.png(), HTTP_IDEMPOTENCY_KEY="once")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(photos_of(item)) == 1


def test_an_item_has_eight_photos_at_most(manager_api: APIClient, item: Item) -> None:
    with_photos(item, *"12345678")
    answer = add(manager_api, item)
    assert (answer.status_code, answer.json()["code"], answer.json()["most"]) == (409, "too_many_photos", 8)
    assert Item.objects.get(id=item.id).version == 1


def test_strangers_and_renters_may_not(item: Item, as_user: Clients, api: APIClient) -> None:
    (photo_id,) = with_photos(item, "")
    address = f"{ITEMS}/{item.id}/photos/{photo_id}"
    for who, status in ((as_user(UserFactory(item_manager=True)), 404), (as_user(UserFactory()), 403), (api, 401)):
        assert add(who, item).status_code == status
        assert who.patch(address, {"alt": "내 것"}, format="json").status_code == status
        assert who.delete(address).status_code == status
    assert Item.objects.get(id=item.id).photos == item.photos


def test_a_withdrawn_item_gets_no_photos(manager_api: APIClient, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, withdrawn=True)
    answer = add(manager_api, item)
    assert (answer.status_code, answer.json()["code"]) == (404, "item_not_found")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (pictures.html_named_jpg(), "not_a_picture"),
        (b"", "not_a_picture"),
        (pictures.png_of(width=30_000, height=30_000), "photo_too_large"),
    ],
)
def test_what_cannot_be_taken_is_named(manager_api: APIClient, item: Item, raw: bytes, code: str) -> None:
    answer = add(manager_api, item, raw)
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["field"]) == (400, code, "file")
    assert Item.objects.get(id=item.id).photos is None


def test_a_body_is_as_large_as_a_photo_may_be_and_no_larger(manager_api: APIClient, item: Item) -> None:
    large = pictures.jpeg() + bytes(20 * 2**20)
    assert add(manager_api, item, large).status_code == 201
    answer = add(manager_api, item, bytes(26 * 2**20))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_other_bodies_are_refused(manager_api: APIClient, item: Item) -> None:
    address = f"{ITEMS}/{item.id}/photos"
    assert manager_api.post(address, {"file": "x"}, format="json").status_code == 415
    for body, codes in (
        ({}, {"file": "required"}),
        ({"file": "text"}, {"file": "invalid"}),
        (sent(alt="x" * 201), {"alt": "max_length"}),
        (sent(alt="\x01"), {"alt": "control_characters"}),
        (sent(more="x"), {"more": "unknown_field"}),
        ({"file": [*sent().values(), *sent().values()]}, {"file": "repeated"}),
    ):
        answer = manager_api.post(address, body, format="multipart")
        assert answer.status_code == 400, answer.content
        assert {error["field"]: error["code"] for error in answer.json()["errors"]} == codes
    broken = manager_api.generic("POST", address, "--x\r\n", "multipart/form-data")
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed_form")
    many = manager_api.post(address, {"file": list(sent().values()) * 101}, format="multipart")
    assert (many.status_code, many.json()["code"]) == (400, "malformed_form")
    assert Item.objects.get(id=item.id).photos is None


def test_who_comes_when_too_many_wait_is_told_when_to_come_again(manager_api: APIClient, item: Item) -> None:
    places = [making.reserve_slot() for _ in range(3)]
    for place in places:
        place.__enter__()
    busy = add(manager_api, item, HTTP_IDEMPOTENCY_KEY="once")
    for place in places:
        place.__exit__(None, None, None)
    assert (busy.status_code, busy.json()["code"], busy["Retry-After"]) == (503, "photos_busy", "3")
    assert add(manager_api, item, HTTP_IDEMPOTENCY_KEY="once").status_code == 201


def test_photos_are_counted_by_themselves(manager_api: APIClient, item: Item, settings: Settings) -> None:
    settings.GDMARKET_THROTTLE_UPLOADS = "1/hour"
    assert add(manager_api, item, b"").status_code == 400
    assert add(manager_api, item, b"").status_code == 429
    assert manager_api.get(f"{ITEMS}/{item.id}").status_code == 200


@pytest.mark.parametrize(("position", "order"), [(1, "cab"), (2, "acb"), (3, "abc"), (8, "abc")])
def test_photos_are_reordered(manager_api: APIClient, item: Item, position: int, order: str) -> None:
    ids = with_photos(item, *"abc")
    answer = manager_api.patch(f"{ITEMS}/{item.id}/photos/{ids[2]}", {"position": position}, format="json")
    assert answer.status_code == 200, answer.content
    assert "".join(photo["alt"] for photo in answer.json()["photos"]) == order
    assert answer.json()["version"] == (1 if order == "abc" else 2)


def test_what_a_photo_shows_is_revised_if_nobody_else_did(manager_api: APIClient, item: Item) -> None:
    ids = with_photos(item, *"ab")
    address = f"{ITEMS}/{item.id}/photos/{ids[1]}"
    assert manager_api.patch(address, {"alt": "옆"}, format="json", HTTP_IF_MATCH='"7"').status_code == 412
    answer = manager_api.patch(address, {"alt": "옆"}, format="json", HTTP_IF_MATCH='"1"')
    assert [photo["alt"] for photo in answer.json()["photos"]] == ["a", "옆"]
    assert manager_api.patch(address, {"position": 9}, format="json").status_code == 400
    assert manager_api.patch(address, {"url": "x"}, format="json").status_code == 400


def test_a_photo_is_removed_and_its_files_stay_a_while(manager_api: APIClient, item: Item) -> None:
    photo = add(manager_api, item).json()["photos"][0]
    address = f"{ITEMS}/{item.id}/photos/{photo['id']}"
    assert manager_api.delete(address).status_code == 204
    assert manager_api.get(f"{ITEMS}/{item.id}").json()["photos"] == []
    assert manager_api.get(photo["url"]).status_code == 200
    again = manager_api.delete(address)
    assert (again.status_code, again.json()["code"]) == (404, "photo_not_found")
    assert manager_api.get(address).status_code == 404


def test_files_are_for_ever_and_nothing_but_pictures(manager_api: APIClient, item: Item) -> None:
    address = add(manager_api, item).json()["photos"][0]["url"]
    served = manager_api.get(address)
    assert served["Cache-Control"] == "public, max-age=31536000, immutable"
    assert served["Content-Security-Policy"].startswith("default-src 'none'")
    assert served["X-Content-Type-Options"] == "nosniff"
    assert "Vary" not in served
    assert manager_api.get(address, HTTP_IF_NONE_MATCH=served["ETag"]).status_code == 304
    assert manager_api.head(address).status_code == 200
    assert manager_api.post(address).status_code == 405


@pytest.mark.parametrize("name", ["photos/../../settings.py", "photos/", "secret_key", "photos/" + "0" * 32 + ".webp", "photos/x.html"])
def test_nothing_else_is_served(api: APIClient, name: str) -> None:
    answer = api.get(f"/media/{name}")
    assert (answer.status_code, answer["Cache-Control"]) == (404, "no-store")


def test_photos_may_be_served_elsewhere(manager_api: APIClient, item: Item, settings: Settings) -> None:
    settings.MEDIA_URL = "https://cdn.example.com/market/"
    photo = add(manager_api, item).json()["photos"][0]
    assert photo["url"].startswith("https://cdn.example.com/market/photos/")
    assert default_storage.exists(photo["url"].removeprefix(settings.MEDIA_URL))
