"""From the commit of an event to the commit of its effect, both told by PostgreSQL itself.

The delivery's row is deleted in the transaction of the effect. A trigger of the bench's own database notes each deletion, and
`pg_xact_commit_timestamp` then tells when both transactions were committed, by one clock and with no one waiting for it.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from statistics import quantiles

from django.db import connection

from apps.status_view.models import RentalStatus
from bench import bulk
from bench.bus import backlog
from bench.bus.relays import running
from bench.market import ROOT
from bench.report import Figure
from gdmarket.bus.models import Delivery, Event

_PATIENCE_S = 60.0
_PUBLISHER = "import django; django.setup(); from bench.bus import publisher; publisher.main()"
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


def measure(*, rate: float, seconds: float) -> list[Figure]:
    """Return the median and the 99th percentile at `rate` events a second, with the relay alone and with the fast path as well."""
    return [
        *_measure("relay", dispatch="off", rate=rate, seconds=seconds, aims=("25 ms or less", "250 ms or less")),
        *_measure("fast path", dispatch="inline", rate=rate, seconds=seconds, aims=("", "")),
    ]


def _measure(by: str, *, dispatch: str, rate: float, seconds: float, aims: tuple[str, str]) -> list[Figure]:
    bulk.empty(Delivery, Event, RentalStatus)
    with ExitStack() as stack:
        with connection.cursor() as cursor:
            cursor.execute(_PROBE)
            stack.callback(_remove_probe)
        stack.enter_context(running(relays=1))
        published = _publish(rate=rate, seconds=seconds, dispatch=dispatch)
        _wait_until_idle()
        cuts = quantiles(_latencies(after_seq=published["warm_seq"]), n=100)
    what = f"commit to view, {by}, {rate:.0f} events/s offered"
    return [
        Figure(what=f"events published, {by}, {rate:.0f}/s offered", values=[published["rate"]], unit="per s"),
        Figure(what=f"{what}, p50", values=[cuts[49]], unit="ms", aim=aims[0]),
        Figure(what=f"{what}, p99", values=[cuts[98]], unit="ms", aim=aims[1]),
    ]


def _remove_probe() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER bench_note ON bus_delivery; DROP TABLE bench_done")


def _publish(*, rate: float, seconds: float, dispatch: str) -> dict[str, float]:
    command = [sys.executable, "-c", _PUBLISHER, str(rate), str(seconds)]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | {"GDMARKET_DISPATCH": dispatch}, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(ended.stdout)
    return told


def _wait_until_idle() -> None:
    until = time.monotonic() + _PATIENCE_S
    while backlog.waiting() and time.monotonic() < until:
        time.sleep(0.1)


def _latencies(*, after_seq: float) -> list[float]:
    with connection.cursor() as cursor:
        cursor.execute(_LATENCIES, [after_seq])
        return [milliseconds for (milliseconds,) in cursor.fetchall()]
