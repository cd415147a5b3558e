"""What is measured in which order, so that a machine that grows slower meanwhile does not favour anyone."""

import sys
from collections.abc import Collection, Sequence

from django.db import connection

from bench.bus import commits, latency, peer, recovery, stuck_lanes, throughput
from bench.bus.backlog import Backlog
from bench.report import Figure

Rates = dict[str, list[float]]

_ONE, _TWO = "one relay", "two relays"


def measure(*, parts: Collection[str], seconds: float, rounds: int, deliveries: int) -> tuple[list[Figure], dict[str, str]]:
    """Return the figures of these parts, and how they were measured."""
    waiting = Backlog(deliveries=deliveries)
    waiting.prepare()
    rates = _rates(parts=parts, seconds=seconds, rounds=rounds, waiting=waiting)
    figures = _of_rates(rates)
    if "stuck" in parts:
        _tell("stuck lanes")
        figures += stuck_lanes.measure(seconds=seconds, waiting=waiting)
    if "latency" in parts:
        _tell("latency")
        rate = rates.get(_ONE) or [throughput.measure(relays=1, seconds=seconds, waiting=waiting)]
        figures += latency.measure(rate=sorted(rate)[len(rate) // 2] / 2, seconds=seconds)
    if "recovery" in parts:
        _tell("recovery")
        figures += recovery.measure(waiting=waiting)
    notes = {
        "server": _server(),
        "load": f"{waiting}; {seconds:g} s a rate; {rounds} rounds",
    }
    return figures, notes | (peer.NOTES if "peer" in parts else {})


def _rates(*, parts: Collection[str], seconds: float, rounds: int, waiting: Backlog) -> Rates:
    rates: Rates = {}
    for number in range(1, rounds + 1):
        if "commits" in parts:
            _tell(f"round {number} of {rounds}: commits")
            rates.setdefault("commits", []).append(commits.measure(seconds=min(seconds, 5)))
        if "throughput" in parts:
            for relays, name in ((1, _ONE), (2, _TWO)):
                _tell(f"round {number} of {rounds}: {name}")
                rates.setdefault(name, []).append(throughput.measure(relays=relays, seconds=seconds, waiting=waiting))
        if "peer" in parts:
            for name, rate in peer.measure(seconds=seconds, waiting=waiting, tell=_tell).items():
                rates.setdefault(name, []).append(rate)
    return rates


def _of_rates(rates: Rates) -> list[Figure]:
    peers = {name: values for name, values in rates.items() if name not in {"commits", _ONE, _TWO}}
    figures = [Figure(what=name, values=values, unit="per s") for name, values in rates.items()]
    one, two = rates.get(_ONE, []), rates.get(_TWO, [])
    if one:
        figures.append(_ratio(f"{_TWO} / {_ONE}", two, one, aim="more than 1"))
    if one and "commits" in rates:
        figures += [_ratio(f"{name} / commits", rates[name], rates["commits"]) for name in (_ONE, _TWO)]
    if one and peers:
        best = [max(values) for values in zip(*peers.values(), strict=True)]
        figures += [
            _ratio(f"{_ONE} / the best of procrastinate's", one, best, aim="3 or more"),
            _ratio(f"{_TWO} / the best of procrastinate's", two, best, aim="more than with one"),
        ]
    return figures


def _ratio(what: str, ours: Sequence[float], theirs: Sequence[float], *, aim: str = "") -> Figure:
    return Figure(what=what, values=[mine / other for mine, other in zip(ours, theirs, strict=True)], unit="x", aim=aim)


def _server() -> str:
    if connection.vendor == "sqlite":
        return "SQLite, WAL, synchronous=FULL"
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')")
        return "PostgreSQL {}, fsync {}, synchronous_commit {}".format(*cursor.fetchone())


def _tell(what: str) -> None:
    print(f"Measuring {what} …", file=sys.stderr, flush=True)
