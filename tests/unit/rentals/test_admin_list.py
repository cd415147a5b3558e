"""The list of rentals: whose each one is, and when a part of it is shown."""

from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gdmarket import databases
from tests.factories.accounts import UserFactory
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

LIST = "/admin/rentals/rental/"


def browser(person: Any) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(person)
    return client


def count_statements(client: Client) -> int:
    with ExitStack() as stack:
        captured = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in databases.aliases()]
        client.get(LIST)
    return sum(len(each) for each in captured)


def test_operators_see_whose_each_rental_is_by_as_many_statements_for_many() -> None:
    manager: Any = UserFactory(item_manager=True, display_name="Kim")
    RentalFactory(manager_id=manager.pk)
    operator, whose = browser(UserFactory(operator=True)), '<td class="field-manager">Kim</td>'
    shown = operator.get(LIST).content.decode()
    assert whose in shown
    assert "field-manager" not in browser(manager).get(LIST).content.decode()
    few = count_statements(operator)
    for _ in range(5):
        RentalFactory(manager_id=UserFactory(item_manager=True).pk)
    assert count_statements(operator) == few


def test_a_list_that_nothing_narrows_counts_nothing_and_offers_no_whole_list() -> None:
    manager: Any = UserFactory(item_manager=True)
    rental: Any = RentalFactory(manager_id=manager.pk, state="paid")
    client, offer = browser(manager), '<a href="?">Show all</a>'
    assert offer not in client.get(LIST).content.decode()
    assert offer in client.get(LIST, {"q": rental.item_name}).content.decode()
    assert offer in client.get(LIST, {"state__exact": "paid"}).content.decode()
