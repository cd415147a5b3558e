"""What the doctor finds in databases that are away, behind, unguarded or full of what waits for somebody."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from apps.payments.domain import PaymentState
from apps.status_view.models import ONLY, Generations
from config import demo
from config.doctor.findings import Level
from gdmarket import ids
from gdmarket.breaker import store as breakers
from gdmarket.bus import subscriptions
from gdmarket.bus.models import Delivery, Event, Subscription
from gdmarket.rest.models import IdempotencyKey
from tests.factories.accounts import UserFactory
from tests.factories.payments import PaymentFactory, RefundFactory
from tests.unit.config.consulting import complaints, consult, relay_is_alive

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent.parent.parent
MIGRATIONS, GUARDS = "database default: migrations", "database default: guards"


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
    """Return what the doctor says where the settings name a second database, spelled as the first but for `other`."""
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


def test_a_database_that_is_away_is_told_of_and_the_rest_goes_on(process_environment: dict[str, str], tmp_path: Path) -> None:
    away = {"sqlite": f"sqlite:///{tmp_path}/none.sqlite3", "postgresql": "postgresql://market:secret@127.0.0.1:1/market"}
    looked = doctor(process_environment, DATABASE_URL=away[connection.vendor])

    assert looked.returncode == 1, looked.stderr
    assert "fail  database default: cannot be used: " in looked.stdout
    assert "ok    debug mode: is off" in looked.stdout
    assert "secret@" not in looked.stdout
    assert not (tmp_path / "none.sqlite3").exists()


def test_settings_that_are_not_right_are_told_in_a_sentence(process_environment: dict[str, str]) -> None:
    for wrong in ({"GDMARKET_DISPATCH": "sometimes"}, {"DATABASE_URL": "nonsense"}):
        looked = doctor(process_environment, **wrong)
        assert (looked.returncode, looked.stdout) == (1, "")
        assert looked.stderr.startswith("The settings are not right: ")
        assert "Traceback" not in looked.stderr


def test_server_settings_that_are_not_right_are_one_finding(process_environment: dict[str, str]) -> None:
    looked = doctor(process_environment, GDMARKET_WORKERS="many")
    assert "fail  server: its settings cannot be read" in looked.stdout


@pytest.mark.postgresql
def test_more_threads_than_connections_are_found(process_environment: dict[str, str]) -> None:
    assert "ok    database default: connections" in doctor(process_environment).stdout
    assert "fail  database default: connections" in doctor(process_environment, GDMARKET_WORKERS="20").stdout


def test_a_process_of_its_own_changes_nothing_and_finds_the_market_well(process_environment: dict[str, str]) -> None:
    relay_is_alive()
    looked = doctor(process_environment)
    assert (looked.returncode, looked.stderr) == (0, ""), looked.stdout
    assert " 0 fail" in looked.stdout


def test_a_migration_that_is_missing_is_found() -> None:
    execute("DELETE FROM django_migrations WHERE app = 'rentals' AND name = '0002_no_overlap'")
    finding = consult()[MIGRATIONS]
    assert (finding.level, finding.found) == (Level.FAIL, "lacks rentals.0002_no_overlap")


def test_a_schema_of_a_newer_version_is_found() -> None:
    execute("INSERT INTO django_migrations (app, name, applied) VALUES ('rentals', '0999_later', '2026-11-28 00:00:00+00:00')")
    assert complaints() == {MIGRATIONS: Level.WARN}
    assert "rentals.0999_later" in consult()[MIGRATIONS].found


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        ("DROP TRIGGER rentals_no_overlap_update", "rentals_no_overlap_update"),
        ("DROP TRIGGER payments_posting_stands_insert", "payments_posting_stands_insert"),
        ("DROP INDEX payments_one_holding_per_rental", "payments_one_holding_per_rental"),
    ],
)
def test_a_guard_that_is_missing_is_found_on_sqlite(statement: str, guard: str) -> None:
    execute(statement)
    assert consult()[GUARDS].found == f"missing or switched off: {guard}"
    assert complaints() == {GUARDS: Level.FAIL}


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        ("ALTER TABLE rentals_rental DROP CONSTRAINT rentals_no_overlap", "rentals_no_overlap"),
        ("ALTER TABLE payments_posting DISABLE TRIGGER payments_posting_stands", "payments_posting_stands"),
        ("ALTER TABLE payments_payment DROP CONSTRAINT payments_refunded_lte_amount", "payments_refunded_lte_amount"),
        ("DROP INDEX payments_one_holding_per_rental", "payments_one_holding_per_rental"),
    ],
)
def test_a_guard_that_is_missing_is_found_on_postgresql(statement: str, guard: str) -> None:
    execute(statement)
    assert consult()[GUARDS].found == f"missing or switched off: {guard}"
    assert complaints() == {GUARDS: Level.FAIL}


@pytest.mark.postgresql
def test_a_clock_that_is_wrong_is_found() -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5), tick=True):
        assert consult()["database default: clock"].level is Level.WARN
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=5), tick=True):
        assert consult()["database default: clock"].level is Level.FAIL


@pytest.mark.postgresql
def test_limits_that_a_pooler_dropped_are_found(process_environment: dict[str, str]) -> None:
    looked = doctor_of_two(process_environment, OPTIONS={"options": "-c lock_timeout=5s"})
    assert "warn  database other: limits: statement_timeout is 0 ms" in looked


def test_one_database_under_two_spellings_is_found(process_environment: dict[str, str], tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite3"
    if connection.vendor == "sqlite":
        link.symlink_to(connection.settings_dict["NAME"])
    spelled = {"sqlite": {"NAME": str(link)}, "postgresql": {"HOST": "localhost"}}
    assert "fail  databases: default, other are one database under several spellings" in doctor_of_two(
        process_environment, **spelled[connection.vendor]
    )
    assert "several spellings" not in doctor(process_environment).stdout


@pytest.mark.sqlite
def test_a_journal_that_is_not_written_ahead_is_found(process_environment: dict[str, str], tmp_path: Path) -> None:
    plain = tmp_path / "plain.sqlite3"
    plain.touch()
    looked = doctor_of_two(process_environment, NAME=str(plain), OPTIONS={"init_command": "PRAGMA journal_mode=DELETE;"})
    assert "fail  database other: journal: is delete, not WAL" in looked
    assert "fail  database other: migrations: lacks " in looked


def test_a_subscription_that_is_not_written_down_is_found() -> None:
    Subscription.objects.filter(subscriber="items", type="rentals.RentalRequested").delete()
    assert complaints() == {"subscriptions": Level.FAIL}
    assert "items of rentals.RentalRequested" in consult()["subscriptions"].found


@pytest.mark.parametrize(
    ("how", "level"),
    [
        ({}, None),
        ({"created_at": datetime.now(UTC) - timedelta(minutes=5)}, Level.WARN),
        ({"created_at": datetime.now(UTC) - timedelta(minutes=15)}, Level.FAIL),
        ({"dead": True}, Level.FAIL),
    ],
    ids=["fresh", "late", "very late", "dead"],
)
def test_deliveries_that_nobody_delivers_are_found(how: dict[str, Any], level: Level | None) -> None:
    deliveries(**how)
    assert complaints() == ({"deliveries to rentals": level} if level else {})


def test_a_context_that_is_paused_is_found() -> None:
    subscriptions.pause(context="items")
    assert complaints() == {"deliveries to items": Level.WARN}
    assert "bus resume items" in consult()["deliveries to items"].remedy


def test_a_relay_that_is_gone_is_found() -> None:
    execute("UPDATE bus_heartbeat SET seen_at = '2026-11-01 00:00:00' WHERE subscriber = 'payments'")
    assert complaints() == {"relay": Level.WARN}
    assert consult(deploy=True)["relay"].level is Level.FAIL


def test_a_breaker_that_is_open_is_found() -> None:
    breakers.open_by_hand(name="payments", for_s=None, reason="maintenance")
    assert complaints() == {"breaker payments": Level.WARN}


def test_money_that_is_not_settled_for_an_hour_is_found() -> None:
    an_hour_and_more = datetime.now(UTC) - timedelta(minutes=61)
    PaymentFactory(state=PaymentState.UNKNOWN, created_at=datetime.now(UTC) - timedelta(minutes=59))
    assert complaints() == {}
    PaymentFactory(state=PaymentState.UNKNOWN, created_at=an_hour_and_more)
    RefundFactory(created_at=an_hour_and_more)
    assert complaints() == {"unknown payments": Level.FAIL, "refunds due": Level.FAIL}


def test_demo_people_whose_password_everybody_knows_are_found() -> None:
    person = UserFactory(email="operator@example.com", is_staff=True, password="nobody else knows it")
    assert consult(deploy=True)["demo people"].level is Level.OK
    person.set_password(demo.PASSWORD)
    person.save(update_fields=["password"])
    assert consult(deploy=True)["demo people"].level is Level.FAIL
    assert complaints() == {}


def test_a_market_in_service_without_an_operator_is_found() -> None:
    assert consult(deploy=True)["people"].level is Level.WARN
    UserFactory(is_staff=True)
    assert "people" not in consult(deploy=True)


def test_what_should_have_been_forgotten_is_found() -> None:
    long_ago = timezone.now() - timedelta(days=3)
    Session.objects.create(session_key="s", session_data="", expire_date=long_ago)
    IdempotencyKey.objects.create(
        scope="s", key="k", body_digest="d", operation_id=ids.uuid7(), created_at=long_ago, locked_until=long_ago, run=ids.uuid7()
    )
    assert complaints() == {"kept answers": Level.WARN, "sessions": Level.WARN}


def test_a_rebuild_that_nobody_goes_on_with_is_found() -> None:
    Generations.objects.update_or_create(
        pk=ONLY, defaults={"building": 2, "newest": 2, "built": 7, "leased_until": timezone.now() - timedelta(days=2)}
    )
    assert complaints() == {"status view": Level.WARN}


def test_nothing_is_written_while_it_looks() -> None:
    before = Event.objects.count(), Subscription.objects.count(), Delivery.objects.count()
    consult(deploy=True)
    assert (Event.objects.count(), Subscription.objects.count(), Delivery.objects.count()) == before
    UserFactory()  # and afterwards one may write again
