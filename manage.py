#!/usr/bin/env python
"""Run a management command: `./dev manage help` lists them."""

import os
import sys

from django.core.management import execute_from_command_line
from environs import EnvError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except EnvError as wrong:
        sys.exit(f"The settings are not right: {wrong}")
    except BrokenPipeError:
        # Whoever read the output has seen enough (`… | head`); the interpreter must not try to flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
