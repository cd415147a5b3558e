"""`manage.py doctor`: what is wrong, and what to do about it."""

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.checks import ERROR, CheckMessage
from django.db import Error, connections
from django.utils.module_loading import autodiscover_modules

from gdmarket.checks import DATA, DATABASES, STRICT, finding, registry
from gdmarket.console import OperatorCommand, print_json

_STYLES = {"ok": "SUCCESS", "warn": "WARNING", "fail": "ERROR"}


class Command(OperatorCommand):
    """Runs every check and prints what it found."""

    help = (
        "Look for everything that an operator can get wrong: settings, databases, migrations, guards, the bus, money, housekeeping. "
        "Changes nothing, and may be run at any time. Exit codes: 0 all is well or can wait (ok, warn), 1 something is broken (fail)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--deploy", action="store_true", help="check what production needs as well: real money, HTTPS")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *, deploy: bool, json: bool, **_: Any) -> None:
        found = []
        for what, message in run_all(deploy=deploy):
            level = "ok" if message is None else "fail" if message.level >= ERROR else "warn"
            details = {"found": message.msg, "remedy": message.hint or "", "id": message.id or ""} if message else {}
            found.append({"level": level, "what": what, **details})
            if not json:
                said = f": {message.msg} → {message.hint}" if message else ""
                self.stdout.write(f"{getattr(self.style, _STYLES[level])(f'{level:<4}')}  {what}{said}")
                self.stdout.flush()
        counts = Counter(each["level"] for each in found)
        if json:
            print_json(self.stdout, {"findings": found, "counts": {level: counts[level] for level in _STYLES}})
        else:
            self.stdout.write(f"{counts['ok']} ok, {counts['warn']} warn, {counts['fail']} fail")
        if counts["fail"]:
            sys.exit(1)


def run_all(*, deploy: bool) -> Iterator[tuple[str, CheckMessage | None]]:
    """Yield each check's name with each of its messages, or None if it has none: of settings, then of databases, then of data."""
    autodiscover_modules("checks", "database_checks")
    checks = sorted(registry.get_checks(include_deployment_checks=deploy), key=_name)
    yield from _run([check for check in checks if not {DATABASES, DATA} & {*check.tags}], [], deploy=deploy)
    unusable = {alias: error for alias in connections if (error := _connect(alias))}
    yield from (("databases: connect", error) for error in unusable.values())
    usable = [alias for alias in connections if alias not in unusable]
    if usable:
        yield from _run([check for check in checks if DATABASES in check.tags], usable, deploy=deploy)
    if not unusable:
        yield from _run([check for check in checks if DATA in check.tags], usable, deploy=deploy)


def _run(checks: list[Any], usable: list[str], *, deploy: bool) -> Iterator[tuple[str, CheckMessage | None]]:
    for check in checks:
        try:
            messages = list(check(app_configs=None, databases=usable))
        except Error as failure:
            messages = [finding("doctor.E001", f"cannot be run: {_first_line(failure)}", "do what is said above, and run it again")]
        for message in messages:
            message.level = ERROR if deploy and STRICT in check.tags else message.level
            yield _name(check), message
        if not messages:
            yield _name(check), None


def _connect(alias: str) -> CheckMessage | None:
    connection = connections[alias]
    file = Path(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite" and not file.is_file():  # connecting would create it
        return finding("doctor.E002", f"{alias} cannot be used: there is no file {file}", "run manage.py migrate, which creates it")
    try:
        connection.ensure_connection()
    except Error as failure:
        return finding("doctor.E002", f"{alias} cannot be used: {_first_line(failure)}", "is the server up, and the URL right?")
    return None


def _name(check: Any) -> str:
    """Return `payments: provider` for `check_provider` of apps/payments/checks.py."""
    owner = "databases" if DATABASES in check.tags else check.__module__.split(".")[-2]
    return f"{owner}: {check.__name__.removeprefix('check_').replace('_', ' ')}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]
