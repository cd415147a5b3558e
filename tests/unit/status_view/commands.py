"""The two commands, run in process."""

from io import StringIO
from typing import Any

from django.core.management import call_command


def rebuild(**options: Any) -> str:
    said = StringIO()
    call_command("rebuild_status_view", stdout=said, stderr=StringIO(), **{"pace": 1.0, **options})
    return said.getvalue().strip()


def check(**options: Any) -> tuple[int, str]:
    """Return the exit code and the output of `check_status_view`."""
    said, code = StringIO(), 0
    try:
        call_command("check_status_view", stdout=said, stderr=StringIO(), **{"patience": 0.0, **options})
    except SystemExit as ended:
        code = int(str(ended.code))
    return code, said.getvalue().strip()
