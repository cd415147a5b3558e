"""Guests are forgotten some time after their rental."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from apps.rentals import domain
from apps.rentals.models import Guest, Rental
from apps.rentals.queries import renters
from apps.rentals.services import guests
from gdmarket import clock, ids
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def booked(closed: timedelta | None, *, since: timedelta = 200 * DAY, **columns: Any) -> Rental:
    """Return a guest's rental that was over `closed` ago, or is not."""
    rental_id, now = ids.uuid7(), clock.now()
    renter_id = domain.guest_id(rental_id=rental_id)
    Guest.objects.create(renter_id=renter_id, name="김철수", contact="010-1234-5678", created_at=now - since)
    closed_at = None if closed is None else now - closed
    state = "rented" if closed is None else "returned"
    return RentalFactory(id=rental_id, renter_id=renter_id, requested_at=now - since, state=state, closed_at=closed_at, **columns)


def known() -> set[Any]:
    return set(Guest.objects.values_list("renter_id", flat=True))


def test_who_was_a_guest_long_ago_is_forgotten_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "_CHUNK", 2)
    forgotten = [booked(91 * DAY) for _ in range(5)]
    kept = {booked(89 * DAY).renter_id, booked(None).renter_id, booked(timedelta(), since=DAY).renter_id}

    assert list(guests.forget_guests(now=clock.now(), older_than_days=90, dry_run=True)) == [5]
    assert len(known()) == 8
    assert list(guests.forget_guests(now=clock.now(), older_than_days=90)) == [2, 2, 1]
    assert list(guests.forget_guests(now=clock.now(), older_than_days=90)) == []

    assert known() == kept
    assert Rental.objects.count() == 8
    assert renters.find_guest(renter_id=forgotten[0].renter_id) is None
    names = renters.list_guest_names(renter_ids={forgotten[0].renter_id, *kept})
    assert names == {forgotten[0].renter_id: "guest"} | dict.fromkeys(kept, "김철수")


def test_a_guest_who_was_forgotten_is_a_guest_in_korean_too(settings: Settings) -> None:
    settings.LANGUAGE_CODE = "ko"
    renter_id = domain.guest_id(rental_id=ids.uuid7())
    assert renters.list_guest_names(renter_ids=[renter_id]) == {renter_id: "손님"}


def test_the_command_says_how_many_and_keeps_as_long_as_the_setting_says(capsys: pytest.CaptureFixture[str], settings: Settings) -> None:
    booked(10 * DAY)
    settings.GDMARKET_GUEST_RETENTION_DAYS = 11
    call_command("purge_guests")
    settings.GDMARKET_GUEST_RETENTION_DAYS = 9
    for arguments in (["--dry-run"], [], []):
        call_command("purge_guests", *arguments)

    over = "guest(s) whose rental was over more than"
    assert capsys.readouterr().out.splitlines() == [
        f"Forgot 0 {over} 11 days ago.",
        f"Would forget 1 {over} 9 days ago.",
        f"Forgot 1 {over} 9 days ago.",
        f"Forgot 0 {over} 9 days ago.",
    ]
    assert known() == set()
