"""On PostgreSQL a relay's statements time out before its leases expire, whatever the settings are."""

import logging

import pytest
from django.db import connection

from gdmarket.bus import relay, statement_timeout
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.sample import RED, Added, add, handler_of

pytestmark = pytest.mark.postgresql


def limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


def configure(wanted: str) -> None:
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [wanted])


@pytest.mark.parametrize(("configured", "kept"), [("0", "8s"), ("10s", "8s"), ("1h", "8s"), ("9s", "9s"), ("500ms", "500ms")])
def test_a_missing_or_too_long_limit_is_replaced(connect: Connect, configured: str, kept: str) -> None:
    configure(configured)

    statement_timeout.limit_statements()

    assert limit() == kept
    connection.close()


def test_it_is_checked_once_per_connection(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            configure("0")
            statement_timeout.limit_statements()
            statement_timeout.limit_statements()

    assert caplog.text.count("statement_timeout is 0 ms; for the relay it is 8 s") == 3
    connection.close()


def test_a_relay_has_the_limit(connect: Connect) -> None:
    limits: list[str] = []
    connect({Added: [handler_of(RED, lambda _: limits.append(limit()))]})
    add(1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET statement_timeout = '1h'")
    try:
        relay.run(keep_going=Delivery.objects.exists)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER RESET statement_timeout")

    assert limits == ["8s"]
