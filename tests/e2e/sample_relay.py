"""A relay as a process: the command, with sample handlers instead of the market's.

With SAMPLE_HANGS_AFTER_S red's handler hangs on a negative number, outside any transaction, and the watchdog waits only so long: no test
waits for 30 s.
"""

import os
import sys
import time

import django
from django.core.management import call_command

django.setup()

from gdmarket import bus  # noqa: E402  # Django first
from gdmarket.bus import registry, watchdog  # noqa: E402  # Django first
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, handler_of  # noqa: E402

slow = handler_of(RED, lambda event: time.sleep(0.002 if event.n >= 0 else 3600))
if "SAMPLE_HANGS_AFTER_S" in os.environ:
    watchdog.HANGS_AFTER_S = float(os.environ["SAMPLE_HANGS_AFTER_S"])
    slow = bus.external(slow)
registry.connect({Added: [slow, handler_of(BLUE)]})
call_command("relay", *sys.argv[1:])
