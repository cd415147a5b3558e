"""A server with four workers that ask one provider without end, through the breaker: `python -m tests.e2e.breaker_callers FOLDER`.

The provider is a folder. It does what its file `behaviour` says, and writes each call into `calls`: when, from which process, in
which state and generation.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import django

django.setup()

from gdmarket.breaker import OpenError  # noqa: E402  # Django first
from tests.e2e.brisk import BRISK  # noqa: E402
from tests.unit.gdmarket.breaker.harness import ProviderError, WatchedBreaker  # noqa: E402

WORKERS = 4
BREAK_S = 0.001
ANSWER_S = 0.03


class Provider:
    """What the workers ask."""

    def __init__(self, folder: Path, breaker: WatchedBreaker) -> None:
        self._folder = folder
        self._breaker = breaker

    def answer(self) -> None:
        """Answer or fail; hanging while the behaviour says so."""
        permit = self._breaker.permit
        with (self._folder / "calls").open("a") as calls:
            calls.write(f"{time.time()} {os.getpid()} {permit.state.value} {permit.generation}\n")
        time.sleep(ANSWER_S)
        while self._mood() == "hangs":
            time.sleep(BREAK_S)
        if self._mood() == "fails":
            raise ProviderError

    def _mood(self) -> str:
        return (self._folder / "behaviour").read_text()


def work(folder: Path) -> None:
    """Ask until killed."""
    breaker = WatchedBreaker(name="provider", monotonic=time.monotonic, policy=BRISK)
    provider = Provider(folder, breaker)
    while True:
        with suppress(OpenError, ProviderError):
            breaker.call(provider.answer)
        time.sleep(BREAK_S)


for _ in range(WORKERS):
    if not os.fork():
        work(Path(sys.argv[1]))
print("working", flush=True)  # noqa: T201  # for whoever started it
time.sleep(3600)
