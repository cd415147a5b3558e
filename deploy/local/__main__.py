"""`./dev cluster`, `./dev rollout` and `./dev heal`."""

import argparse
import signal
import sys

from deploy.local import heal, interactive, rollout

_COMMANDS = {"cluster": interactive, "rollout": rollout, "heal": heal}


def main() -> None:
    """Run one of the commands."""
    # A shell's background job ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="./dev")
    commands = parser.add_subparsers(required=True)
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(name, description=(command.__doc__ or "").splitlines()[0])
        subparser.set_defaults(run=command.run)
        command.add_arguments(subparser)
        if command is not interactive:
            subparser.add_argument("--seed", type=int, help="repeats the choices of an earlier run")
            subparser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    options = parser.parse_args()
    sys.exit(options.run(options))


if __name__ == "__main__":
    main()
