"""The nearest peers, each on a PostgreSQL of its own, with an effect of one UPDATE and six consecutive items of a key.

django-reliable-outbox promises the same in one database: an effect once, in order per key. PgQueuer promises less and is faster: it keeps
no order, and repeats effects after a kill. ADR 0022 has the others.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.report import Figure, progress
from deploy.servers.postgresql import running_postgresql

# What django-reliable-outbox runs on.
_NEWER = ("python3.12", "python3.13", "python3.14")


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """A library, the Pythons that it runs on, and what it keeps of what the bus promises."""

    packages: Sequence[str]
    script: str
    pythons: Sequence[str]
    promises: str


PEERS: Mapping[str, Peer] = {
    "django-reliable-outbox 0.1.1": Peer(
        packages=("django-reliable-outbox[psycopg]==0.1.1", "Django==5.2.19", "psycopg[binary]==3.3.9"),
        script="outbox.py",
        pythons=_NEWER,
        promises="once, in order per key; PostgreSQL only",
    ),
    "PgQueuer 1.6.0": Peer(
        packages=("pgqueuer[asyncpg]==1.6.0",),
        script="pgqueuer_jobs.py",
        pythons=(sys.executable,),
        promises="no order; an effect may be repeated after a kill",
    ),
}


def measure(*, items: int, rounds: int, relay: Sequence[float]) -> list[Figure]:
    """Return how many items a second one worker of each handles, and how many times as many one relay, if that was measured."""
    figures: list[Figure] = []
    for name, peer in PEERS.items():
        python = next(filter(_runs, peer.pythons), None)
        if python is None:
            progress(f"{name} is left out: none of {', '.join(peer.pythons)} runs here")
            continue
        results = _rounds(name, peer, python, items=items, rounds=rounds)
        rates = [result["per_s"] for result in results]
        figures.append(Figure(what=f"{name} ({peer.promises})", values=rates, unit="per s"))
        figures.append(Figure(what=f"{name}: CPU of 1,000, worker", values=[result["cpu_s_per_1000"] for result in results], unit="s"))
        if relay:
            ratios = [ours / theirs for ours, theirs in zip(relay, rates, strict=False)]
            figures.append(Figure(what=f"one relay / {name}", values=ratios, unit="x"))
    return figures


def _runs(python: str) -> bool:
    try:
        return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _rounds(name: str, peer: Peer, python: str, *, items: int, rounds: int) -> list[Mapping[str, float]]:
    results = []
    with TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages], check=True)
        for number in range(1, rounds + 1):
            progress(f"round {number} of {rounds}: {name}")
            with running_postgresql(durable=True) as url:
                command = [python, str(Path(__file__).with_name(peer.script)), url, str(items)]
                answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            results.append(json.loads(answer.splitlines()[-1]))
    return results
