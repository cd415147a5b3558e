"""The two probes."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError
from django.test import Client
from pytest_django import DjangoDbBlocker


def test_the_process_lives_without_a_look_at_the_database(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (200, {"status": "live"}, "no-store")


@pytest.mark.django_db
def test_it_is_ready_when_the_database_answers_and_is_up_to_date(client: Client) -> None:
    answer = client.get("/health/ready")
    told = answer.json()
    assert (answer.status_code, told["status"], told["missing"]) == (200, "ready", [])
    assert {"items", "payments", "rentals", "status_view"} <= told["bus"].keys()


@pytest.mark.django_db
def test_a_migration_that_is_missing_is_named(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("accounts", "0001_initial")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json() == {"status": "not ready", "missing": ["migration accounts.0001_initial"]}


def test_a_database_out_of_reach_is_named(client: Client, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker) -> None:
    def nobody_there() -> None:
        raise OperationalError("connection refused")

    with django_db_blocker.unblock():
        connection.close()
        monkeypatch.setattr(connection, "ensure_connection", nobody_there)
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "missing": ["database"]})


def test_probes_answer_get_alone(client: Client) -> None:
    answer = Client(enforce_csrf_checks=True).post("/health/live")
    assert (answer.status_code, answer.json()["code"], answer["Allow"]) == (405, "method_not_allowed", "GET, HEAD")
