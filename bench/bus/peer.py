"""procrastinate on the same server: jobs that do nothing, with one lock a stream, so that it keeps order as the bus does.

Its worker is its own, in a process of its own (`python -m bench.bus.peer URL CONCURRENCY`), on its async connector, with a connection for
each job at once; its schema has a database to itself. It deletes what is done, as the bus does. Jobs are deferred in the order of the
backlog's events.
"""

import asyncio
import os
import sys
import time
from importlib.metadata import version
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job

from bench.market import running
from deploy.servers.waiting import wait_until

CONCURRENCIES = (1, 10, 30)
NOTES = {"peer": f"procrastinate {version('procrastinate')}, PsycopgConnector, one worker process, delete_jobs=successful, a lock a stream"}
_QUEUE = "bench"
_BATCH = 1000
_WARM_UP_S = 2.0


def throughput(concurrency: int, *, seconds: float, backlog: Any) -> float:
    """Return how many jobs a second one worker does that may do `concurrency` at once."""
    from gdmarket.bus.models import Delivery  # noqa: PLC0415  # models exist only after setup()

    backlog.refill()
    url = asyncio.run(_defer(list(Delivery.objects.order_by("event_id").values_list("lane", flat=True))))
    with (
        psycopg.connect(url, autocommit=True) as connection,
        running("-m", "bench.bus.peer", url, str(concurrency), folder=backlog.folder, name="peer"),
    ):

        def pending() -> int:
            row = connection.execute("SELECT count(*) FROM procrastinate_jobs").fetchone()
            return int(row[0]) if row else 0

        connection.execute("VACUUM ANALYZE procrastinate_jobs")
        before = pending()
        wait_until(lambda: pending() != before, "procrastinate's worker")
        time.sleep(_WARM_UP_S)
        began_at, began_with = time.perf_counter(), pending()
        time.sleep(seconds)
        return (began_with - pending()) / (time.perf_counter() - began_at)


async def nothing() -> None:
    """Do nothing."""


def _app(url: str, *, connections: int) -> App:
    app = App(connector=PsycopgConnector(conninfo=url, min_size=connections, max_size=connections))
    app.task(name=nothing.__name__, queue=_QUEUE)(nothing)
    return app


async def _defer(locks: list[str]) -> str:
    """Make a new database with a job for each of these locks; return its URL."""
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS procrastinate")
        connection.execute("CREATE DATABASE procrastinate")
    url = server.rpartition("/")[0] + "/procrastinate"
    async with _app(url, connections=1).open_async() as app:
        await app.schema_manager.apply_schema_async()
        jobs = [Job(queue=_QUEUE, lock=lock, queueing_lock=None, task_name=nothing.__name__) for lock in locks]
        for first in range(0, len(jobs), _BATCH):
            await app.job_manager.batch_defer_jobs_async(jobs[first : first + _BATCH])
    return url


async def _work(url: str, concurrency: int) -> None:
    # One connection for each job at once, one to fetch the next and one to listen.
    async with _app(url, connections=concurrency + 2).open_async() as app:
        await app.run_worker_async(queues=[_QUEUE], concurrency=concurrency, delete_jobs="successful")


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], int(sys.argv[2])))
