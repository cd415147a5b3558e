"""The doctor's checks of databases and of what is in them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.checks import ERROR, WARNING
from django.db import connection
from django.utils import timezone

from apps.payments.domain import PaymentState
from apps.status_view.models import Rebuild
from config import demo
from gdmarket import ids
from gdmarket.breaker import store as breakers
from gdmarket.bus import subscriptions
from gdmarket.bus.models import Delivery, Event, Subscription
from gdmarket.rest.models import IdempotencyKey
from tests.factories.accounts import UserFactory
from tests.factories.payments import PaymentFactory, RefundFactory
from tests.unit.config.doctor import relay_is_alive, run_checks

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.fixture(autouse=True)
def well(settings: Any) -> None:
    settings.SECRET_KEY = "".join(chr(97 + number % 26) + str(number) for number in range(40))
    relay_is_alive()


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def doctor(environment: dict[str, str], *options: str, **changed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "doctor", *options]
    return subprocess.run(command, cwd=ROOT, env=environment | changed, capture_output=True, text=True, check=False, timeout=60)


def doctor_of_two(environment: dict[str, str], **other: Any) -> str:
    """Return the output of the doctor with a second database, whose settings differ from the first's by `other`."""
    script = f"""
from django.core.management import execute_from_command_line
from config import settings
settings.DATABASES["other"] = settings.DATABASES["default"] | {other!r}
execute_from_command_line(["manage.py", "doctor"])
"""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60).stdout


def deliveries(**how: Any) -> None:
    at = datetime.now(UTC)
    event = Event.objects.create(
        id=ids.uuid7(), stream="item:1", version=1, type="items.ItemRegistered", schema=1, payload={}, correlation="c", occurred_at=at
    )
    Delivery.objects.create(event=event, subscriber="rentals", lane="item:1", version=1, **{"not_before": at, "created_at": at} | how)


def test_an_unusable_database_is_found_and_other_checks_still_run(process_environment: dict[str, str], tmp_path: Path) -> None:
    away = {"sqlite": f"sqlite:///{tmp_path}/none.sqlite3", "postgresql": "postgresql://market:secret@127.0.0.1:1/market"}
    looked = doctor(process_environment, DATABASE_URL=away[connection.vendor])

    assert looked.returncode == 1, looked.stderr
    assert "fail  databases: connect: default cannot be used: " in looked.stdout
    assert "ok    config: proxies" in looked.stdout
    assert "secret@" not in looked.stdout
    assert not (tmp_path / "none.sqlite3").exists()


def test_server_settings_that_are_not_right_are_one_finding(process_environment: dict[str, str]) -> None:
    looked = doctor(process_environment, GDMARKET_WORKERS="many")
    assert "fail  config: variables: the server cannot start." in looked.stdout
    assert "GDMARKET_WORKERS" in looked.stdout


@pytest.mark.postgresql
def test_more_threads_than_connections_are_found(process_environment: dict[str, str]) -> None:
    assert "ok    databases: connections" in doctor(process_environment).stdout
    assert "fail  databases: connections" in doctor(process_environment, GDMARKET_WORKERS="20").stdout


def test_the_command_finds_nothing_wrong_in_a_new_installation(process_environment: dict[str, str]) -> None:
    relay_is_alive()
    looked = doctor(process_environment)
    assert (looked.returncode, looked.stderr) == (0, ""), looked.stdout
    assert " 0 fail" in looked.stdout


def test_a_migration_that_is_missing_is_found() -> None:
    execute("DELETE FROM django_migrations WHERE app = 'rentals' AND name = '0002_no_overlap'")
    assert run_checks()["database.E001"].msg == "default lacks 1, first rentals.0002_no_overlap"


def test_a_schema_of_a_newer_version_is_found() -> None:
    execute("INSERT INTO django_migrations (app, name, applied) VALUES ('rentals', '0999_later', '2026-11-28 00:00:00+00:00')")
    (message,) = run_checks().values()
    assert (message.id, "rentals.0999_later" in message.msg) == ("database.W001", True)


@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        pytest.param("DROP TRIGGER rentals_no_overlap_update", "rentals_no_overlap_update", marks=pytest.mark.sqlite),
        pytest.param("DROP TRIGGER payments_posting_stands_insert", "payments_posting_stands_insert", marks=pytest.mark.sqlite),
        ("DROP INDEX payments_one_holding_per_rental", "payments_one_holding_per_rental"),
        *(
            pytest.param(f"ALTER TABLE {change} {guard}", guard, marks=pytest.mark.postgresql)
            for change, guard in (
                ("rentals_rental DROP CONSTRAINT", "rentals_no_overlap"),
                ("payments_posting DISABLE TRIGGER", "payments_posting_stands"),
                ("payments_payment DROP CONSTRAINT", "payments_refunded_lte_amount"),
            )
        ),
    ],
)
def test_a_missing_guard_is_found(statement: str, guard: str) -> None:
    execute(statement)
    (message,) = run_checks().values()
    assert (message.id, message.msg) == ("database.E002", f"default: missing or disabled: {guard}")


