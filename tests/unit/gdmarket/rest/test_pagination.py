"""Keyset pagination."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import FloatField
from django.db.models.functions import Cast, Length
from django.http import HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from apps.accounts.models import User
from gdmarket.rest.pagination import page

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


def people(*registered: datetime) -> list[str]:
    made = [User(email=f"p{n:04}@example.com", display_name=f"이웃 {n:04}", registered_at=at) for n, at in enumerate(registered)]
    return [user.email for user in User.objects.bulk_create(made)]


def get_page(url: str, order: tuple[str, ...] = ("-registered_at", "id"), rows: Any = None) -> Any:
    request = Request(APIRequestFactory().get(url))
    queryset = User.objects.all() if rows is None else rows
    return page(request, queryset, order=order, serialize=lambda row: row["email"] if isinstance(row, dict) else row.email)


def shown(answer: HttpResponse) -> Any:
    return json.loads(answer.content)


def walk(url: str, direction: str = "next", **options: Any) -> Iterator[list[str]]:
    while url:
        answer = shown(get_page(url, **options))
        yield answer["results"]
        url = answer[direction]


def test_pages_show_every_row_once_in_order() -> None:
    emails = people(*(NOON - timedelta(minutes=n) for n in range(7)))
    assert list(walk("/people?limit=3")) == [emails[:3], emails[3:6], emails[6:]]


def test_more_than_a_thousand_equal_keys_are_paged_like_others() -> None:
    emails = people(*[NOON] * 1205)
    assert len(shown(get_page("/people"))["results"]) == 20
    pages = list(walk("/people?limit=100"))
    assert len(pages) == 13
    assert sorted(email for found in pages for email in found) == emails


def test_going_back_shows_the_same_pages() -> None:
    people(*(NOON + timedelta(seconds=n // 2) for n in range(9)))
    forth = list(walk("/people?limit=2"))
    url = "/people?limit=2"
    while (following := shown(get_page(url))["next"]) is not None:
        url = following
    assert list(walk(url, direction="previous"))[::-1] == forth


def test_the_first_page_has_no_previous_one_and_the_last_no_next() -> None:
    people(NOON, NOON, NOON)
    first = get_page("/people?limit=2")
    last = get_page(shown(first)["next"])
    assert (shown(first)["previous"], shown(last)["next"]) == (None, None)
    assert first["Link"] == f'<{shown(first)["next"]}>; rel="next"'
    assert last["Link"] == f'<{shown(last)["previous"]}>; rel="prev"'
    assert "Link" not in get_page("/people").headers


def test_rows_written_meanwhile_neither_repeat_nor_hide_others() -> None:
    emails = people(*(NOON - timedelta(minutes=n) for n in range(4)))
    first = shown(get_page("/people?limit=2"))
    User.objects.create(email="late@example.com", display_name="late", registered_at=NOON + timedelta(hours=1))
    User.objects.get(email=emails[0]).delete()
    assert shown(get_page(first["next"]))["results"] == emails[2:]


def test_links_are_absolute_and_keep_the_rest_of_the_query() -> None:
    people(NOON, NOON)
    assert shown(get_page("/people?limit=1&q=한강&q=b"))["next"].startswith(
        "http://testserver/people?limit=1&q=%ED%95%9C%EA%B0%95&q=b&cursor="
    )


def test_annotations_and_dictionaries_can_be_paged() -> None:
    emails = people(*[NOON] * 5)
    rows = User.objects.annotate(width=Cast(Length("email"), FloatField()) * 1.1).values("email", "width", "id")
    assert [email for found in walk("/people?limit=2", order=("width", "-email"), rows=rows) for email in found] == emails[::-1]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "x", "²", "9" * 5000])
def test_a_limit_outside_1_to_100_is_refused(limit: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        get_page(f"/people?limit={limit}")
    assert refusal.value.get_codes() == {"limit": ["invalid"]}


def test_a_cursor_of_another_list_or_order_or_a_forged_one_is_refused() -> None:
    people(NOON, NOON)
    cursor = shown(get_page("/people?limit=1"))["next"].partition("cursor=")[2]
    for url, order in [
        (f"/others?cursor={cursor}", ("-registered_at", "id")),
        (f"/people?cursor={cursor}", ("registered_at", "id")),
        (f"/people?cursor={cursor[:-2]}xx", ("-registered_at", "id")),
        ("/people?cursor=", ("-registered_at", "id")),
        ("/people?cursor=%00", ("-registered_at", "id")),
    ]:
        with pytest.raises(ValidationError) as refusal:
            get_page(url, order=order)
        assert refusal.value.get_codes() == {"cursor": ["invalid"]}
