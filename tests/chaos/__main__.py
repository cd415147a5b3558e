"""`./dev chaos`: writers and relays, killed, frozen and cut off; then everything that was written is compared with everything heard.

It is a test, with a yes or a no, and stands here because `./dev test` runs its short form; only the full one takes minutes.
"""

import argparse
import os
import platform
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec

from tests.chaos.outcome import Outcome, table
from tests.chaos.plan import FULL, SHORT, Plan
from tests.postgresql import PostgresqlServer

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    """Run the campaigns that were asked for, print what came of them, and exit with 0 where every promise was kept."""
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--short", action="store_true", help="the form that the tests run: 2,000 events, 4 kills, a lease of 3 s")
    for name, what in (
        ("events", "how many events are written (default: 100,000)"),
        ("writers", "how many processes write"),
        ("relays", "how many relays deliver"),
        ("kills", "how many relays are killed"),
        ("seed", "repeats the choices of an earlier campaign, as far as processes repeat themselves"),
    ):
        parser.add_argument(f"--{name}", type=int, help=what)
    parser.add_argument("--seconds-limit", type=float, help="when a campaign that has not come to rest is given up")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = vars(parser.parse_args())
    chosen = {name: value for name, value in options.items() if hasattr(Plan, name) and value is not None}
    chosen.setdefault("seed", secrets.randbelow(2**32))
    print(f"The seed is {chosen['seed']}.", file=sys.stderr)
    databases = ["sqlite", "postgresql"] if options["database"] == "both" else [options["database"]]
    plan = replace(SHORT if options["short"] else FULL, **chosen)
    outcomes = [_campaign(database=database, plan=plan) for database in databases]
    _print(outcomes, as_json=options["json"])
    sys.exit(not all(outcome.is_clean for outcome in outcomes))


def _campaign(*, database: str, plan: Plan) -> Outcome:
    """Run one campaign on a database of its own, which writes as carefully as one in service."""
    with ExitStack() as stack:
        data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-chaos-"))
        url = ""
        if database == "postgresql":
            server = PostgresqlServer(durable=True)
            stack.callback(server.stop)
            server.start()
            url = server.url
        environment = os.environ | {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GDMARKET_DATA_DIR": data_dir,
            "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
        command = [sys.executable, "-m", "tests.chaos.process", "campaign", msgspec.json.encode(plan).decode()]
        told = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
        return msgspec.json.decode(told.stdout, type=Outcome)


def _print(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({outcome.database: outcome for outcome in outcomes}).decode())
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; seed {outcomes[0].seed}")
    print(table(outcomes))
    for outcome in outcomes:
        for trouble in (*outcome.verdict.examples, *outcome.mishaps):
            print(f"{outcome.database}: {trouble}")


if __name__ == "__main__":
    main()
