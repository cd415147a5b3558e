"""What a process and its children use, for Prometheus: prometheus_client's own collector knows one process, and a server is several."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_PROC = Path("/proc")


class _Seen(NamedTuple):
    parent: int
    cpu_ticks: int
    reaped_ticks: int
    threads: int
    started_ticks: int
    resident_pages: int


class FamilyCollector(Collector):
    """Tells what the process `root` and all below it use, under the names that Prometheus's clients give it; nothing but on Linux."""

    def __init__(self, *, root: int) -> None:
        self._root = root

    def describe(self) -> Iterator[Metric]:
        """Name the metrics, without a look at the processes."""
        return iter(self._families([], started_at=0.0, open_files=0))

    def collect(self) -> Iterator[Metric]:
        """Look at the processes; those that end meanwhile are left out."""
        seen = {pid: found for path in _PROC.glob("[0-9]*") if (found := _look_at(pid := int(path.name))) is not None}
        family = [self._root, *_below(self._root, seen)]
        if self._root not in seen:
            return iter(())
        started_at = _booted_at() + seen[self._root].started_ticks / os.sysconf("SC_CLK_TCK")
        open_files = sum(map(_open_files, family))
        return iter(self._families([seen[pid] for pid in family], started_at=started_at, open_files=open_files))

    def _families(self, family: list[_Seen], *, started_at: float, open_files: int) -> list[Metric]:
        # What the children that are gone have used stands with their parent, so that the sum never falls.
        ticks = sum(seen.cpu_ticks + seen.reaped_ticks for seen in family)
        resident_bytes = sum(seen.resident_pages for seen in family) * os.sysconf("SC_PAGE_SIZE")
        return [
            CounterMetricFamily("process_cpu_seconds", "CPU time used by the process and its children.", ticks / os.sysconf("SC_CLK_TCK")),
            GaugeMetricFamily("process_resident_memory_bytes", "Resident memory; what processes share counts for each.", resident_bytes),
            GaugeMetricFamily("process_start_time_seconds", "When the process started, in Unix time.", started_at),
            GaugeMetricFamily("process_open_fds", "Open files and sockets.", open_files),
            GaugeMetricFamily("process_threads", "Threads.", sum(seen.threads for seen in family)),
            GaugeMetricFamily("process_count", "The process and its children.", len(family)),
        ]


def _below(root: int, seen: dict[int, _Seen]) -> Iterator[int]:
    for pid, found in seen.items():
        if found.parent == root:
            yield pid
            yield from _below(pid, seen)


def _look_at(pid: int) -> _Seen | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Source: proc(5). The name, field 2, may hold anything, a bracket too; field 3 is the first after its last bracket.
    field = ["", "", "", *stat[stat.rindex(")") + 2 :].split()]
    cpu, reaped = int(field[14]) + int(field[15]), int(field[16]) + int(field[17])
    return _Seen(int(field[4]), cpu, reaped, int(field[20]), int(field[22]), int(field[24]))


def _open_files(pid: int) -> int:
    try:
        return sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return 0


def _booted_at() -> float:
    lines = (_PROC / "stat").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("btime "))
