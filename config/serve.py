"""`./dev run`: migrate, load the demo into an empty database, then be the server.

Migration and demo data run in a child process, so that their memory is freed; the server is imported meanwhile.
"""

import importlib
import multiprocessing
import os
import socket
import sys
from multiprocessing.connection import Connection
from typing import NoReturn

import django
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from environs import EnvError
from gunicorn.app import wsgiapp

from config import exposure, server, sidecars

_WELCOME = """
GDmarket is running at {address}

  API docs      {address}/api/v1/docs
  Admin         {address}/admin/
  Health        {address}/health/ready
{people}
  A first request, and an access token:
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
# The demo was loaded while the market was reached from this machine alone.
_DEMO_EXPOSED = """\
Others reach it, and {email} can sign in with the demo's password, which everybody knows. One of:
  - another GDMARKET_DATA_DIR or DATABASE_URL starts without the demo
  - GDMARKET_HOST=127.0.0.1 ./dev run, then deactivate the demo's people in the admin, the operator last, after ./dev manage createsuperuser
  - GDMARKET_PUBLIC_DEMO=true, if it is meant to be a demo that everybody may sign in to"""


def main() -> NoReturn:
    """Prepare and serve; never returns. Exits with a message and code 1 if it cannot."""
    from prometheus_client import values  # noqa: PLC0415  # `config.server` has to set PROMETHEUS_MULTIPROC_DIR first

    values.ValueClass = values.MultiProcessValue(process_identifier=sidecars.identify_process)  # type: ignore[no-untyped-call]  # it has no types
    try:
        importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    except (EnvError, ValueError) as wrong:  # ValueError: an invalid database URL
        sys.exit(f"The settings are not right: {wrong}")
    if refused := exposure.refusal(settings):
        sys.exit(refused)
    _refuse_taken_port()
    print("Preparing the database …", flush=True)  # noqa: T201  # a person waits
    django.setup()
    try:
        people = _prepare_in_a_child()
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next start tries again.")
    address = f"http://{server.HOST}:{server.PORT}"
    os.environ["GDMARKET_WELCOME"] = _WELCOME.format(address=address, people=people)
    os.environ["GDMARKET_RELAY"] = "beside"
    sys.argv = ["gunicorn", "-c", "python:config.server", "config.wsgi"]
    wsgiapp.run()
    sys.exit()


def _prepare_in_a_child() -> str:
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_prepare_and_send, args=(sending,))
    child.start()
    sending.close()
    importlib.import_module(settings.ROOT_URLCONF)
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)  # it has said why
    people: str = receiving.recv()
    return people


def _prepare_and_send(answer: Connection) -> None:
    try:
        answer.send(_prepare())
    except KeyboardInterrupt:
        sys.exit(1)  # the parent says so
    except DatabaseError as wrong:
        sys.exit(f"The database cannot be used. Is DATABASE_URL right, and the server up?\n{wrong}")


def _prepare() -> str:
    """Migrate, load the demo into an empty database, and return the part of the welcome that names the demo's people."""
    django.setup()
    from apps.accounts import queries as accounts  # noqa: PLC0415  # models can be imported after setup() only
    from config import demo  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    if not exposure.may_load_demo(settings) and (email := accounts.find_email_with_password(emails=demo.PEOPLE, password=demo.PASSWORD)):
        sys.exit(_DEMO_EXPOSED.format(email=email))
    if not accounts.has_people():
        if not exposure.may_load_demo(settings):
            print("The database is empty, and gets no demo where others reach it. First: ./dev manage createsuperuser", flush=True)  # noqa: T201
        elif settings.GDMARKET_PAYMENT_GATEWAY in _DEMO_GATEWAYS:
            try:
                call_command("load_demo")
            except CommandError as refused:
                sys.exit(f"The demo could not be loaded: {refused}")
        else:
            print("The database is empty, and the demo needs the sandbox provider. First: ./dev manage createsuperuser", flush=True)  # noqa: T201  # a person waits
    return _DEMO_PEOPLE if accounts.has_person(email="renter@example.com") else ""


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
