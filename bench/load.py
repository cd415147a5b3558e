"""`./dev bench load`: fill a database with a large market, for measuring: items and rentals of Korean towns, the same for the same seed.

It works on the database of `DATABASE_URL`, else on the SQLite file of the data folder, and goes on where it was stopped.
"""

import os
import secrets
import sys
import time
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import django

from deploy.report import progress
from deploy.servers.process import ROOT

if TYPE_CHECKING:
    from bench.neighbourhoods import Neighbourhoods

_PART = 5_000
_DEMO_ITEMS = 1_000
# Measured on PostgreSQL and on SQLite, indexes included.
_BYTES = {"item": 3_000, "rental": 3_100}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench load` takes."""
    parser.add_argument("--items", type=int, default=100_000, help="how many items (default: 100000)")
    parser.add_argument("--rentals", type=int, default=500_000, help="how many rentals (default: 500000)")
    parser.add_argument("--seed", type=int, default=1, help="another number gives other rows (default: 1)")
    parser.add_argument(
        "--day", type=_day, default=_day(f"{datetime.now(UTC):%Y-%m-%d}"), help="what today is: YYYY-MM-DD, UTC (default: today)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say how much it would be, and write nothing")


def run(options: Namespace) -> None:
    """Load, with progress."""
    if options.dry_run:
        size = options.items * _BYTES["item"] + options.rentals * _BYTES["rental"]
        print(f"{options.items} items and {options.rentals} rentals: about {size / 1e9:.1f} GB. Nothing was written.")
        return
    os.environ.setdefault("GDMARKET_DATA_DIR", str(ROOT / "var"))
    os.environ.setdefault("GDMARKET_SECRET_KEY", secrets.token_urlsafe(48))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    load(items=options.items, rentals=options.rentals, seed=options.seed, today=options.day)


def load(*, items: int, rentals: int, seed: int, today: datetime) -> None:
    """Load into the databases of the settings: those that are not migrated are, and an empty market gets the demo.

    Exits with a message if there are other items than the demo's and this market's.
    """
    from django.core.management import call_command  # noqa: PLC0415  # models exist only after setup()

    from bench.market_tables import MarketTables  # noqa: PLC0415
    from bench.neighbourhoods import Neighbourhoods  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("load_demo", stdout=sys.stderr)
    tables = MarketTables()
    manager, renter = tables.person("manager@example.com"), tables.person("renter@example.com")
    market = Neighbourhoods(items=items, rentals=rentals, seed=seed, today=today, demo_manager=manager, demo_renter=renter)
    parts = max(1, -(-items // _PART))
    begun = tables.has_person(market.people["manager"][0])
    if not begun and (others := tables.count_items()) > _DEMO_ITEMS:
        sys.exit(
            f"There are {others} items of another load here. Load into an empty database; `./dev bench load --help` tells which it is."
        )
    if not begun:
        progress(f"People: {sum(market.counts.values())}")
        tables.write_people(market)
    began = time.monotonic()
    for part in range(parts):
        if not tables.has_item(market.first_item(part, parts)):
            tables.write_part(market.part(part, parts))
            _tell(part + 1, parts, market, began)
    progress("Indexing, vacuuming and analyzing")
    tables.finish()
    progress("Done")


def _tell(part: int, parts: int, market: "Neighbourhoods", began: float) -> None:
    passed = time.monotonic() - began
    left = passed / part * (parts - part)
    progress(
        f"{part / parts:4.0%}: {market.items * part // parts} items, {market.rentals * part // parts} rentals; about {left:.0f} s left"
    )


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
