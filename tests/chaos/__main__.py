"""`./dev chaos`: kill, freeze and cut off writers and relays; then compare everything that was written with everything delivered.

`./dev chaos payments`: kill renters, relays and the payment provider, and inject faults into it; then account for every won.
"""

import argparse
import os
import platform
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from deploy.servers.postgresql import running_postgresql
from deploy.servers.process import ROOT
from tests.chaos import outcome, plan
from tests.chaos.money import outcome as money_outcome
from tests.chaos.money import plan as money_plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of campaign: its module, its plans, and how its outcome is read and printed."""

    module: str
    short: Any
    full: Any
    outcome: Any
    table: Callable[[Any], str]
    options: dict[str, str]
    database: str
    environment: dict[str, str] = field(default_factory=dict)


BUS = Kind(
    module="tests.chaos.process",
    short=plan.SHORT,
    full=plan.FULL,
    outcome=outcome.Outcome,
    table=outcome.table,
    options={
        "events": "how many events are written (default: 100,000)",
        "writers": "how many processes write",
        "relays": "how many relays deliver",
        "kills": "how many relays are killed",
    },
    database="both",
)
PAYMENTS = Kind(
    module="tests.chaos.money.process",
    short=money_plan.SHORT,
    full=money_plan.FULL,
    outcome=money_outcome.Outcome,
    table=money_outcome.table,
    options={
        "rentals": "how many rentals are made (default: 10,000)",
        "renters": "how many processes make them",
        "relays": "how many relays deliver",
        "kills": "how many of these are killed, beside those that crash at failpoints",
    },
    database="postgresql",
    environment=money_plan.PROVIDER,
)


def main(arguments: Sequence[str]) -> int:
    """Run the campaigns and print their outcomes; 0 where every guarantee was kept."""
    kind, arguments = (PAYMENTS, arguments[1:]) if arguments[:1] == ["payments"] else (BUS, arguments)
    parser = argparse.ArgumentParser(prog="./dev chaos [payments]", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default=kind.database)
    parser.add_argument("--short", action="store_true", help="the form that the tests run")
    for name, what in kind.options.items():
        parser.add_argument(f"--{name}", type=int, help=what)
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier campaign, as far as processes repeat themselves")
    parser.add_argument("--seconds-limit", type=float, help="when a campaign that has not finished is given up")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = vars(parser.parse_args(arguments))
    chosen = {name: options[name] for name in (*kind.options, "seed", "seconds_limit") if options[name] is not None}
    chosen.setdefault("seed", secrets.randbelow(2**32))
    print(f"The seed is {chosen['seed']}.", file=sys.stderr)
    chosen_plan = replace(kind.short if options["short"] else kind.full, **chosen)
    databases = ["sqlite", "postgresql"] if options["database"] == "both" else [options["database"]]
    outcomes = []
    for database in databases:
        with _database(database) as environment:
            done = run_campaign(kind, chosen_plan, folder=environment["GDMARKET_DATA_DIR"], environment=environment, check=True)
            outcomes.append(msgspec.json.decode(done.stdout, type=kind.outcome))
    if options["json"]:
        print(msgspec.json.encode({each.database: each for each in outcomes}).decode())
    else:
        print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; seed {chosen['seed']}")
        print(kind.table(outcomes))
        for each in outcomes:
            for example in (*each.verdict.examples, *each.unexpected):
                print(f"{each.database}: {example}")
    return int(not all(each.is_clean for each in outcomes))


def run_campaign(
    kind: Kind, chosen_plan: Any, *, folder: str, environment: dict[str, str], check: bool = False, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run one campaign in a process of its own, on the database of `environment`; its standard output is the outcome in JSON."""
    command = [sys.executable, "-m", kind.module, "campaign", msgspec.json.encode(chosen_plan).decode(), folder]
    return subprocess.run(command, cwd=ROOT, env=environment | kind.environment, stdout=subprocess.PIPE, text=True, check=check, **options)


@contextmanager
def _database(kind: str) -> Iterator[dict[str, str]]:
    """Make a durable database with the product's tables; give the environment in which a process works on it."""
    with tempfile.TemporaryDirectory(prefix="gdmarket-chaos-") as data_dir:
        environment = os.environ | {
            "DATABASE_URL": "",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GDMARKET_DATA_DIR": str(Path(data_dir)),
            "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
        }
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        if kind == "sqlite":
            subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
            yield environment
            return
        with running_postgresql(durable=True) as url:
            environment["DATABASE_URL"] = url
            subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
            yield environment


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
