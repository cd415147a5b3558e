"""`./dev bench bus`: how many deliveries a second, how soon, and what disturbs them; in ratios, on a database of its own.

`commits` is the machine's own limit: one connection that commits one row at a time. `throughput` and `peer` are measured in turn, round
by round, and compared within their round.
"""

import sys
from argparse import ArgumentParser, Namespace

from bench import report
from bench.market import enter, manage, open_database

PARTS = {
    "commits": "one-row commits a second on one connection",
    "throughput": "deliveries a second of the status view's handler, by one relay and by two",
    "peer": "procrastinate's jobs a second that do nothing, with one lock a stream (PostgreSQL only)",
    "stuck": "what 100 000 deliveries stuck in two lanes cost the other lanes",
    "latency": "from the event's commit to the view's, at half of the throughput (PostgreSQL only)",
    "recovery": "how long lanes wait for a relay that was killed with `kill -9`",
}
_OF_POSTGRESQL = {"peer", "latency"}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench bus` takes."""
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(PARTS),
        metavar="PART",
        default=list(PARTS),
        help="; ".join(f"{name}: {told}" for name, told in PARTS.items()),
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each rate is measured (default: 15)")
    parser.add_argument("--rounds", type=int, default=3, help="how often commits, throughput and peer are measured in turn (default: 3)")
    parser.add_argument("--deliveries", type=int, default=120_000, help="how many wait when a measurement begins (default: 120000)")


def run(options: Namespace) -> None:
    """Measure and print."""
    parts = [part for part in options.only if options.database == "postgresql" or part not in _OF_POSTGRESQL]
    if not parts:
        sys.exit(f"Only on PostgreSQL: {', '.join(options.only)}.")
    with open_database(database=options.database) as environment:
        enter(environment)
        if manage("migrate", "--verbosity", "0").returncode:
            sys.exit("The database could not be prepared.")
        from bench.bus import plan  # noqa: PLC0415  # models exist only after setup()

        figures, notes = plan.measure(parts=parts, seconds=options.seconds, rounds=options.rounds, deliveries=options.deliveries)
    report.print_figures(figures=figures, notes={"database": options.database, **notes}, as_json=options.json)
