"""Compare our payments with the payment provider's book."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from apps.payments import services
from apps.payments.services import Finding, Verdict
from gdmarket import clock

_QUIET = {Verdict.AGREES}
_FOR_A_PERSON = {Verdict.NEEDS_PERSON, Verdict.NOT_REACHED}
_ROW = "{:<13} {:<36} {:<36} {:<32} {}"
_LONGEST_S = 100 * 365 * 24 * 3600.0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_S:  # not a number is none of these either
        raise ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more, e.g. 60")
    return seconds


class Command(BaseCommand):
    """Settle what is open, print what differs; exit code 1 when a person must look, else 0. Safe to run twice and in parallel."""

    help = (
        "Ask the payment provider about every payment that is not settled and every refund not given yet, settle what is safe, "
        "compare the rest with the provider's book and print the differences. Exit code 1: a person must look, or the provider "
        "was not reached. Safe to run twice and in parallel."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only read; say what would be repaired")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
        parser.add_argument("--older-than", type=_seconds, default=0.0, metavar="SECONDS", help="leave younger payments alone (default: 0)")

    def handle(self, *args: Any, **options: Any) -> None:
        found = services.reconcile_payments(now=clock.now(), older_than_s=options["older_than"], dry_run=options["dry_run"])
        counts: Counter[Verdict] = Counter()
        telling = [finding for finding in self._counted(found, counts) if finding.verdict not in _QUIET]
        if options["json"]:
            self.stdout.write(json.dumps({"counts": counts, "findings": [asdict(finding) for finding in telling]}, default=str))
        else:
            self._print_table(telling, counts)
        if _FOR_A_PERSON & counts.keys():
            sys.exit(1)

    def _counted(self, found: Iterable[Finding], counts: Counter[Verdict]) -> Iterable[Finding]:
        for finding in found:
            counts[finding.verdict] += 1
            if counts.total() % 500 == 0:
                self.stderr.write(f"{counts.total()} payments compared …")
            yield finding

    def _print_table(self, telling: list[Finding], counts: Counter[Verdict]) -> None:
        if telling:
            self.stdout.write(_ROW.format("verdict", "payment", "rental", "ours", "provider"))
        for finding in telling:
            ids = (str(finding.payment_id), str(finding.rental_id))
            self.stdout.write(_ROW.format(finding.verdict, *ids, finding.ours, finding.provider))
        summary = ", ".join(f"{number} {verdict}" for verdict, number in sorted(counts.items())) or "none"
        self.stdout.write(f"Payments compared: {summary}.")
