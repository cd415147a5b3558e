"""The demo is loaded completely or not at all."""

from collections.abc import Callable
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import call_command

from apps.accounts.models import User
from apps.items.models import Item
from apps.rentals.domain import RentalState
from apps.rentals.models import Rental
from apps.status_view.models import RentalStatus
from config import demo
from gdmarket import breaker, clock

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_demo_has_people_items_and_rentals_in_every_state(pass_time: Callable[..., None], drain: Callable[[], int]) -> None:
    breaker.reset()
    said = StringIO()

    call_command("load_demo", stdout=said)

    assert said.getvalue().splitlines() == ["Demo: 40 items …", "Demo: 17 rentals …", "Demo: 6 people …"]
    assert set(Rental.objects.values_list("state", flat=True)) == set(RentalState)
    assert sorted(User.objects.filter(is_item_manager=True).values_list("email", flat=True)) == [
        "manager2@example.com",
        "manager@example.com",
    ]
    for timeline in RentalStatus.objects.values_list("timeline", flat=True):
        instants = [datetime.fromisoformat(entry["at"]) for entry in timeline]
        assert instants == sorted(instants)
        assert instants[-1] <= clock.now()
    assert len(set(Item.objects.values_list("category", flat=True))) == 8
    pass_time(minutes=5)
    drain()
    assert not Rental.objects.filter(state__in=[RentalState.PAYING, RentalState.REFUNDING]).exists()
    assert RentalStatus.objects.filter(overdue=True).count() == 1


def test_a_database_with_people_is_left_alone() -> None:
    User.objects.create_user("somebody@example.com", "long enough", display_name="somebody")
    said = StringIO()

    call_command("load_demo", stdout=said)

    assert "The database is not empty" in said.getvalue()
    assert not Item.objects.exists()


def test_a_demo_that_was_interrupted_is_loaded_anew() -> None:
    breaker.reset()
    interrupted = demo.load(now=clock.now())
    next(interrupted)
    interrupted.close()
    assert (Item.objects.count(), User.objects.count()) == (40, 0)

    call_command("load_demo", stdout=StringIO())

    assert (Item.objects.count(), User.objects.count()) == (40, 6)


def test_a_dry_run_says_what_it_would_do_and_does_nothing() -> None:
    said = StringIO()

    call_command("load_demo", "--dry-run", stdout=said)

    assert said.getvalue().startswith("Would load 6 people, 40 items")
    assert not User.objects.exists()
