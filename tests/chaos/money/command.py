"""`./dev chaos payments`: renters, relays and the provider killed and hurt; then every won is accounted for."""

import argparse
import os
import platform
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from tests.chaos import databases
from tests.chaos.money.outcome import Outcome, table
from tests.chaos.money.plan import FULL, SHORT, TIMEOUT_MS, Plan

PROVIDER = {"GDMARKET_PAYMENT_GATEWAY": "http", "GDMARKET_PAYMENT_TIMEOUT_MS": str(TIMEOUT_MS)}


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the campaigns that were asked for, print what came of them, and exit with 0 where every won was accounted for."""
    parser = argparse.ArgumentParser(prog="./dev chaos payments", description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=databases.CHOICES, default="postgresql")
    parser.add_argument("--short", action="store_true", help="the form that the tests run")
    for name, what in (
        ("rentals", "how many rentals are made (default: 10,000)"),
        ("renters", "how many processes make them"),
        ("relays", "how many relays deliver"),
        ("kills", "how many of these are killed, beside those that die at crash points"),
        ("seed", "repeats the choices of an earlier campaign, as far as processes repeat themselves"),
    ):
        parser.add_argument(f"--{name}", type=int, help=what)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = vars(parser.parse_args(arguments))
    chosen = {name: value for name, value in options.items() if name in Plan.__struct_fields__ and value is not None}
    chosen.setdefault("seed", secrets.randbelow(2**32))
    print(f"The seed is {chosen['seed']}.", file=sys.stderr)
    plan = msgspec.structs.replace(SHORT if options["short"] else FULL, **chosen)
    outcomes = [_campaign(database=database, plan=plan) for database in databases.chosen(options["database"])]
    _print(outcomes, as_json=options["json"])
    sys.exit(not all(outcome.is_clean for outcome in outcomes))


def _campaign(*, database: str, plan: Plan) -> Outcome:
    with databases.market_on(database) as environment, tempfile.TemporaryDirectory(prefix="gdmarket-chaos-") as folder:
        command = [sys.executable, "-m", "tests.chaos.money.process", "campaign", msgspec.json.encode(plan).decode(), folder]
        told = subprocess.run(command, cwd=databases.ROOT, env=environment | PROVIDER, stdout=subprocess.PIPE, check=True)
        return msgspec.json.decode(told.stdout, type=Outcome)


def _print(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(outcomes).decode())
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; seed {outcomes[0].seed}")
    print(table(outcomes))
    for outcome in outcomes:
        for trouble in (*outcome.verdict.examples, *outcome.mishaps):
            print(f"{outcome.database}: {trouble}")
