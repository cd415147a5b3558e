"""`./dev chaos`: writers and relays, killed, frozen and cut off; then everything that was written is compared with everything heard.

It is a test, with a yes or a no, and stands here because `./dev test` runs its short form; only the full one takes minutes.
"""

import argparse
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from tests.chaos import databases
from tests.chaos.money import command as money
from tests.chaos.outcome import Outcome, table
from tests.chaos.plan import FULL, SHORT, Plan


def main() -> None:
    """Run the campaigns that were asked for, print what came of them, and exit with 0 where every promise was kept."""
    if sys.argv[1:2] == ["payments"]:
        money.main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="./dev chaos", description=__doc__.splitlines()[0], epilog="./dev chaos payments --help: the campaign about money."
    )
    parser.add_argument("--database", choices=databases.CHOICES, default="both")
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
    plan = replace(SHORT if options["short"] else FULL, **chosen)
    outcomes = [_campaign(database=database, plan=plan) for database in databases.chosen(options["database"])]
    _print(outcomes, as_json=options["json"])
    sys.exit(not all(outcome.is_clean for outcome in outcomes))


def _campaign(*, database: str, plan: Plan) -> Outcome:
    with databases.market_on(database) as environment:
        command = [sys.executable, "-m", "tests.chaos.process", "campaign", msgspec.json.encode(plan).decode()]
        told = subprocess.run(command, cwd=databases.ROOT, env=environment, stdout=subprocess.PIPE, check=True)
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
