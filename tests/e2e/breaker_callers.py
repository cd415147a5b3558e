"""A server with four workers that call one provider in a loop, through the breaker: `python -m tests.e2e.breaker_callers FOLDER`.

The provider is a folder: its file `behaviour` says how it responds, and each call is logged in `calls` with time, process, state and
generation.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import django

django.setup()

from gdmarket.breaker import OpenError  # noqa: E402  # Django first
from tests.unit.gdmarket.breaker.harness import FAST, ProviderError, WatchedBreaker  # noqa: E402  # Django first

WORKERS = 4
BREAK_S = 0.001
ANSWER_S = 0.03


class Provider:
    """The dependency that the workers call."""

    def __init__(self, folder: Path, breaker: WatchedBreaker) -> None:
        self._folder = folder
        self._breaker = breaker

    def answer(self) -> None:
        """Answer or fail, after hanging for as long as the behaviour is `hangs`."""
        permit = self._breaker.permit
        with (self._folder / "calls").open("a") as calls:
            calls.write(f"{time.time()} {os.getpid()} {permit.state.value} {permit.generation}\n")
        time.sleep(ANSWER_S)
        while self._behaviour() == "hangs":
            time.sleep(BREAK_S)
        if self._behaviour() == "fails":
            raise ProviderError

    def _behaviour(self) -> str:
        return (self._folder / "behaviour").read_text()


def work(folder: Path) -> None:
    """Call until killed."""
    breaker = WatchedBreaker(name="provider", monotonic=time.monotonic, policy=FAST)
    provider = Provider(folder, breaker)
    while True:
        with suppress(OpenError, ProviderError):
            breaker.call(provider.answer)
        time.sleep(BREAK_S)


for _ in range(WORKERS):
    if not os.fork():
        work(Path(sys.argv[1]))
print("working", flush=True)  # noqa: T201  # its parent waits for it
time.sleep(3600)
