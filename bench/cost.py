"""`./dev bench cost`: what a rental, a search and a stored event cost: WAL, rows, disk and CPU time on PostgreSQL, in process.

The arithmetic of docs/explanation/scale.md begins with these figures. The WAL is without the images of pages that follow a checkpoint: that
server does not write them, since a short run behind a checkpoint would have far more of them than a day has.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import django
import psutil
from django.db import connection

from bench.foreign import ForeignLoad
from bench.market import open_database
from bench.request_costs import BARE, Requests
from deploy import report
from deploy.report import Figure, progress

_KB = 1024.0
# Written by everything that is rented; the rest of the disk is the market's own tables.
_LOG = ("bus_event",)


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used since a beginning."""

    wal: float
    rows: float
    disk: float
    log: float
    server_s: float
    python_s: float

    def since(self, before: "Usage") -> "Usage":
        return Usage(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench cost` takes."""
    parser.add_argument("--rentals", type=int, default=500, help="how many of each are measured (default: 500)")


def run(options: Namespace) -> None:
    """Measure and print."""
    with open_database(database="postgresql"), ForeignLoad() as foreign:
        django.setup()
        requests = Requests()
        requests.write_times(flows=5)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("ALTER SYSTEM SET full_page_writes = off")
            cursor.execute("SELECT pg_reload_conf()")
            cursor.execute("VACUUM ANALYZE")
        figures = _rentals(requests, number=options.rentals) + _reads(requests, number=4 * options.rentals) + _retention()
    notes = {"load": f"{options.rentals} of each, one after the other", "CPU used by other processes": f"{foreign.share:.0%} of all cores"}
    report.print_figures(figures=figures, notes=notes, as_json=options.json)


def _rentals(requests: Requests, *, number: int) -> list[Figure]:
    """Return the costs of a paid request, and of a rental from its item's registration to its return."""
    progress(f"{number} paid requests")
    before = _spent()
    for _ in range(number):
        requests.send_paid()
    paid = _spent().since(before)
    progress(f"{number} items, each rented, handed over and returned")
    before = _spent()
    for _ in range(number):
        requests.rent_once()
    whole = _spent().since(before)
    return _figures("a paid request", paid, number) + _figures("an item and a whole rental", whole, number)


def _figures(what: str, spent: Usage, number: int) -> list[Figure]:
    return [
        Figure(what=f"{what}: WAL", values=[spent.wal / number / _KB], unit="KiB"),
        Figure(what=f"{what}: rows inserted, changed or deleted", values=[spent.rows / number]),
        Figure(what=f"{what}: disk", values=[spent.disk / number / _KB], unit="KiB"),
        Figure(what=f"{what}: disk, of it the log of events", values=[spent.log / number / _KB], unit="KiB"),
        Figure(what=f"{what}: CPU of the server process", values=[1000 * spent.python_s / number], unit="ms"),
        Figure(what=f"{what}: CPU of PostgreSQL", values=[1000 * spent.server_s / number], unit="ms"),
    ]


def _reads(requests: Requests, *, number: int) -> list[Figure]:
    figures = []
    for name, read in requests.reads.items():
        if name == BARE:
            continue
        before = _spent()
        for _ in range(number // 10):
            read()
        spent = _spent().since(before)
        cpu = [1000 * part / (number // 10) for part in (spent.python_s, spent.server_s)]
        figures.append(Figure(what=f"{name}: CPU of the server process", values=cpu[:1], unit="ms"))
        figures.append(Figure(what=f"{name}: CPU of PostgreSQL", values=cpu[1:], unit="ms"))
    return figures


def _retention() -> list[Figure]:
    """Return how fast old events are deleted: as the purge does, and as a partition would be dropped."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_log (LIKE bus_event INCLUDING ALL)")
        cursor.execute("ALTER TABLE bench_log ALTER COLUMN seq DROP IDENTITY IF EXISTS")
        cursor.execute("SELECT count(*), max(seq) FROM bus_event")
        events, step = cursor.fetchone()
        columns = "id, stream, version, type, schema, payload, correlation, causation, traceparent, actor, occurred_at, due_at"
        copied = columns.replace("id,", "gen_random_uuid(),", 1).replace(" stream,", " stream || n,", 1)
        copies = max(1, 100_000 // events)
        cursor.execute(
            f"INSERT INTO bench_log (seq, {columns}) SELECT seq + n * %s, {copied} FROM bus_event, generate_series(1, {copies}) n", [step]
        )
        number = events * copies
        cursor.execute("VACUUM ANALYZE bench_log")
        cursor.execute("SELECT pg_total_relation_size('bench_log')")
        (size,) = cursor.fetchone()
        half = "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY seq) FROM bench_log"
        deleting = _timed(lambda: cursor.execute(f"DELETE FROM bench_log WHERE seq <= ({half})"))
        per = 100_000 / cursor.rowcount
        vacuuming = _timed(lambda: cursor.execute("VACUUM bench_log"))
        dropping = _timed(lambda: cursor.execute("DROP TABLE bench_log"))
    return [
        Figure(what="an event: disk, indexes included", values=[size / number / _KB], unit="KiB"),
        Figure(what="100,000 events: deleted in", values=[per * deleting], unit="s"),
        Figure(what="100,000 events: vacuumed after it in", values=[per * vacuuming], unit="s"),
        Figure(what="a table of 100,000 events: dropped in", values=[dropping], unit="s"),
    ]


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _spent() -> Usage:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_current_wal_lsn() - '0/0', pg_backend_pid()")
        wal, backend = cursor.fetchone()
        cursor.execute("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables")
        (rows,) = cursor.fetchone()
        cursor.execute("SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables")
        sizes: Mapping[str, int] = dict(cursor.fetchall())
    server, own = psutil.Process(backend).cpu_times(), psutil.Process().cpu_times()
    log = sum(sizes[table] for table in _LOG)
    return Usage(float(wal), float(rows), sum(sizes.values()), log, server.user + server.system, own.user + own.system)
