"""PgQueuer with an effect of one UPDATE: fill, run all in one worker, print the rate. Runs in the peer's environment.

By asyncpg: with psycopg, its wait for notices holds the queue's connection for up to a second, and it handles 200 jobs a second.
"""

import asyncio
import json
import sys
import time
from importlib import import_module
from typing import Any

PER_KEY = 6
_BATCH = 100


async def work(url: str, items: int) -> None:
    """Run `items` jobs, six of a key, in whatever order PgQueuer takes them."""
    library, drivers = import_module("pgqueuer"), import_module("pgqueuer.db")
    types = import_module("pgqueuer.types")
    asyncpg = import_module("asyncpg")
    async with asyncpg.create_pool(url, min_size=4, max_size=4) as effects:
        queue = await asyncpg.connect(url)
        driver = drivers.AsyncpgDriver(queue)
        queries = library.Queries(driver)
        await queries.install()
        await queue.execute("CREATE TABLE bench_effect (key integer PRIMARY KEY, n integer NOT NULL)")
        await queue.execute(f"INSERT INTO bench_effect SELECT key, 0 FROM generate_series(0, {items // PER_KEY}) key")
        for begin in range(0, items, 1000):
            keys = [str(item // PER_KEY).encode() for item in range(begin, min(begin + 1000, items))]
            await queries.enqueue(["bench"] * len(keys), keys, [0] * len(keys))
        manager = library.QueueManager(queries)
        # When the latest effect was there: a worker takes some seconds to end.
        ended = [0.0, 0.0]

        async def count(job: Any) -> None:
            await effects.execute("UPDATE bench_effect SET n = n + 1 WHERE key = $1", int(job.payload))
            ended[:] = time.perf_counter(), time.process_time()

        manager.entrypoint("bench")(count)
        began, cpu = time.perf_counter(), time.process_time()
        await manager.run(batch_size=_BATCH, mode=types.QueueExecutionMode.drain)
        seconds, cpu = ended[0] - began, ended[1] - cpu
        done = await queue.fetchval("SELECT sum(n)::int FROM bench_effect")
        await queue.close()
    print(json.dumps({"done": done, "per_s": done / seconds, "cpu_s_per_1000": 1000 * cpu / done}))  # for the caller


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2])))
