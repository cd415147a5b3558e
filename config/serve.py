"""`./dev run`: bring the database up to date, load the demo into an empty one, then become the server."""

import importlib
import os
import socket
import sys
from typing import NoReturn

import django
from django.core.management import call_command
from django.db import DatabaseError
from environs import EnvError

from config import server

_WELCOME = """
GDmarket is open at {address}

  API docs      {address}/api/v1/docs
  Admin         {address}/admin/
  Health        {address}/health/ready
{people}
  A first look, and a token to go on with:
    curl '{address}/api/v1/items?limit=3'
    curl {address}/api/v1/auth/token -H 'Content-Type: application/json' \\
         -d '{{"email": "renter@example.com", "password": "gdmarket-demo"}}'

Ctrl-C stops everything.
"""
_DEMO_GATEWAYS = ("sandbox", "http")
_DEMO_PEOPLE = """
  Demo people, password gdmarket-demo:
    manager@example.com  manager2@example.com                     item managers
    renter@example.com   renter2@example.com  renter3@example.com renters
    operator@example.com                                          operator
"""


def main() -> NoReturn:
    """Prepare and serve; never returns. Ends with a sentence and exit code 1 when it cannot."""
    _read_settings()
    _refuse_taken_port()
    print("Preparing the database …", flush=True)  # noqa: T201  # a person waits
    try:
        people = _prepare()
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next start begins anew.")
    except DatabaseError as wrong:
        sys.exit(f"The database cannot be used. Is DATABASE_URL right, and the server up?\n{wrong}")
    address = f"http://{server.HOST}:{server.PORT}"
    os.environ["GDMARKET_WELCOME"] = _WELCOME.format(address=address, people=people)
    os.environ["GDMARKET_RELAY"] = "beside"
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", "python:config.server", "config.wsgi"])


def _read_settings() -> None:
    try:
        importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    except (EnvError, ValueError) as wrong:  # a database URL that is none is a ValueError
        sys.exit(f"The settings are not right: {wrong}")


def _prepare() -> str:
    """Migrate, load the demo where nobody lives yet, and return what to say of the demo's people."""
    django.setup()
    from django.contrib.auth import get_user_model  # noqa: PLC0415  # models exist only after setup()

    call_command("migrate", verbosity=0)
    people = get_user_model().objects.all()
    if not people.exists():
        _load_demo()
    return _DEMO_PEOPLE if people.filter(email="renter@example.com").exists() else ""


def _load_demo() -> None:
    from django.conf import settings  # noqa: PLC0415  # they are read by now
    from django.core.management import CommandError  # noqa: PLC0415

    if settings.GDMARKET_PAYMENT_GATEWAY not in _DEMO_GATEWAYS:
        print("Nobody lives here yet, and the demo is paid with the sandbox alone. Yourself: ./dev manage createsuperuser", flush=True)  # noqa: T201
        return
    try:
        call_command("load_demo")
    except CommandError as refused:
        sys.exit(f"The demo could not be loaded: {refused}")


def _refuse_taken_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.HOST, server.PORT))
        except OSError as refused:
            other = server.PORT + 1
            sys.exit(f"Cannot listen on {server.HOST}:{server.PORT} ({refused.strerror}). Another port: GDMARKET_PORT={other} ./dev run")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
