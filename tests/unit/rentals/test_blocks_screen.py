"""The page on which days are blocked, and a block is lifted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as configured
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localdate
from pytest_django import DjangoAssertNumQueries

from apps.rentals.models import Block, Listing
from gdmarket import clock
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db

LIST, ADD = "/admin/rentals/block/", "/admin/rentals/block/add/"
SOON = localdate(timezone=ZoneInfo("Asia/Seoul")) + timedelta(days=10)


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True)


@pytest.fixture
def screens(manager: Any) -> Client:
    return _browser(manager)


@pytest.fixture
def listing(manager: Any) -> Listing:
    return _listing(manager.pk, name="충전 드릴")


def _browser(person: Any) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(person)
    return client


def _listing(manager_id: Any, **columns: Any) -> Listing:
    whole = {"item_id": uuid7(), "manager_id": manager_id, "daily_price": 8_000, "currency": "KRW", "version": 1, **columns}
    return Listing.objects.create(**whole)


def _form(listing: Listing, **more: Any) -> dict[str, Any]:
    return {
        "item": str(listing.item_id),
        "first_day": SOON.isoformat(),
        "last_day": (SOON + timedelta(days=1)).isoformat(),
        "reason": "",
        **more,
    }


def _block(listing: Listing, **more: Any) -> Block:
    now = clock.now()
    period = {"starts_at": now, "ends_at": now + timedelta(days=1), "blocked_by": listing.manager_id, "created_at": now}
    return Block.objects.create(item_id=listing.item_id, manager_id=listing.manager_id, **period | more)


def test_a_manager_blocks_days_and_lifts_the_block(screens: Client, listing: Listing) -> None:
    answer = screens.post(ADD, _form(listing, reason="배터리 수리"), follow=True)

    assert answer.redirect_chain == [(LIST, 302)]
    page = answer.content.decode()
    assert "충전 드릴" in page
    assert "배터리 수리" in page
    assert "is blocked." in page
    assert f'href="{reverse("admin:rentals_block_delete", args=[Block.objects.get().pk])}"' in page
    block, zone = Block.objects.get(), ZoneInfo(configured.GDMARKET_TIME_ZONE)
    midnight = datetime.combine(SOON, datetime.min.time(), tzinfo=zone)
    assert (block.starts_at, block.ends_at) == (midnight.astimezone(UTC), midnight + timedelta(days=2))
    assert (block.item_id, block.manager_id, block.blocked_by) == (listing.item_id, listing.manager_id, listing.manager_id)

    delete = reverse("admin:rentals_block_delete", args=[block.pk])
    assert "Lift the block" in screens.get(delete).content.decode()
    assert "is free again." in screens.post(delete, {"post": "yes"}, follow=True).content.decode()

    assert not Block.objects.exists()
    assert list(LogEntry.objects.order_by("id").values_list("action_flag", flat=True)) == [1, 3]
    assert screens.get(reverse("admin:rentals_block_change", args=[block.pk])).status_code == 302


def test_a_form_that_is_sent_twice_blocks_once(screens: Client, listing: Listing) -> None:
    form = _form(listing, reason="배터리 수리")
    answers = [screens.post(ADD, form, follow=True) for _ in range(2)]

    assert [answer.redirect_chain for answer in answers] == [[(LIST, 302)]] * 2
    assert "was blocked already." in answers[1].content.decode()
    assert (Block.objects.count(), LogEntry.objects.count()) == (1, 1)


@pytest.mark.parametrize("other", [{"reason": "다른 일"}, {"last_day": SOON.isoformat()}])
def test_days_that_are_blocked_otherwise_are_refused(screens: Client, listing: Listing, other: dict[str, str]) -> None:
    screens.post(ADD, _form(listing))
    assert "A part of that period is blocked already." in screens.post(ADD, _form(listing, **other)).content.decode()
    assert (Block.objects.count(), LogEntry.objects.count()) == (1, 1)


def test_the_history_of_a_block_is_in_the_readers_language(screens: Client, listing: Listing) -> None:
    screens.post(ADD, _form(listing))
    page = reverse("admin:rentals_block_history", args=[Block.objects.get().pk])
    assert "추가되었습니다." in screens.get(page, headers={"accept-language": "ko"}).content.decode()


def test_a_refusal_keeps_what_was_typed_and_leads_to_the_rental(screens: Client, listing: Listing) -> None:
    midnight = datetime.combine(SOON, datetime.min.time(), tzinfo=ZoneInfo(configured.GDMARKET_TIME_ZONE))
    period = {"starts_at": midnight, "ends_at": midnight + timedelta(days=1)}
    rental = RentalFactory(item_id=listing.item_id, manager_id=listing.manager_id, state="paid", **period)

    page = screens.post(ADD, _form(listing, reason="배터리 수리")).content.decode()

    assert f'href="{reverse("admin:rentals_rental_change", args=[rental.pk])}"' in page
    assert 'value="배터리 수리"' in page
    assert f'value="{SOON.isoformat()}"' in page
    assert not Block.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_day": ""},
        {"first_day": "soon"},
        {"last_day": (SOON - timedelta(days=1)).isoformat()},
        {"first_day": "2020-01-01", "last_day": "2020-01-02"},
        {"last_day": "9999-12-31"},
        {"first_day": "0001-01-01"},
        {"item": ""},
        {"item": str(uuid7())},
        {"item": "no id"},
        {"reason": "수리\u202e"},
        {"reason": "가" * 201},
    ],
)
def test_what_is_wrong_is_said_on_the_form(screens: Client, listing: Listing, wrong: dict[str, str]) -> None:
    answer = screens.post(ADD, _form(listing, **wrong))
    assert (answer.status_code, "errorlist" in answer.content.decode()) == (200, True)
    assert not Block.objects.exists()


def test_the_address_fills_in_the_form(screens: Client, listing: Listing) -> None:
    page = screens.get(f"{ADD}?item={listing.item_id}&from={SOON}&to={SOON + timedelta(days=3)}").content.decode()
    assert f'<option value="{listing.item_id}" selected>' in page
    assert f'value="{SOON}"' in page
    assert f'value="{SOON + timedelta(days=3)}"' in page
    for nonsense in ("?item=x&from=x&to=2026-13-45", "?from=&to="):
        assert screens.get(ADD + nonsense).status_code == 200


def test_others_items_are_neither_offered_nor_blocked_nor_unblocked(screens: Client) -> None:
    theirs = _listing(uuid7(), name="남의 드릴")
    block = _block(theirs, reason="남의 일")
    for address in (LIST, ADD, f"{ADD}?item={theirs.item_id}"):
        assert not any(word in screens.get(address).content.decode() for word in ("남의 드릴", "남의 일"))
    screens.post(ADD, _form(theirs))
    for page in ("change", "delete", "history"):
        assert screens.post(reverse(f"admin:rentals_block_{page}", args=[block.pk]), {"post": "yes"}).status_code in {302, 403}
    assert list(Block.objects.all()) == [block]


def test_an_operator_blocks_for_every_manager(listing: Listing) -> None:
    operator = UserFactory(operator=True)
    _browser(operator).post(ADD, _form(listing))
    block = Block.objects.get()
    assert (block.manager_id, block.blocked_by) == (listing.manager_id, operator.pk)


def test_the_list_takes_as_many_statements_for_one_row_as_for_fifty(
    screens: Client, listing: Listing, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    costs = []
    for count in (1, 59):
        for number in range(count):
            _block(_listing(listing.manager_id, name=f"드릴 {number}"))
        with django_assert_max_num_queries(6) as asked:
            page = screens.get(LIST).content.decode()
        costs.append(len(asked))
        assert page.count("드릴") >= min(count, 50)
    assert costs[0] == costs[1]
