"""procrastinate on the same server: jobs that do nothing, with one lock a stream, so that it keeps order as the bus does.

Its worker is its own, in a process of its own, on its async connector, with a connection for each job at once; its schema has a database
to itself. It deletes what is done, as the bus does. Jobs are deferred in the order of the backlog's events.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import psycopg
from procrastinate.jobs import Job

from bench import stories
from bench.bus import peer_worker
from bench.bus.backlog import Backlog
from bench.market import ROOT

CONCURRENCIES = (1, 10, 30)
NOTES = {"peer": f"procrastinate {version('procrastinate')}, PsycopgConnector, one worker process, delete_jobs=successful, a lock a stream"}
_BATCH = 1000
_WARM_UP_S = 2.0


def measure(*, seconds: float, waiting: Backlog, tell: Callable[[str], None]) -> dict[str, float]:
    """Return how many jobs a second one worker does, by how many it may do at once."""
    url = _fresh_database()
    rates = {}
    for concurrency in CONCURRENCIES:
        name = f"procrastinate, concurrency {concurrency}"
        tell(name)
        asyncio.run(_refill(url=url, waiting=waiting))
        rates[name] = _rate(url=url, concurrency=concurrency, seconds=seconds)
    return rates


def _fresh_database() -> str:
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS procrastinate")
        connection.execute("CREATE DATABASE procrastinate")
    url = server.rpartition("/")[0] + "/procrastinate"
    asyncio.run(_apply_schema(url=url))
    return url


async def _apply_schema(*, url: str) -> None:
    async with peer_worker.app(url=url, connections=1).open_async() as app:
        await app.schema_manager.apply_schema_async()


async def _refill(*, url: str, waiting: Backlog) -> None:
    """Let as many jobs wait as deliveries, and nothing else: locked by the streams of the stories that the bus delivers, in their order."""
    async with peer_worker.app(url=url, connections=1).open_async() as app:
        await app.connector.execute_query_async("TRUNCATE procrastinate_jobs CASCADE")
        batch: list[Job] = []
        for fact in stories.rentals(items=waiting.items, rentals=waiting.deliveries // stories.FACTS_A_RENTAL):
            lock, _ = stories.stream_of(fact)
            batch.append(Job(queue=peer_worker.QUEUE, lock=lock, queueing_lock=None, task_name=peer_worker.nothing.__name__))
            if len(batch) == _BATCH:
                await app.job_manager.batch_defer_jobs_async(batch)
                batch.clear()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE procrastinate_jobs")


def _rate(*, url: str, concurrency: int, seconds: float) -> float:
    command = [sys.executable, "-c", "from bench.bus import peer_worker; peer_worker.main()", str(concurrency)]
    worker = subprocess.Popen(command, cwd=ROOT, env=os.environ | {peer_worker.URL: url})
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            before = _waiting(connection)
            while _waiting(connection) == before:
                time.sleep(0.05)
            time.sleep(_WARM_UP_S)
            began_at, began_with = time.perf_counter(), _waiting(connection)
            time.sleep(seconds)
            return (began_with - _waiting(connection)) / (time.perf_counter() - began_at)
    finally:
        worker.terminate()
        worker.wait()


def _waiting(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute("SELECT count(*) FROM procrastinate_jobs").fetchone()
    assert row is not None
    return row[0]
