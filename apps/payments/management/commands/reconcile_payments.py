"""Compare our payments and the ledger with the payment provider's list."""

import json
import logging
import sys
import time
from argparse import ArgumentParser
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import takewhile
from typing import Any

from django.db import Error, connections

from apps.payments.services.findings import FindingVerdict, PaymentFinding
from apps.payments.services.reconciling import reconcile_payments
from gdmarket import clock, console
from gdmarket.console import OperatorCommand
from gdmarket.shutdown import StopSignal

_log = logging.getLogger(__name__)

_QUIET = {FindingVerdict.AGREES}
_FOR_A_PERSON = {FindingVerdict.NEEDS_PERSON, FindingVerdict.NOT_REACHED}
_ROW = "{:<13} {:<36} {:<36} {:<32} {}"
_LONGEST_DAYS = 100 * 365


@dataclass(slots=True)
class _Tally:
    """The findings of a run so far; sums by currency, in minor units."""

    verdicts: Counter[FindingVerdict] = field(default_factory=Counter)
    held: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    booked: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def count(self, finding: PaymentFinding) -> None:
        self.verdicts[finding.verdict] += 1
        if finding.currency and finding.verdict is not FindingVerdict.NOT_REACHED:
            self.held[finding.currency] += finding.held
            self.booked[finding.currency] += finding.booked

    def sums(self) -> list[dict[str, Any]]:
        return [
            {"currency": currency, "provider": held, "ledger": self.booked[currency], "difference": held - self.booked[currency]}
            for currency, held in sorted(self.held.items())
        ]


class Command(OperatorCommand):
    """Settle what is open, print what differs; exit code 1 when a person must look, else 0. Safe to run twice and in parallel."""

    help = (
        "Settle what is safe (payments without an outcome, refunds not made yet), then compare every payment and the ledger with the "
        "payment provider's own list and print the differences. Exit code 1: a person must look, or the provider was not reached. "
        "Safe to run twice and in parallel. With Stripe, looking up what never reached it leaves an incomplete "
        f"PaymentIntent in its dashboard, even with --dry-run. {console.EXIT_CODES}"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="change nothing; report what would be repaired")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
        days = console.positive_int(upto=_LONGEST_DAYS)
        parser.add_argument("--days", type=days, metavar="DAYS", help="compare only payments younger than this (default: all)")
        parser.add_argument("--older-than", type=console.seconds, default=0.0, metavar="SECONDS", help="skip younger payments (default: 0)")
        parser.add_argument("--every", type=console.seconds, metavar="SECONDS", help="repeat at this interval until SIGTERM or Ctrl-C")
        parser.add_argument("--with-parent", type=int, metavar="PID", help="stop when the parent process PID is gone")

    def handle(self, *args: Any, **options: Any) -> None:
        with console.exit_codes():
            if options["every"] is None:
                # Alone it may be killed at any time; beside a server it finishes the payment at hand.
                keep_going = (lambda: True) if options["with_parent"] is None else StopSignal(parent=options["with_parent"]).keep_going
                sys.exit(1 if self._reconcile(options, keep_going=keep_going) else 0)
            self._reconcile_repeatedly(options, StopSignal(parent=options["with_parent"]))

    def _reconcile_repeatedly(self, options: dict[str, Any], stop: StopSignal) -> None:
        while stop.keep_going():
            try:
                self._reconcile(options, keep_going=stop.keep_going)
            except Error as unreachable:
                console.report(self.stderr, f"The database does not answer; the next try is in {options['every']:g} s. {unreachable}")
            except Exception:  # noqa: BLE001  # a process edge: the next run may well succeed
                _log.exception("reconciling failed; the next try is in %g s", options["every"])
            finally:
                connections.close_all()
            due = time.monotonic() + options["every"]
            while stop.keep_going() and (left := due - time.monotonic()) > 0:
                time.sleep(min(1.0, left))

    def _reconcile(self, options: dict[str, Any], *, keep_going: Callable[[], bool]) -> bool:
        now = clock.now()
        since = now - timedelta(days=options["days"]) if options["days"] else None
        found = reconcile_payments(now=now, since=since, older_than_s=options["older_than"], dry_run=options["dry_run"])
        tally = _Tally()
        counted = self._counted(takewhile(lambda _: keep_going(), found), tally)
        reported = [finding for finding in counted if finding.verdict not in _QUIET]
        if options["json"]:
            document = {"counts": tally.verdicts, "sums": tally.sums(), "findings": [asdict(finding) for finding in reported]}
            self.stdout.write(json.dumps(document, default=str))
        else:
            self._print_table(reported, tally)
        self.stdout.flush()
        return bool(_FOR_A_PERSON & tally.verdicts.keys())

    def _counted(self, found: Iterable[PaymentFinding], tally: _Tally) -> Iterable[PaymentFinding]:
        for finding in found:
            tally.count(finding)
            if tally.verdicts.total() % 500 == 0:
                console.report(self.stderr, f"{tally.verdicts.total()} payments compared …")
            yield finding

    def _print_table(self, reported: list[PaymentFinding], tally: _Tally) -> None:
        if reported:
            self.stdout.write(_ROW.format("verdict", "payment", "rental", "ours", "provider"))
        for finding in reported:
            ids = (str(finding.payment_id or "-"), str(finding.rental_id or "-"))
            self.stdout.write(_ROW.format(finding.verdict, *ids, finding.ours, finding.provider))
        summary = ", ".join(f"{number} {verdict}" for verdict, number in sorted(tally.verdicts.items())) or "none"
        self.stdout.write(f"Payments compared: {summary}.")
        for line in tally.sums():
            sides = "Held by the provider {provider:,} {currency}, by the ledger {ledger:,}: difference {difference:,}."
            self.stdout.write(sides.format(**line))
