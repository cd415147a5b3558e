"""What is new since a page was opened."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from config.desk import news
from gdmarket import clock, ids
from tests.factories.accounts import UserFactory
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db


def _ask(person: Any, since: str, language: str = "en") -> Any:
    client = Client(headers={"accept-language": language})
    client.force_login(person)
    return client.get("/admin/news/", {"since": since})


def test_requests_since_a_page_was_opened_are_counted_and_said() -> None:
    mine: Any = UserFactory(item_manager=True)
    RentalFactory(manager_id=mine.pk, requested_at=clock.now() - timedelta(hours=1))
    since = (clock.now() - timedelta(seconds=30)).isoformat()
    assert _ask(mine, since).json() == {"count": 0, "said": ""}

    RentalFactory(manager_id=mine.pk)
    RentalFactory(manager_id=mine.pk)
    RentalFactory()

    answer = _ask(mine, since)
    assert answer.json() == {"count": 2, "said": "2 new requests"}
    assert "no-store" in answer["Cache-Control"]
    assert _ask(mine, since, "ko").json()["said"] == "새 요청 2건"
    assert _ask(UserFactory(operator=True), since).json()["count"] == 3


def test_a_request_repeated_minutes_later_is_new_and_a_walk_in_is_not() -> None:
    """Its id is of the first attempt."""
    manager: Any = UserFactory(item_manager=True)
    since = clock.now() - timedelta(seconds=30)
    RentalFactory(id=ids.first_at(since - timedelta(minutes=20)), manager_id=manager.pk)
    RentalFactory(manager_id=manager.pk, in_cash=True)
    for person in (manager, UserFactory(operator=True)):
        assert _ask(person, since.isoformat()).json()["count"] == 1


@pytest.mark.parametrize("since", ["", "x", "2026-13-45T00:00:00Z", "2026-05-01T00:00:00", "9999-01-01T00:00:00Z"])
def test_an_instant_that_is_none_has_no_news(since: str) -> None:
    manager: Any = UserFactory(item_manager=True)
    RentalFactory(manager_id=manager.pk)
    assert _ask(manager, since).json()["count"] == 0


def test_a_page_that_is_open_for_days_counts_a_day_and_no_more_than_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "_MOST", 2)
    manager: Any = UserFactory(item_manager=True)
    RentalFactory(manager_id=manager.pk, requested_at=clock.now() - timedelta(days=2))
    assert _ask(manager, "2026-01-01T00:00:00Z").json()["count"] == 0
    for _ in range(3):
        RentalFactory(manager_id=manager.pk)
    for since in ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"):
        assert _ask(manager, since).json()["count"] == 2


def test_nobody_else_is_told() -> None:
    renter = Client()
    renter.force_login(UserFactory(renter=True))
    for visitor in (Client(), renter):
        assert visitor.get("/admin/news/", {"since": "2026-01-01T00:00:00Z"}).status_code == 302
