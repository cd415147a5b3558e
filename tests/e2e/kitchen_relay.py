"""A real relay of the kitchen's events, as a process: the command, with the kitchen's handlers in place of the market's.

With KITCHEN_HANGS_AFTER_S red hangs when it hears a negative number, outside any transaction, and is held to hang after so long: no test
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
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, reader  # noqa: E402

slow = reader(RED, lambda event: time.sleep(0.002 if event.n >= 0 else 3600))
if "KITCHEN_HANGS_AFTER_S" in os.environ:
    watchdog.HANGS_AFTER_S = float(os.environ["KITCHEN_HANGS_AFTER_S"])
    slow = bus.external(slow)
registry.connect({Poured: [slow, reader(BLUE)]})
call_command("relay", *sys.argv[1:])
