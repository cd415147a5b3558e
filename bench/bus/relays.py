"""Real relays: `manage.py relay`, each a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.bus import backlog
from bench.market import ROOT

_STOP_S = 30.0
_WARM_UP_S = 2.0


@contextmanager
def running(*, relays: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Let so many relays deliver for the length of the block; gives their processes, once each of them is at work and warm."""
    with ExitStack() as stack:
        processes = [_start() for _ in range(relays)]
        for process in processes:
            stack.callback(_stop, process)
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        before = backlog.waiting()
        while before and backlog.waiting() == before:
            time.sleep(0.05)
        time.sleep(_WARM_UP_S)
        yield processes


def _start() -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "relay", "--with-parent", str(os.getpid())]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
