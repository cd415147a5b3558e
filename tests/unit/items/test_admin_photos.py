"""The page of an item's photos in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from apps.items.models import Item
from tests.factories import pictures
from tests.factories.accounts import UserFactory
from tests.unit.items.photo_actions import ITEMS, add, photos_of, with_photos

pytestmark = pytest.mark.django_db

Clients = Callable[[Any], APIClient]


def test_a_manager_looks_after_photos_in_the_admin(manager: Any, item: Item) -> None:
    browser = Client()
    browser.force_login(manager)
    page = f"/admin/items/item/{item.id}/photos/"
    assert f'href="{page}"' in browser.get(f"/admin/items/item/{item.id}/change/").content.decode()
    files = [SimpleUploadedFile(f"{at}.jpg", pictures.jpeg(pictures.scene(width=40 + at))) for at in range(3)]

    assert browser.post(page, {"photo": files}).status_code == 302

    first, second, third = photos_of(item)
    assert browser.get(page).content.decode().count("/media/photos/") == 3
    browser.post(
        page, {f"position-{third['id']}": "1", f"alt-{first['id']}": "앞", f"position-{first['id']}": "2", f"remove-{second['id']}": "on"}
    )
    item.refresh_from_db()
    assert [(photo["id"], photo["alt"]) for photo in photos_of(item)] == [(third["id"], ""), (first["id"], "앞")]
    assert item.version == 5


@pytest.mark.parametrize(
    ("typed", "order"),
    [
        ({"c": "1"}, "cabd"),
        ({"a": "3"}, "bcad"),
        ({"a": "4", "d": "1"}, "dbca"),
        ({"a": "4", "b": "3", "c": "2", "d": "1"}, "dcba"),
        ({"b": "8"}, "acdb"),
        ({"b": "0", "c": "x", "d": "9"}, "abcd"),
    ],
)
def test_the_admin_puts_photos_where_it_is_typed(manager: Any, item: Item, typed: dict[str, str], order: str) -> None:
    ids = dict(zip("abcd", with_photos(item, *"abcd"), strict=True))
    browser = Client()
    browser.force_login(manager)
    form = {f"position-{photo_id}": typed.get(alt, str(at)) for at, (alt, photo_id) in enumerate(ids.items(), 1)}
    browser.post(f"/admin/items/item/{item.id}/photos/", form)
    assert "".join(photo["alt"] for photo in photos_of(item)) == order


def test_a_form_of_before_loses_no_photo_and_no_text(manager: Any, item: Item, manager_api: APIClient) -> None:
    first, second = with_photos(item, "앞", "뒤")
    browser = Client()
    browser.force_login(manager)
    page = f"/admin/items/item/{item.id}/photos/"
    assert '<input type="hidden" name="seen_version" value="1">' in browser.get(page).content.decode()
    form = {f"alt-{first}": "앞", f"alt-{second}": "옆", "seen_version": "1"}
    assert add(manager_api, item, alt="새것").status_code == 201
    manager_api.patch(f"{ITEMS}/{item.id}/photos/{second}", {"alt": "위"}, format="json")

    refused = browser.post(page, form, follow=True)

    assert "it is at version 3 now" in refused.content.decode()
    assert [photo["alt"] for photo in photos_of(item)] == ["앞", "위", "새것"]
    browser.post(page, {**form, "seen_version": "3"})
    assert [photo["alt"] for photo in photos_of(item)] == ["앞", "옆", "새것"]


def test_the_log_says_what_was_changed_from_what_to_what(manager: Any, item: Item) -> None:
    first, second, third = with_photos(item, "앞", "뒤", "옆")
    browser = Client()
    browser.force_login(manager)
    page = f"/admin/items/item/{item.id}/photos/"
    files = [SimpleUploadedFile("1.jpg", pictures.jpeg()), SimpleUploadedFile("2.jpg", pictures.html_named_jpg())]
    browser.post(page, {f"position-{third}": "1", f"alt-{first}": "정면", f"remove-{second}": "on", "photo": files})
    browser.post(page, {f"alt-{first}": "정면"})
    with translation.override("ko"):
        told = [entry.get_change_message() for entry in LogEntry.objects.order_by("id")]
    assert len(photos_of(item)) == 3
    arranged = "사진 “1, 3 → 3, 1”: 순서 변경"
    assert told == [
        f"사진 “1: 앞 → 정면”: 사진 설명 변경 사진 “2”: 삭제 {arranged}",
        "사진 변경",
    ]
    history = browser.get(f"/admin/items/item/{item.id}/history/").content.decode()
    assert "<p>Photos: <span>2</span> → <b>3</b></p>" in history


def test_photos_for_which_there_is_no_room_are_refused_together(manager: Any, item: Item) -> None:
    first, *_others = with_photos(item, "앞", "뒤")
    browser = Client()
    browser.force_login(manager)
    files = [SimpleUploadedFile(f"{at}.jpg", pictures.jpeg()) for at in range(7)]

    page = browser.post(f"/admin/items/item/{item.id}/photos/", {f"alt-{first}": "정면", "photo": files}, follow=True).content.decode()

    assert "An item has at most 8 photos" in page
    assert [photo["alt"] for photo in photos_of(item)] == ["정면", "뒤"]


def test_of_photos_of_which_one_is_refused_those_before_it_are_told(manager: Any, item: Item) -> None:
    browser = Client()
    browser.force_login(manager)
    good = [SimpleUploadedFile(f"{at}.jpg", pictures.jpeg(pictures.scene(width=40 + at))) for at in range(2)]

    form = {"photo": [*good, SimpleUploadedFile("3.jpg", pictures.html_named_jpg())]}
    page = browser.post(f"/admin/items/item/{item.id}/photos/", form, follow=True).content.decode()

    assert "2 photos were added." in page
    assert "The file is no JPEG" in page
    assert LogEntry.objects.count() == 1


def test_a_file_that_is_no_photo_is_refused_in_the_admin(manager: Any, item: Item) -> None:
    browser = Client()
    browser.force_login(manager)
    answer = browser.post(
        f"/admin/items/item/{item.id}/photos/", {"photo": SimpleUploadedFile("x.jpg", pictures.html_named_jpg())}, follow=True
    )
    assert "The file is no JPEG" in answer.content.decode()
    assert Item.objects.get(id=item.id).version == 1


def test_another_s_photos_are_not_there_in_the_admin(item: Item) -> None:
    browser = Client()
    browser.force_login(UserFactory(item_manager=True))
    with_photos(item, "a")
    assert browser.get(f"/admin/items/item/{item.id}/photos/").status_code == 404
    assert browser.post(f"/admin/items/item/{item.id}/photos/").status_code == 404
    assert Item.objects.get(id=item.id).photos == item.photos


class Unread:
    """A body that nobody may read."""

    def read(self, *_: int) -> bytes:
        raise AssertionError("The body was read.")

    readline = read


@pytest.mark.parametrize(("who", "status"), [("stranger", 302), ("another manager", 404), ("renter", 302)])
def test_the_form_of_who_may_not_send_it_is_not_read(item: Item, who: str, status: int) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = "a" * 32
    if who != "stranger":
        browser.force_login(UserFactory(item_manager=who == "another manager"))
    body: Any = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(20 * 1024 * 1024)}
    answer = browser.generic("POST", f"/admin/items/item/{item.id}/photos/", content_type="multipart/form-data; boundary=x", **body)
    assert (answer.status_code, photos_of(item)) == (status, [])


def test_a_form_without_its_token_changes_nothing(manager: Any, item: Item) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(manager)
    files = [SimpleUploadedFile("1.jpg", pictures.jpeg())]
    assert browser.post(f"/admin/items/item/{item.id}/photos/", {"photo": files}).status_code == 403
    assert photos_of(item) == []
