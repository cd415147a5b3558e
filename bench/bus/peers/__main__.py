"""`python -m bench.bus.peers`: django-reliable-outbox on a PostgreSQL of its own, with an effect of one UPDATE, beside `./dev bench bus`.

It is the nearest peer: the same promises in one database (an effect once, in order per key, retries, dead letters), on PostgreSQL alone.
PgQueuer, procrastinate and Celery promise less; ADR 0022 says what.
"""

import json
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.servers.postgresql import running_postgresql

_PACKAGES = ("django-reliable-outbox[psycopg]==0.1.1", "Django==5.2.19", "psycopg[binary]==3.3.9")


def main() -> None:
    """Make the environment, run, and print a line."""
    options = ArgumentParser(description=__doc__.partition(":")[2])
    options.add_argument("--items", type=int, default=20_000, help="how many events are delivered (default: 20000)")
    options.add_argument("--python", default=shutil.which("python3.12") or shutil.which("python3.13"), help="a Python of 3.12 or newer")
    given = options.parse_args()
    if given.python is None:
        sys.exit("django-reliable-outbox was skipped: it needs Python 3.12 or newer, and none was found (--python).")
    with TemporaryDirectory() as folder, running_postgresql(durable=True) as url:
        subprocess.run([given.python, "-m", "venv", folder], check=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES], check=True)
        adapter = str(Path(__file__).with_name("outbox.py"))
        answer = subprocess.run([python, adapter, url, str(given.items)], check=True, capture_output=True, text=True).stdout
    result = json.loads(answer.splitlines()[-1])
    print(
        f"django-reliable-outbox: {result['per_s']:.0f} a second, {result['cpu_s_per_1000']:.2f} s of CPU per 1,000 in the worker"
    )  # a command


if __name__ == "__main__":
    main()