@pytest.mark.postgresql
def test_a_clock_that_is_wrong_is_found() -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5), tick=True):
        assert "database.W003" in run_checks()


@pytest.mark.postgresql
def test_limits_that_a_pooler_dropped_are_found(process_environment: dict[str, str]) -> None:
    looked = doctor_of_two(process_environment, OPTIONS={"options": "-c lock_timeout=5s"})
    assert "warn  databases: postgresql: other: statement_timeout is 0 ms" in looked


@pytest.mark.sqlite
def test_a_journal_that_is_not_written_ahead_is_found(process_environment: dict[str, str], tmp_path: Path) -> None:
    plain = tmp_path / "plain.sqlite3"
    plain.touch()
    looked = doctor_of_two(process_environment, NAME=str(plain), OPTIONS={"init_command": "PRAGMA journal_mode=DELETE;"})
    assert "warn  databases: durability: other: journal_mode is delete" in looked
    assert "fail  databases: migrations: other lacks " in looked


def test_a_missing_subscription_is_found() -> None:
    Subscription.objects.filter(subscriber="items", type="rentals.RentalRequested").delete()
    assert "items of rentals.RentalRequested" in run_checks()["bus.E002"].msg


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ({}, set()),
        ({"minutes": 5}, {"bus.W002"}),
        ({"minutes": 15}, {"bus.E004"}),
        ({"dead": True}, {"bus.E003"}),
    ],
    ids=["fresh", "late", "very late", "dead"],
)
def test_late_and_dead_deliveries_are_found(how: dict[str, Any], found: set[str]) -> None:
    late = {"created_at": datetime.now(UTC) - timedelta(minutes=how["minutes"])} if "minutes" in how else how
    deliveries(**late)
    assert run_checks().keys() == found


def test_a_context_that_is_paused_is_found() -> None:
    subscriptions.pause(context="items")
    (message,) = run_checks().values()
    assert (message.id, message.hint) == ("bus.W001", "manage.py bus resume items")


def test_a_relay_that_is_gone_is_found() -> None:
    execute("UPDATE bus_heartbeat SET seen_at = '2026-11-01 00:00:00' WHERE subscriber = 'payments'")
    (message,) = run_checks().values()
    assert (message.id, message.level, run_checks(deploy=True)["bus.W003"].level) == ("bus.W003", WARNING, ERROR)


def test_a_breaker_that_is_open_is_found() -> None:
    breakers.open_by_hand(name="payments", for_s=None, reason="maintenance")
    assert run_checks().keys() == {"breaker.W001"}


def test_money_that_is_not_settled_for_an_hour_is_found() -> None:
    an_hour_and_more = datetime.now(UTC) - timedelta(minutes=61)
    PaymentFactory(state=PaymentState.UNKNOWN, created_at=datetime.now(UTC) - timedelta(minutes=59))
    assert run_checks() == {}
    PaymentFactory(state=PaymentState.UNKNOWN, created_at=an_hour_and_more)
    RefundFactory(created_at=an_hour_and_more)
    assert run_checks().keys() == {"payments.E003", "payments.E004"}


def test_in_production_an_operator_is_needed_and_the_demos_password_is_found() -> None:
    assert "config.W011" in run_checks(deploy=True)
    person = UserFactory(email="operator@example.com", is_staff=True, password="nobody else knows it")
    assert {"config.W011", "config.E009"} & run_checks(deploy=True).keys() == set()
    person.set_password(demo.PASSWORD)
    person.save(update_fields=["password"])
    assert "config.E009" in run_checks(deploy=True)
    assert run_checks() == {}


def test_what_should_have_been_deleted_is_found() -> None:
    long_ago = timezone.now() - timedelta(days=3)
    Session.objects.create(session_key="s", session_data="", expire_date=long_ago)
    IdempotencyKey.objects.create(
        scope="s", key="k", body_digest="d", operation_id=ids.uuid7(), created_at=long_ago, locked_until=long_ago, run=ids.uuid7()
    )
    assert run_checks().keys() == {"config.W010", "rest.W001"}


def test_a_rebuild_that_was_not_resumed_is_found() -> None:
    Rebuild.objects.create(step="rentals", rows_done=7, leased_until=timezone.now() - timedelta(days=2))
    assert run_checks().keys() == {"status_view.W001"}


def test_nothing_is_written_while_it_looks() -> None:
    before = Event.objects.count(), Subscription.objects.count(), Delivery.objects.count()
    run_checks(deploy=True)
    assert (Event.objects.count(), Subscription.objects.count(), Delivery.objects.count()) == before
