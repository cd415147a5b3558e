"""What is impossible with several databases, which is why the acceptance suite runs on them."""

from uuid import UUID

import pytest
from django.db import Error, connections, transaction

from apps.items.models import Item
from apps.rentals.models import Rental
from apps.status_view.models import RentalStatus
from gdmarket import databases
from tests.split.conftest import Market

pytestmark = pytest.mark.split


def test_the_contexts_are_in_three_databases_on_two_engines() -> None:
    assert [(alias, connections[alias].vendor) for alias in databases.aliases()] == [
        ("default", "postgresql"),
        ("items", "sqlite"),
        ("payments", "postgresql"),
    ]
    assert len({(connections[alias].settings_dict["PORT"], connections[alias].settings_dict["NAME"]) for alias in databases.aliases()}) == 3


@pytest.mark.django_db
def test_each_database_has_its_contexts_tables_and_the_buss_and_no_others() -> None:
    ours = ("items_", "rentals_", "payments_", "status_view_", "accounts_", "bus_event")
    found = {
        alias: {name.split("_")[0] for name in connections[alias].introspection.table_names() if name.startswith(ours)}
        for alias in databases.aliases()
    }
    assert found == {
        "default": {"accounts", "rentals", "bus"},
        "items": {"items", "bus"},
        "payments": {"payments", "status", "bus"},
    }


@pytest.mark.django_db
def test_a_join_across_databases_fails() -> None:
    with (
        connections[databases.alias_for("rentals")].cursor() as cursor,
        pytest.raises(Error, match="items_item"),
        databases.transaction_for("rentals"),
    ):
        cursor.execute("SELECT * FROM rentals_rental JOIN items_item ON items_item.id = rentals_rental.item_id")
    with pytest.raises(Error, match="items_item"), databases.transaction_for("rentals"):
        list(Rental.objects.filter(item_id__in=Item.objects.values("id")))


def test_a_transaction_covers_one_database(market: Market) -> None:
    item = market.register()
    with databases.transaction_for("rentals"):
        Item.objects.filter(id=item["id"]).update(place="nowhere")
        transaction.set_rollback(True, using=databases.alias_for("rentals"))

    assert Item.objects.get(id=item["id"]).place == "nowhere"


def test_a_rental_over_three_databases_is_seen_by_all(market: Market) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    market.command(market.manager, rental, "handover")

    assert market.availability(item) == "rented"
    row = RentalStatus.objects.get(id=UUID(rental["id"]))
    assert (row.state, row.payment_state, row.version) == ("rented", "approved", market.see(rental)["version"])
