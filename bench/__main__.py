"""`./dev bench [http|bus|payments|rebuild|autoscale]`: which measurement, and its options."""

import argparse
import sys

from bench import http
from bench.autoscale import command as autoscale
from bench.bus import command as bus
from bench.outage import command as outage
from bench.rebuild import command as rebuild

_COMMANDS = {
    "http": (http, "requests a second and latency of the API, on both databases (also when no name is given)"),
    "bus": (bus, "the event bus: throughput, stuck lanes, latency, recovery, beside the raw commit rate and a peer"),
    "payments": (outage, "a payment provider that is slow for a minute, under load: who is taken, who is refused, what reaches it"),
    "rebuild": (rebuild, "rebuilding the status view of a large market while it is being read"),
    "autoscale": (
        autoscale,
        "the Horizontal Pod Autoscaler's rule on a cluster: replicas go up with a load, and down after it",
    ),
}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measure this machine: figures for the record, never a pass or a fail. See docs/explanation/performance.md.",
    )
    commands = parser.add_subparsers(metavar="http|bus|payments|rebuild|autoscale", required=True)
    for name, (command, told) in _COMMANDS.items():
        of_command = commands.add_parser(name, help=told, description=(command.__doc__ or "").splitlines()[0])
        of_command.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
        of_command.set_defaults(run=command.run)
        command.add_arguments(of_command)
    options = parser.parse_args(_named(sys.argv[1:]))
    options.run(options)


def _named(arguments: list[str]) -> list[str]:
    is_named = bool(arguments) and arguments[0] in {*_COMMANDS, "-h", "--help"}
    return arguments if is_named else ["http", *arguments]


if __name__ == "__main__":
    main()
