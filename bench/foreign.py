"""Foreign load: what share of the machine's CPU time went to processes that are not part of a measurement."""

import os
import time
from types import TracebackType
from typing import Self

import psutil


class ForeignLoad:
    """Watches the length of a block; `share` is then 0 to 1 of all cores, everything but this process and what it started.

    What the kernel and a hypervisor take counts as foreign.
    """

    share: float = 0.0

    def __enter__(self) -> Self:
        self._began, self._busy, self._own = time.perf_counter(), _busy_s(), _own_s()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        available = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        foreign = (_busy_s() - self._busy) - (_own_s() - self._own)
        self.share = min(1.0, max(0.0, foreign / available)) if available else 0.0


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _own_s() -> float:
    """Return the CPU seconds of this process and of all below it, the ended children of each included."""
    spent = 0.0
    process = psutil.Process()
    for each in (process, *process.children(recursive=True)):
        try:
            spent += sum(each.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return spent
