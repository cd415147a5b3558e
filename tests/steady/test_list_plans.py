"""What lists of rentals and of their status read in a large market: by plan, not by time. At length every night, with 100,000 rentals."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest

from apps.accounts.models import User
from bench import load as loading
from gdmarket import databases
from tests.plans import watched_plans

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = datetime(2026, 12, 1, tzinfo=UTC)
PAGE = 20
LISTS = [
    (who, path)
    for who, paths in {
        "renter": (
            "/rentals",
            "/rentals?role=renter",
            "/rentals?role=renter&state=returned",
            "/status/rentals",
            "/status/rentals?state=rented",
        ),
        "manager": (
            "/rentals?role=manager",
            "/rentals?role=manager&state=rented",
            "/rentals?role=manager&state=requested",
            "/status/rentals",
            "/status/rentals?state=rented",
            "/status/items",
            "/status/items?state=listed",
            "/status/items?availability=rented",
        ),
    }.items()
    for path in paths
]


def _all_problems(as_user: Callable[[Any], Any]) -> dict[str, list[str]]:
    """Return what is wrong with the plans of the first pages of each list."""
    problems = {}
    for who, path in LISTS:
        client = as_user(User.objects.get(email=f"{who}@example.com"))
        following = f"/api/v1{path}{'&' if '?' in path else '?'}limit={PAGE}"
        rows = 0
        with ExitStack() as stack:
            wrong = [stack.enter_context(watched_plans(alias, most_sorted=PAGE + 1)) for alias in databases.aliases()]
            for _ in range(3):
                page = client.get(following).json()
                rows += len(page["results"])
                following = page["next"]
                if following is None:
                    break
        found = list(chain.from_iterable(wrong))
        if found or not rows:
            problems[f"{who} {path}"] = found or ["it has no rows"]
    return problems


def test_no_list_of_rentals_reads_or_sorts_more_than_a_page(as_user: Callable[[Any], Any]) -> None:
    loading.load(items=4_000, rentals=12_000, seed=1, today=TODAY)
    assert _all_problems(as_user) == {}


@pytest.mark.nightly
def test_no_list_of_a_hundred_thousand_rentals_reads_or_sorts_more_than_a_page(as_user: Callable[[Any], Any]) -> None:
    loading.load(items=20_000, rentals=100_000, seed=1, today=TODAY)
    assert _all_problems(as_user) == {}
