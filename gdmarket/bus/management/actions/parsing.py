"""How actions say what they take, beyond what all commands do."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime

from gdmarket.bus import delivery_ids
from gdmarket.bus.delivery_ids import DeliveryId
from gdmarket.console import seconds

_SHORTEST_S = 0.1


def add_dry_run(parser: ArgumentParser) -> None:
    """Let an action be tried without effect."""
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only say what would be done")


def instant(text: str) -> datetime:
    """Return the instant written in ISO 8601 with its offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as unreadable:
        raise ArgumentTypeError(f"{text!r} is no instant: write it as in 2026-11-24T09:00:00Z") from unreadable
    if found.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} lacks its offset: write Z, or as in 2026-11-24T09:00:00+09:00")
    return found


def interval(text: str) -> float:
    """Return the number of seconds, 0.1 or more."""
    found = seconds(text)
    if found < _SHORTEST_S:
        raise ArgumentTypeError(f"{text!r} is too often: {_SHORTEST_S} seconds or more")
    return found


def number(text: str) -> DeliveryId:
    """Return what a delivery is called: 7, or items:7 where there are several databases."""
    try:
        using, pk = delivery_ids.parse_delivery_id(text)
    except ValueError as unreadable:
        raise ArgumentTypeError(f"{text!r} is no delivery: write its number, as `bus dead list` shows it") from unreadable
    return f"{using}:{pk}" if ":" in text else pk
