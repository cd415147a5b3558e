"""`./dev bench [WHAT]`: which measurement, and its options."""

import argparse
import sys

from bench import autoscale, compare, cost, curve, http, load, outage, pgbench, rebuild, rest
from bench.bus import command as bus
from bench.peers import command as peers

_COMMANDS = {
    "http": (http, "requests a second and latency of the API, on both databases (the default)"),
    "compare": (compare, "another revision and this one in turn: CPU time and statements of each request, or requests a second"),
    "load": (load, "fill the database of DATABASE_URL with a large market, to measure on"),
    "curve": (curve, "how long each request takes in markets of growing size"),
    "peers": (peers, "a customer's whole flow here, on django-oscar and on Vendure, in turn; downloads them once"),
    "cost": (cost, "what a rental and a read cost: WAL, rows, disk and CPU time, on PostgreSQL"),
    "pgbench": (pgbench, "paid requests a second beside what PostgreSQL alone does with the least SQL"),
    "bus": (bus, "the event bus: throughput, stuck lanes, latency, recovery, beside the raw commit rate"),
    "payments": (outage, "a payment provider that is slow for a minute, under load: accepted, refused, and calls that reach it"),
    "rebuild": (rebuild, "a rebuild of the status view of a large market while it is being read"),
    "rest": (rest, "memory of ./dev run at rest, and the time to its first answer"),
    "autoscale": (autoscale, "the Horizontal Pod Autoscaler's rule on a cluster: replicas go up with a load, and down after it"),
}


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measure this machine: figures for the record, never a pass or a fail. See docs/explanation/performance.md.",
    )
    commands = parser.add_subparsers(metavar="|".join(_COMMANDS), required=True)
    for name, (command, summary) in _COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=(command.__doc__ or "").splitlines()[0])
        subparser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
        subparser.set_defaults(run=command.run)
        command.add_arguments(subparser)
    arguments = sys.argv[1:]
    is_named = bool(arguments) and (not arguments[0].startswith("-") or arguments[0] in {"-h", "--help"})
    options = parser.parse_args(arguments if is_named else ["http", *arguments])
    options.run(options)


if __name__ == "__main__":
    main()
