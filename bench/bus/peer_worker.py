"""procrastinate's own worker, in a process started with CONCURRENCY."""

import asyncio
import os
import sys

from procrastinate import App, PsycopgConnector

URL = "GDMARKET_BENCH_PEER_URL"
QUEUE = "bench"


def app(*, url: str, connections: int) -> App:
    """Return an app with the one task there is."""
    app = App(connector=PsycopgConnector(conninfo=url, min_size=connections, max_size=connections))
    app.task(name=nothing.__name__, queue=QUEUE)(nothing)
    return app


async def nothing() -> None:
    """Do nothing."""


def main() -> None:
    """Work until told to stop."""
    asyncio.run(_work(concurrency=int(sys.argv[1])))


async def _work(*, concurrency: int) -> None:
    # One connection for each job at once, one to fetch the next and one to listen.
    async with app(url=os.environ[URL], connections=concurrency + 2).open_async() as opened:
        await opened.run_worker_async(queues=[QUEUE], concurrency=concurrency, delete_jobs="successful")
