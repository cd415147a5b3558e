"""`manage.py relay`: the process that delivers."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from gdmarket import console
from gdmarket.bus import relay, relay_port, routing
from gdmarket.bus.watchdog import Watchdog
from gdmarket.console import OperatorCommand
from gdmarket.shutdown import StopSignal


class Command(OperatorCommand):
    """Runs the relay until SIGTERM or SIGINT."""

    help = (
        "Deliver events to their subscribers until told to stop. Any number of relays may run at once. "
        "SIGTERM and SIGINT finish the current delivery, release the rest and exit with 0."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="deliver what is due now, print how many deliveries that were, and exit")
        parser.add_argument(
            "--with-parent",
            nargs="?",
            type=int,
            const=os.getppid(),
            metavar="PID",
            help="exit when the parent process ends; give its PID if it may have ended before this process starts",
        )

    def handle(self, *, once: bool, with_parent: int | None, **_: Any) -> None:
        if once:
            self.stdout.write(f"{relay.run_until_idle()} deliveries handled")
            return
        stop = StopSignal(parent=with_parent)
        watchdog = Watchdog(subscribers=routing.subscribers())
        if port := settings.GDMARKET_RELAY_PORT:
            try:
                relay_port.open_port(host=settings.GDMARKET_HOST, port=port, watchdog=watchdog)
            except OSError as refused:
                where = f"{settings.GDMARKET_HOST}:{port} ({refused.strerror or refused})"
                raise CommandError(f"The relay cannot listen on {where}. Another port: GDMARKET_RELAY_PORT") from refused
        console.report(self.stdout, "relay: delivering")
        relay.run(keep_going=stop.keep_going, watchdog=watchdog)
        console.report(self.stdout, "relay: stopped")
