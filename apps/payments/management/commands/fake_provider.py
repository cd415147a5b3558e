"""Serve the fake payment provider."""

import signal
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.payments.gateways.fake.provider import FakeProvider
from apps.payments.gateways.fake.server import FakeServer

_ORDERS = {signal.SIGTERM, signal.SIGINT}


class Command(BaseCommand):
    """Serve until SIGTERM or Ctrl-C."""

    help = (
        "Serve the sandbox as a payment provider of its own, over HTTP, that can be hurt while it runs: docs/how-to/operate.md tells how. "
        "What was answered survives in its book, even when it is killed. Takes no real money; never show it to the world."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8700, help="the port for customers; 0 picks one (default: 8700)")
        parser.add_argument("--control-port", type=int, default=8701, help="the port to set faults on; 0 picks one (default: 8701)")
        parser.add_argument("--book", type=Path, metavar="FILE", help="its book (default: fake_provider.sqlite3 in the data folder)")
        parser.add_argument("--webhook-url", default="", metavar="URL", help="where to tell of what happened (default: nowhere)")
        parser.add_argument("--webhook-secret", default="", metavar="SECRET", help="what webhooks are signed with")

    def handle(self, **options: Any) -> None:
        if options["webhook_url"] and not options["webhook_secret"]:
            raise CommandError("--webhook-url needs a --webhook-secret to sign with.")
        signal.pthread_sigmask(signal.SIG_BLOCK, _ORDERS)  # one that another thread gets would not wake this one
        server = _open(options, say=self._say if options["verbosity"] else _be_silent)
        self._say(f"fake provider: listening on {_url(server.address)}, faults on {_url(server.control_address)}")
        signal.sigwait(_ORDERS)
        server.stop()
        self._say("fake provider: stopped")

    def _say(self, line: str) -> None:
        self.stdout.write(f"{line}\n")  # in one piece: many threads say something
        self.stdout.flush()


def _open(options: dict[str, Any], *, say: Callable[[str], None]) -> FakeServer:
    provider = FakeProvider(
        book=options["book"] or settings.GDMARKET_DATA_DIR / "fake_provider.sqlite3",
        webhook_url=options["webhook_url"],
        webhook_secret=options["webhook_secret"],
        say=say,
    )
    host = options["host"]
    try:
        return FakeServer(provider=provider, address=(host, options["port"]), control=(host, options["control_port"]))
    except (OSError, OverflowError) as error:
        raise CommandError(f"It cannot listen on {host}, ports {options['port']} and {options['control_port']}: {error}.") from error


def _be_silent(_line: str) -> None:
    """Say nothing."""


def _url(address: tuple[str, int]) -> str:
    return f"http://{address[0]}:{address[1]}"
