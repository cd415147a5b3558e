"""The history of items, categories and pickup places: what was changed, from what to what, by whom."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from apps.items.admin import history
from apps.items.models import Category, Item, PickupPlace
from apps.items.services import places
from gdmarket import clock, ids
from tests.factories import pictures
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.unit.items.test_admin_stale import page_of, signed_in, typed_of

pytestmark = pytest.mark.django_db


def lines_of(client: Client, row: Any, language: str) -> list[list[tuple[str, ...]]]:
    address = reverse(f"admin:items_{row._meta.model_name}_history", args=[row.pk])
    answer = client.get(address, headers={"accept-language": language})
    page = answer.content.decode()
    told = [[tuple(part for part in line if part) for line in entry.lines] for entry in answer.context["action_list"]]
    assert all(escape(part)[1:] in page for lines in told for line in lines for part in line)
    return told


def test_an_items_history_is_in_both_languages_with_money_as_money(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="드릴", daily_price=8_000, description="")
    client = signed_in(manager)
    client.post(page_of(item), typed_of(client, item) | {"name": "망치", "daily_price": "12000", "category": "캠핑", "description": "<b>"})
    client.post(f"/admin/items/item/withdraw/?item={item.pk}")
    assert lines_of(client, item, "en") == [
        [("name", "드릴", "망치"), ("category", "Tools", "Camping"), ("description", "–", "<b>"), ("daily price", "₩8,000", "₩12,000")],
        [("state", "Listed", "Withdrawn")],
    ]
    assert lines_of(client, item, "ko") == [
        [("이름", "드릴", "망치"), ("분류", "공구", "캠핑"), ("설명", "–", "<b>"), ("하루 가격", "₩8,000", "₩12,000")],
        [("상태", "등록됨", "철회됨")],
    ]


def test_a_history_of_categories_and_places_says_the_same(manager: Any) -> None:
    place = places.add_place(place_id=ids.uuid7(), manager_id=manager.pk, now=clock.now(), name="서울숲", latitude=37.54, longitude=127.03)
    client = signed_in(manager)
    client.post(page_of(place), typed_of(client, place) | {"name": "뚝섬", "latitude": "37.55"})
    assert lines_of(client, place, "en") == [[("name", "서울숲", "뚝섬"), ("latitude", "37.54", "37.55")]]

    operators = signed_in(UserFactory(operator=True))
    category = Category.objects.get(key="공구")
    typed = typed_of(operators, category)
    del typed["is_active"]
    operators.post(page_of(category), typed | {"position": "77"})
    assert lines_of(operators, category, "ko") == [[("순서", str(category.position), "77"), ("고를 수 있음", "예", "아니오")]]


def test_a_history_says_who_and_to_operators_their_address(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    operators, operator = Client(), UserFactory(operator=True, display_name="운영이")
    operators.force_login(operator)
    operators.post(page_of(item), typed_of(operators, item) | {"name": "망치"})
    address = reverse("admin:items_item_history", args=[item.pk])
    assert f"<strong>운영이 ({operator.email})</strong>" in operators.get(address).content.decode()
    seen_by_manager = signed_in(manager).get(address).content.decode()
    assert "<strong>운영이</strong>" in seen_by_manager
    assert operator.email not in seen_by_manager
    assert signed_in(UserFactory(item_manager=True)).get(address).status_code == 302


def test_a_move_to_a_pickup_place_names_it(manager: Any) -> None:
    place = places.add_place(place_id=ids.uuid7(), manager_id=manager.pk, now=clock.now(), name="서울숲", latitude=37.54, longitude=127.03)
    item = ItemFactory(manager_id=manager.pk, place="서울 중구")
    client = signed_in(manager)
    client.post(page_of(item), typed_of(client, item) | {"pickup_place": str(place.pk)})
    [lines] = lines_of(client, item, "en")
    assert lines[:2] == [("pickup place", "–", "서울숲"), ("place", "서울 중구", "서울숲")]
    PickupPlace.objects.filter(pk=place.pk).update(name="이제 다른 이름")
    assert lines_of(client, item, "en") == [lines]


def test_an_entry_of_long_texts_is_bounded_and_shows_where_they_differ(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, description="가" * 1_500 + "끝" + "나" * 499)
    client = signed_in(manager)
    client.post(page_of(item), typed_of(client, item) | {"description": "가" * 1_500 + "다" * 500})
    [[(_label, before, after)]] = lines_of(client, item, "en")
    assert (before, after) == ("…" + "가" * 20 + "끝" + "나" * 179 + "…", "…" + "가" * 20 + "다" * 180 + "…")
    assert len(LogEntry.objects.get().change_message) < 4_000


def test_photos_and_entries_of_before_are_told_as_well(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    client = signed_in(manager)
    client.post(f"/admin/items/item/{item.pk}/photos/", {"photo": SimpleUploadedFile("a.jpg", pictures.jpeg())})
    for message in ("withdrawn", '[{"changed": {"fields": ["name"]}}]', "[broken"):
        LogEntry.objects.log_actions(manager.pk, [item], 2, message)
    told = lines_of(client, item, "en")
    assert told == [[("photos", "0", "1")], [("Withdrawn",)], [("Changed name.",)], [("[broken",)]]


def test_a_history_takes_a_constant_number_of_queries(manager: Any, django_assert_num_queries: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    client = signed_in(manager)
    address = reverse("admin:items_item_history", args=[item.pk])
    change = history.changes(before={"category": "공구", "daily_price": 1}, after={"category": "캠핑", "daily_price": 2}, model=Item)
    LogEntry.objects.log_actions(manager.pk, [item], 2, change)
    client.get(address)
    from django.db import connection  # noqa: PLC0415  # beside its only use
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for _ in range(30):
        LogEntry.objects.log_actions(manager.pk, [item], 2, change)
    with django_assert_num_queries(len(few)):
        client.get(address)
