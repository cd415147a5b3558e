"""Checks of the bus. Django runs the one of SQLite with every command, `manage.py doctor` the others."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import connections

from gdmarket import databases as every
from gdmarket.bus import backlog, routing
from gdmarket.bus.models import Subscription
from gdmarket.checks import DATA, STRICT, finding, register
from gdmarket.console import format_duration

SQLITE_NEEDED = (3, 35, 0)
_MOST = 10_000
_LATE_S, _VERY_LATE_S, _RELAY_GONE_S = 60.0, 600.0, 60.0


@checks.register
@register()
def check_sqlite(*, version: tuple[int, int, int] = sqlite3.sqlite_version_info, **_: object) -> list[CheckMessage]:
    """Refuse an SQLite without RETURNING and MATERIALIZED, which claiming a delivery needs.

    Source: sqlite.org/changes.html, 3.35.0.
    """
    if version >= SQLITE_NEEDED or not any(connection.vendor == "sqlite" for connection in connections.all()):
        return []
    found, needed = (".".join(map(str, v)) for v in (version, SQLITE_NEEDED))
    hint = "Use a Python with a newer SQLite, or set DATABASE_URL to a PostgreSQL database."
    return [Error(f"SQLite {found} is too old for the event bus: {needed} or newer is needed.", hint=hint, id="bus.E001")]


@register(DATA)
def check_subscriptions(**_: Any) -> Iterator[CheckMessage]:
    """Look whether the subscriptions in the databases are those of the code."""
    for alias in every.aliases():
        rows = Subscription.objects.using(alias).filter(subscriber__in=routing.subscribers_of(alias))
        for subscriber, name in sorted(routing.subscriptions_of(alias) ^ set(rows.values_list("subscriber", "type")))[:1]:
            yield finding("bus.E002", f"{alias} differs from the code: {subscriber} of {name}", "run manage.py migrate, which writes them")


@register(DATA)
def check_deliveries(**_: Any) -> Iterator[CheckMessage]:
    """Look for subscribers with dead deliveries, that are paused, or that are behind."""
    for subscriber, behind in backlog.measure(limit=_MOST).items():
        if behind.dead:
            hint = "manage.py bus dead; remove the cause; manage.py bus dead replay"
            yield finding("bus.E003", f"{behind.dead} deliveries to {subscriber} are dead", hint)
        if behind.paused:
            hint = f"manage.py bus resume {subscriber}"
            yield finding("bus.W001", f"deliveries to {subscriber} are paused, {behind.pending} wait", hint)
        elif behind.oldest_age_s > _LATE_S:
            found = f"{behind.pending} deliveries to {subscriber} wait, the oldest for {format_duration(behind.oldest_age_s)}"
            hint = "manage.py bus status --watch: if it does not shrink, look at the relay's log; more relays deliver more"
            yield finding("bus.E004" if behind.oldest_age_s > _VERY_LATE_S else "bus.W002", found, hint)


@register(DATA, STRICT)
def check_relay(**_: Any) -> Iterator[CheckMessage]:
    """Look whether a relay works for every subscriber."""
    seen_s = {
        subscriber: behind.relay_seen_s for subscriber, behind in backlog.measure(limit=1).items() if subscriber in routing.subscribers()
    }
    gone = sorted(subscriber for subscriber, s in seen_s.items() if s is None or s > _RELAY_GONE_S)
    if gone:
        found = f"no relay has worked for {', '.join(gone)} for a minute: timers, such as expiry, do not run"
        yield finding("bus.W003", found, "start manage.py relay, or a server with GDMARKET_RELAY=beside")
