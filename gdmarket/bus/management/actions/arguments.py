"""Types of command-line arguments."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime

from gdmarket.bus import delivery_ids
from gdmarket.bus.delivery_ids import DeliveryId
from gdmarket.console import seconds

_SHORTEST_S = 0.1


def add_dry_run(parser: ArgumentParser) -> None:
    """Add `--dry-run`."""
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only print what would be done")


def instant(text: str) -> datetime:
    """Return an instant written in ISO 8601 with its offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as unreadable:
        raise ArgumentTypeError(f"{text!r} is not an instant: write it as in 2026-11-24T09:00:00Z") from unreadable
    if found.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no offset: write Z, or as in 2026-11-24T09:00:00+09:00")
    return found


def interval(text: str) -> float:
    """Return a number of seconds, at least 0.1."""
    found = seconds(text)
    if found < _SHORTEST_S:
        raise ArgumentTypeError(f"{text!r} is too short: {_SHORTEST_S} seconds or more")
    return found


def delivery_id(text: str) -> DeliveryId:
    """Return a delivery's id: 7, or items:7 with several databases."""
    try:
        using, pk = delivery_ids.parse_delivery_id(text)
    except ValueError as unreadable:
        raise ArgumentTypeError(f"{text!r} is not a delivery id: write it as `bus dead list` shows it") from unreadable
    return f"{using}:{pk}" if ":" in text else pk
