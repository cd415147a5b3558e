"""From the commit of an event to the commit of its effect, both timed by PostgreSQL itself.

The delivery's row is deleted in the transaction of the effect. A trigger of the bench's own database records each deletion, and
`pg_xact_commit_timestamp` gives the commit times of both transactions, by one clock.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from statistics import quantiles
from typing import Any

from django.db import connection, transaction
from django.test import override_settings

from bench.bus.backlog import Backlog, pending
from bench.dataset import MANAGERS, last_seq
from deploy.client import RENTERS
from deploy.report import Figure
from deploy.servers.waiting import wait_until
from gdmarket import bus
from gdmarket.bus import codec, registry

_WARM_UP_S = 2.0
_PROBE = """
DROP TABLE IF EXISTS bench_done;
CREATE TABLE bench_done (event_id bigint);
CREATE OR REPLACE FUNCTION bench_note() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO bench_done VALUES (OLD.event_id); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER bench_note AFTER DELETE ON bus_delivery FOR EACH ROW EXECUTE FUNCTION bench_note();
"""
_LATENCIES = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(d.xmin) - pg_xact_commit_timestamp(e.xmin))::float8 * 1000
FROM bench_done d JOIN bus_event e ON e.seq = d.event_id WHERE e.seq > %s
"""


def measure(*, rate: float, seconds: float, backlog: Backlog) -> list[Figure]:
    """Return the median and the 99th percentile at `rate` events a second, with the relay alone and with the fast path as well."""
    figures = []
    for by, dispatch, aims in (("relay", "off", ("25 ms or less", "250 ms or less")), ("fast path", "inline", ("", ""))):
        published, cuts = _measure(backlog, dispatch=dispatch, rate=rate, seconds=seconds)
        what = f"commit to view, {by}, {rate:.0f} events/s offered"
        figures += [
            Figure(what=f"events published, {by}, {rate:.0f}/s offered", values=[published], unit="per s"),
            Figure(what=f"{what}, p50", values=[cuts[49]], unit="ms", aim=aims[0]),
            Figure(what=f"{what}, p99", values=[cuts[98]], unit="ms", aim=aims[1]),
        ]
    return figures


def _measure(backlog: Backlog, *, dispatch: str, rate: float, seconds: float) -> tuple[float, list[float]]:
    """Return the events published per second and the percentiles of their latencies."""
    backlog.clear()
    events = _events(backlog)
    with connection.cursor() as cursor, backlog.relays(1), override_settings(GDMARKET_DISPATCH=dispatch):
        cursor.execute(_PROBE)
        _publish(events, rate=rate, seconds=_WARM_UP_S)
        warm_seq = last_seq()
        spent_s = _publish(events, rate=rate, seconds=seconds)
        published = (last_seq() - warm_seq) / spent_s
        with suppress(TimeoutError):
            wait_until(lambda: not pending(), "the backlog to be empty", timeout_s=60)
        cursor.execute(_LATENCIES, [warm_seq])
        latencies = [milliseconds for (milliseconds,) in cursor.fetchall()]
        cursor.execute("DROP TRIGGER bench_note ON bus_delivery; DROP TABLE bench_done")
    return published, quantiles(latencies, n=100)


def _events(backlog: Backlog) -> Iterator[tuple[Any, str]]:
    """Yield events and their streams, without timers."""
    template = backlog.template
    for values in template.events(template.copies(number=100_000, renters=RENTERS, managers=MANAGERS)):
        row = dict(zip(template.log.columns, values, strict=True))
        if row["due_at"] is None:
            kind = registry.event_class(name=row["type"], schema=row["schema"])
            yield codec.decode(json.loads(row["payload"]), kind, schema=row["schema"]), row["stream"]


def _publish(events: Iterator[tuple[Any, str]], *, rate: float, seconds: float) -> float:
    """Publish at an even rate; return the seconds it took."""
    began_at = time.perf_counter()
    for number, (event, stream) in enumerate(events):
        # The next is due all the same when this one was late.
        time.sleep(max(0.0, began_at + number / rate - time.perf_counter()))
        if time.perf_counter() - began_at >= seconds:
            break
        with transaction.atomic():
            bus.publish(event, stream=stream)
    return time.perf_counter() - began_at
