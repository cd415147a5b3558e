"""Which database Django and the bus use for each context."""

from typing import Any

import pytest

from apps.accounts.models import User
from apps.items.models import Item
from apps.payments.models import Payment
from config.subscriptions import SUBSCRIPTIONS
from gdmarket import databases
from gdmarket.bus import routing
from gdmarket.bus.models import Event

ROUTER = databases.ContextRouter()


@pytest.fixture
def split(settings: Any) -> None:
    """Put items in a database of their own, rentals and payments in another; no connection is made."""
    settings.GDMARKET_CONTEXT_DATABASES = {"items": "items", "rentals": "rentals", "payments": "rentals", "status_view": "default"}


@pytest.mark.usefixtures("split")
def test_a_context_is_read_written_and_migrated_in_its_own_database_only() -> None:
    assert databases.aliases() == ["default", "items", "rentals"]
    assert [ROUTER.db_for_read(model) for model in (Item, Payment, User, Event)] == ["items", "rentals", None, None]
    assert ROUTER.db_for_write(Item) == "items"
    migrated = {
        app: [alias for alias in databases.aliases() if ROUTER.allow_migrate(alias, app)]
        for app in ("items", "payments", "sessions", "bus")
    }
    assert migrated == {"items": ["items"], "payments": ["rentals"], "sessions": ["default"], "bus": ["default", "items", "rentals"]}


@pytest.mark.usefixtures("split")
def test_each_log_has_its_own_subscribers_and_a_forwarder_to_each_log_with_others() -> None:
    assert {alias: routing.subscribers_of(alias) for alias in databases.aliases()} == {
        "default": ["default-to-items", "default-to-rentals", "status_view"],
        "items": ["items", "items-to-default", "items-to-rentals"],
        "rentals": ["payments", "rentals", "rentals-to-default", "rentals-to-items"],
    }
    assert ("rentals-to-items", "rentals.RentalRequested") in routing.subscriptions_of("rentals")
    assert ("rentals-to-items", "rentals.RentalPaid") not in routing.subscriptions_of("rentals")
    assert {routing.alias_of(name) for name in ("rentals-to-items", "payments", "rentals")} == {"rentals"}
    assert (routing.forward_target("rentals-to-items"), routing.forward_target("rentals")) == ("items", None)


def test_with_one_database_there_are_no_forwarders_and_one_log(settings: Any) -> None:
    settings.GDMARKET_CONTEXT_DATABASES = dict.fromkeys(("items", "rentals", "payments", "status_view"), "default")

    assert databases.aliases() == ["default"]
    assert routing.subscribers() == ["items", "payments", "rentals", "status_view"]
    assert len(routing.subscriptions_of("default")) == sum(map(len, SUBSCRIPTIONS.values()))


@pytest.mark.django_db
def test_a_scope_keeps_nothing_of_a_transaction_and_may_decorate() -> None:
    scope = databases.transaction_for("items", savepoint=False)
    as_made = dict(vars(scope))

    @scope
    def work(depth: int) -> list[bool]:
        return [vars(scope) == as_made, databases.is_scope_open(databases.alias_for("items")), *(work(depth - 1) if depth else [])]

    assert work(1) == [True] * 4
    assert vars(scope) == as_made
    assert not databases.is_scope_open(databases.alias_for("items"))
