"""`manage.py doctor`: what is wrong, and what to do about it."""

import sys
from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from config.doctor import examination
from config.doctor.findings import Finding, Level, Stance
from gdmarket.console import print_json

_STYLES = {Level.OK: "SUCCESS", Level.WARN: "WARNING", Level.FAIL: "ERROR"}


class Command(BaseCommand):
    """Arguments in, the findings out."""

    help = (
        "Look at everything an operator can get wrong: settings, databases, migrations, guards, the bus, money, housekeeping. "
        "Changes nothing, and may be run at any time. Exit codes: 0 all is well or can wait (ok, warn), 1 something is broken (fail)."
    )
    requires_system_checks: list[str] = []  # it tells of more than they do, and also where they would stop it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--deploy", action="store_true", help="hold the market to what one in service must be, with real money")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *, deploy: bool, json: bool, **_: Any) -> None:
        findings = []
        for finding in examination.examine(stance=Stance(deploy=deploy)):
            findings.append(finding)
            if not json:
                self._print(finding)
        counts = Counter(finding.level for finding in findings)
        if json:
            listed = [asdict(finding) for finding in findings]
            print_json(self.stdout, {"findings": listed, "counts": {level.value: counts[level] for level in Level}})
        else:
            self.stdout.write(f"{counts[Level.OK]} ok, {counts[Level.WARN]} warn, {counts[Level.FAIL]} fail")
        if counts[Level.FAIL]:
            sys.exit(1)

    def _print(self, finding: Finding) -> None:
        level = getattr(self.style, _STYLES[finding.level])(f"{finding.level:<4}")
        remedy = f" → {finding.remedy}" if finding.remedy and finding.level is not Level.OK else ""
        self.stdout.write(f"{level}  {finding.what}: {finding.found}{remedy}")
        self.stdout.flush()
