"""Operators' commands, with several databases."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from gdmarket import bus, databases
from gdmarket.bus import subscriptions as bus_subscriptions
from gdmarket.bus.checks import check_subscriptions
from gdmarket.bus.models import Event, Heartbeat, Subscription
from gdmarket.rest import health
from tests.split.conftest import Market, Subscribe
from tests.split.sample import RENTALS, TO_ITEMS, TO_VIEW, VIEW, SampleEvent, publish, received_by, recording_handler, unreachable

pytestmark = pytest.mark.split

Run = Callable[..., str]


def test_a_trace_over_three_databases_has_each_event_once_with_its_subscribers(market: Market, drain: Callable[[], int], run: Run) -> None:
    answer = market.renter.post("/api/v1/rentals", {"item": market.register()["id"]}, format="json")
    drain()

    steps = json.loads(run("trace", answer["X-Correlation-ID"], "--json"))

    found = {step["type"]: (step["heard_by"], step["waiting"]) for step in steps}
    assert found["rentals.RentalRequested"] == (["items", "status_view"], [])
    assert len([step for step in steps if step["type"] == "rentals.RentalRequested"]) == 1
    assert all(step["due_at"] for step in steps if step["waiting"])


def test_an_event_that_was_not_forwarded_yet_waits_for_the_forwarder(subscribe: Subscribe, run: Run) -> None:
    subscribe({SampleEvent: [recording_handler("status_view")]})
    (posted,) = publish(1)
    correlation = Event.objects.using(RENTALS).get(id=posted).correlation

    (step,) = json.loads(run("trace", correlation, "--json"))

    assert (step["heard_by"], len(step["waiting"])) == ([], 1)
    assert step["waiting"][0].startswith(f"{TO_VIEW}: due ")


def test_a_dead_delivery_is_called_by_its_database_and_number(subscribe: Subscribe, run: Run) -> None:
    refused = [2]

    def refuse(event: SampleEvent) -> None:
        if event.n in refused:
            raise bus.Reject(f"no {event.n}")

    subscribe({SampleEvent: [recording_handler("status_view", refuse), recording_handler("items", refuse)]})
    publish(1, 2, 3)
    bus.run_until_idle()

    groups = json.loads(run("dead", "list", "--json"))
    names = {group["subscriber"]: group["deliveries"][0] for group in groups}
    assert {subscriber: str(name).split(":")[0] for subscriber, name in names.items()} == {"status_view": VIEW, "items": "items"}
    assert json.loads(run("dead", "show", names["items"]))["event"]["payload"]["n"] == 2

    assert run("dead", "skip", names["items"], "--reason", "lost") == f"delivery {names['items']} is skipped\n"
    refused.clear()
    assert run("dead", "replay", names["status_view"]).startswith("1 dead deliveries will be retried")
    bus.run_until_idle()

    assert (received_by("items"), received_by("status_view")) == ([1, 3], [1, 2, 3])
    assert Event.objects.using("items").filter(type="bus.DeliverySkipped").count() == 1


def test_old_events_are_purged_from_every_log(subscribe: Subscribe, run: Run) -> None:
    subscribe({SampleEvent: [recording_handler("status_view")]})
    publish(1, 2, 3)
    bus.run_until_idle()

    said = run("purge", "--keep-days", "1")

    assert said.startswith("4 events older than 1 days were deleted; 2 as old were kept")
    assert {alias: Event.objects.using(alias).count() for alias in (RENTALS, VIEW)} == {RENTALS: 1, VIEW: 1}


def test_readiness_needs_default_alone_and_names_who_is_unreachable(transactional_db: None) -> None:
    health._unreachable.discard(VIEW)
    with unreachable(VIEW):
        answer = Client().get("/health/ready")
    again = Client().get("/health/ready")
    health._unreachable.discard(VIEW)
    back = Client().get("/health/ready")

    assert (answer.status_code, answer.json()["away"]) == (200, [f"database {VIEW}"])
    assert "status_view" not in answer.json()["bus"]
    assert again.json()["away"] == [f"database {VIEW}"]
    assert (back.json()["away"], TO_ITEMS in back.json()["bus"]) == ([], True)


def test_a_missing_migration_makes_unready(transactional_db: None) -> None:
    with connections[VIEW].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'status_view' AND name = '0004_rebuild_in_place'")
        answer = Client().get("/health/ready")
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('status_view', '0004_rebuild_in_place', now())")

    assert (answer.status_code, answer.json()["missing"]) == (503, ["migration status_view.0004_rebuild_in_place"])


def test_migrate_brings_every_database_up_to_date(transactional_db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("migrate")

    said = capsys.readouterr().out
    assert [f"Database {alias}:" in said for alias in databases.aliases()] == [True] * 3
    assert not any(Heartbeat.objects.using(alias).exists() for alias in databases.aliases())


def test_two_names_of_one_database_are_refused(transactional_db: None, settings: Any) -> None:
    payments = connections["payments"].settings_dict
    name = payments["NAME"]
    connections["payments"].close()
    payments["NAME"] = connections["default"].settings_dict["NAME"]
    try:
        with pytest.raises(CommandError, match="default and payments are one database under two names"):
            call_command("migrate", verbosity=0)
    finally:
        connections["payments"].close()
        payments["NAME"] = name
        call_command("migrate", verbosity=0)


def test_a_missing_subscription_is_found_in_every_log(transactional_db: None) -> None:
    assert list(check_subscriptions()) == []
    Subscription.objects.using(databases.alias_for("items")).filter(subscriber="items")[:1].get().delete()
    (message,) = check_subscriptions()
    assert (message.id, message.msg.split(":")[0]) == ("bus.E002", "items differs from the code")
    bus_subscriptions.write_subscriptions(using=databases.alias_for("items"))
