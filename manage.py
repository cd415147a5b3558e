#!/usr/bin/env python
"""Run a management command: `./dev manage help` lists them."""

import os
import sys
from importlib import import_module

from django.core.management import execute_from_command_line
from environs import EnvError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    except (EnvError, ValueError) as wrong:  # ValueError: an invalid database URL
        sys.exit(f"The settings are not right: {wrong}")
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader closed the pipe, as `head` does; the interpreter must not flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
