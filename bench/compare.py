"""`python -m bench.compare OLD NEW`: CPU time of the read routes of two checkouts, measured in turn; figures for the record.

Each checkout answers in a process of its own, without a server, on a SQLite database with its demo. The best of several rounds counts.
"""

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from deploy.unlimited import UNLIMITED

# Run in each checkout with the packages of this one; it must not import anything of bench.
_WORKER = """
import json, sys, time
import django
django.setup()
from django.core.management import call_command
from django.test import Client
from apps.accounts.models import User
from gdmarket import bus

call_command("migrate", verbosity=0)
call_command("load_demo", stdout=sys.stderr)
bus.run_until_idle()

def signed_in(email):
    anyone = Client(headers={"host": "localhost"})
    body = json.dumps({"email": email, "password": "gdmarket-demo"})
    token = anyone.post("/api/v1/auth/token", body, content_type="application/json").json()["access"]
    return Client(headers={"host": "localhost", "authorization": f"Bearer {token}"})

renter, manager = signed_in("renter@example.com"), signed_in("manager@example.com")
rental = renter.get("/api/v1/rentals").json()["results"][0]["id"]
item = manager.get("/api/v1/status/items").json()["results"][0]["id"]
routes = {
    "/health/live": renter, "/api/v1/items": renter, "/api/v1/items?near=37.5446,127.0559": renter, f"/api/v1/items/{item}": renter,
    "/api/v1/rentals": renter, f"/api/v1/rentals/{rental}": renter, "/api/v1/status/rentals": renter,
    f"/api/v1/status/rentals/{rental}": renter, "/api/v1/status/items": manager, f"/api/v1/status/items/{item}": manager,
}
for line in sys.stdin:
    times = {}
    for route, who in routes.items():
        began = time.process_time()
        for _ in range(int(line)):
            assert who.get(route).status_code == 200, route
        times[route.replace(rental, "{id}").replace(item, "{id}")] = (time.process_time() - began) * 1000 / int(line)
    print(json.dumps(times), flush=True)
"""


def main() -> None:
    """Measure both in turn, and print milliseconds of CPU a request and the ratio."""
    parser = ArgumentParser(prog="python -m bench.compare", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default: 7)")
    parser.add_argument("--requests", type=int, default=100, help="requests a route in a round (default: 100)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gdmarket-compare-") as folder:
        workers = [_start(checkout.resolve(), Path(folder) / str(number)) for number, checkout in enumerate(options.checkouts)]
        rounds = [[_ask(worker, options.requests) for worker in workers] for _ in range(1 + options.rounds)][1:]  # the first warms up
        for worker in workers:
            worker.communicate()
    print(f"{'route':<40} {'old ms':>8} {'new ms':>8} {'new/old':>8}")
    for route in rounds[0][1]:
        old, new = (min(round_[which].get(route, float("nan")) for round_ in rounds) for which in (0, 1))
        print(f"{route:<40} {old:>8.2f} {new:>8.2f} {new / old:>8.2f}")


def _start(checkout: Path, data: Path) -> "subprocess.Popen[str]":
    data.mkdir()
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings", "GDMARKET_DATA_DIR": str(data), "GDMARKET_SECRET_KEY": "x" * 50}
    settings |= {"GDMARKET_LOG_LEVEL": "WARNING", "PYTHONPATH": str(checkout), "DATABASE_URL": ""}
    settings |= UNLIMITED
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", _WORKER], cwd=checkout, env=os.environ | settings, stdin=pipe, stdout=pipe, text=True)


def _ask(worker: "subprocess.Popen[str]", requests: int) -> dict[str, float]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    print(requests, file=worker.stdin, flush=True)
    times: dict[str, float] = json.loads(worker.stdout.readline())
    return times


if __name__ == "__main__":
    main()
