"""A real relay of the kitchen's events, as a process: the command, with the kitchen's handlers in place of the market's."""

import sys
import time

import django
from django.core.management import call_command

django.setup()

from gdmarket.bus import registry  # noqa: E402  # Django first
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, reader  # noqa: E402

registry.connect({Poured: [reader(RED, lambda _: time.sleep(0.002)), reader(BLUE)]})
call_command("relay", *sys.argv[1:])
