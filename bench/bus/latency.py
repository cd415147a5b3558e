"""From the commit of an event to the commit of its effect, both timed by PostgreSQL itself.

The delivery's row is deleted in the transaction of the effect. A trigger of the bench's own database records each deletion, and
`pg_xact_commit_timestamp` gives the commit times of both transactions, by one clock.

`python -m bench.bus.latency TEMPLATE RATE SECONDS` publishes at an even rate, in a process of its own, and prints in JSON how it went.
"""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from statistics import quantiles
from typing import Any

import django
from django.db import connection, transaction

from deploy.report import Figure
from deploy.servers.process import ROOT
from deploy.servers.waiting import wait_until

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


def measure(*, rate: float, seconds: float, backlog: Any) -> list[Figure]:
    """Return the median and the 99th percentile at `rate` events a second, with the relay alone and with the fast path as well."""
    template = backlog.folder / "template"
    template.write_bytes(pickle.dumps(backlog.template))
    figures = []
    for by, dispatch, aims in (("relay", "off", ("25 ms or less", "250 ms or less")), ("fast path", "inline", ("", ""))):
        published, cuts = _measure(str(template), backlog, dispatch=dispatch, rate=rate, seconds=seconds)
        what = f"commit to view, {by}, {rate:.0f} events/s offered"
        figures += [
            Figure(what=f"events published, {by}, {rate:.0f}/s offered", values=[published], unit="per s"),
            Figure(what=f"{what}, p50", values=[cuts[49]], unit="ms", aim=aims[0]),
            Figure(what=f"{what}, p99", values=[cuts[98]], unit="ms", aim=aims[1]),
        ]
    return figures


def _measure(template: str, backlog: Any, *, dispatch: str, rate: float, seconds: float) -> tuple[float, list[float]]:
    from bench.bus.backlog import pending  # noqa: PLC0415  # models exist only after setup()

    backlog.clear()
    with connection.cursor() as cursor:
        cursor.execute(_PROBE)
        with backlog.relays(1):
            command = [sys.executable, "-m", "bench.bus.latency", template, str(rate), str(seconds)]
            environment = os.environ | {"GDMARKET_DISPATCH": dispatch}
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
            published = json.loads(done.stdout)
            with suppress(TimeoutError):
                wait_until(lambda: not pending(), "the backlog to be empty", timeout_s=60)
            cursor.execute(_LATENCIES, [published["warm_seq"]])
            latencies = [milliseconds for (milliseconds,) in cursor.fetchall()]
        cursor.execute("DROP TRIGGER bench_note ON bus_delivery; DROP TABLE bench_done")
    return published["rate"], quantiles(latencies, n=100)


def _publish(template: Any, *, rate: float, seconds: float) -> None:
    from bench.dataset import MANAGERS, last_seq  # noqa: PLC0415  # models exist only after setup()
    from deploy.client import RENTERS  # noqa: PLC0415
    from gdmarket import bus  # noqa: PLC0415
    from gdmarket.bus import codec, registry  # noqa: PLC0415

    names = template.log.columns

    def events() -> Iterator[tuple[Any, str]]:
        for values in template.events(template.copies(number=1_000_000, renters=RENTERS, managers=MANAGERS)):
            row = dict(zip(names, values, strict=True))
            if row["due_at"] is None:
                kind = registry.event_class(name=row["type"], schema=row["schema"])
                yield codec.decode(json.loads(row["payload"]), kind, schema=row["schema"]), row["stream"]

    def publish_for(seconds: float) -> float:
        began_at = time.perf_counter()
        for number, (event, stream) in enumerate(source):
            # The next is due all the same when this one was late.
            time.sleep(max(0.0, began_at + number / rate - time.perf_counter()))
            if time.perf_counter() - began_at >= seconds:
                break
            with transaction.atomic():
                bus.publish(event, stream=stream)
        return time.perf_counter() - began_at

    source = events()
    publish_for(_WARM_UP_S)
    warm_seq = last_seq()
    spent_s = publish_for(seconds)
    print(json.dumps({"warm_seq": warm_seq, "rate": (last_seq() - warm_seq) / spent_s}))


if __name__ == "__main__":
    django.setup()
    with open(sys.argv[1], "rb") as file:  # noqa: PTH123
        _publish(pickle.load(file), rate=float(sys.argv[2]), seconds=float(sys.argv[3]))
