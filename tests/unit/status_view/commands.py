"""The two commands, run in process."""

from io import StringIO
from typing import Any

from django.core.management import call_command


def rebuild(**options: Any) -> str:
    output = StringIO()
    call_command("rebuild_status_view", stdout=output, stderr=StringIO(), **{"pace": 1.0, **options})
    return output.getvalue().strip()


def check(**options: Any) -> tuple[int, str]:
    """Return the exit code and the output of `check_status_view`."""
    output, code = StringIO(), 0
    try:
        call_command("check_status_view", stdout=output, stderr=StringIO(), **{"patience": 0.0, **options})
    except SystemExit as ended:
        code = int(str(ended.code))
    return code, output.getvalue().strip()
