"""`./dev cluster`, `./dev rollout` and `./dev heal`: which, and its options."""

import argparse
import signal
import sys

from deploy.local import heal, interactive, rollout

_COMMANDS = {"cluster": interactive, "rollout": rollout, "heal": heal}


def main() -> None:
    """Do what was asked for."""
    # A job in the background of a shell ignores Ctrl-C; so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="./dev")
    commands = parser.add_subparsers(required=True)
    for name, command in _COMMANDS.items():
        of_command = commands.add_parser(name, description=(command.__doc__ or "").splitlines()[0])
        of_command.set_defaults(run=command.run)
        command.add_arguments(of_command)
    options = parser.parse_args()
    sys.exit(options.run(options))


if __name__ == "__main__":
    main()
