"""`bus dead` and what it can do."""

from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from gdmarket.bus import dead_letters
from gdmarket.bus.delivery_ids import DeliveryId
from gdmarket.bus.management.actions.parsing import add_dry_run, number
from gdmarket.console import add_action, one_line, print_json

_SHOWN = 20


def add_to(actions: Any) -> None:
    """Add the action, and its own."""
    dead = add_action(actions, "dead", _list, "deliveries that failed for good and wait for you; with no further word, list them")
    _add_choice(dead, subscriber=None, json=False)
    of_dead = dead.add_subparsers(title="actions", metavar="ACTION")
    listing = add_action(of_dead, "list", _list, "show dead deliveries, grouped by error")
    # What stands before the word `list` holds as well.
    _add_choice(listing, subscriber=SUPPRESS, json=SUPPRESS)
    add_action(of_dead, "show", _show, "show one delivery and its event, as JSON").add_argument("delivery", type=number)
    _add_remedies(of_dead)


def _add_choice(listing: ArgumentParser, *, subscriber: str | None, json: str | bool) -> None:
    listing.add_argument("--subscriber", metavar="CONTEXT", help="only this context's", default=subscriber)
    listing.add_argument("--json", action="store_true", help="for machines", default=json)


def _add_remedies(of_dead: Any) -> None:
    replay = add_action(
        of_dead,
        "replay",
        _replay,
        "try dead deliveries again, once the cause is mended; the relay does the work",
        more="Those that are not dead any more are left alone; if one of the deliveries named is not there, nothing is done.",
    )
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("deliveries", type=number, nargs="*", default=[], metavar="DELIVERY")
    which.add_argument("--subscriber", metavar="CONTEXT", help="all of this context's")
    which.add_argument("--all", action="store_true", help="all there are")
    add_dry_run(replay)
    skip = add_action(
        of_dead,
        "skip",
        _skip,
        "give a dead delivery up, so that what waits behind it goes on; leaves a record",
        more="A second time changes nothing. Whoever has old events delivered anew, or rebuilds the status view, brings it back there.",
    )
    skip.add_argument("delivery", type=number)
    skip.add_argument("--reason", type=one_line, required=True, help="for the record, and for whoever asks `bus trace`")
    add_dry_run(skip)


def _list(*, out: OutputWrapper, subscriber: str | None, json: bool, **_: Any) -> None:
    groups = dead_letters.list_dead(subscriber=subscriber)
    if json:
        print_json(out, groups)
        return
    for group in groups:
        some = " ".join(map(str, group["deliveries"][:_SHOWN])) + (" …" if group["count"] > _SHOWN else "")
        out.write(f"{group['count']} × {group['subscriber']}, {group['type']}\n  {group['error']}\n  deliveries {some}")
    if not groups:
        out.write("no dead deliveries")


def _show(*, out: OutputWrapper, delivery: DeliveryId, **_: Any) -> None:
    print_json(out, dead_letters.get_delivery(delivery_id=delivery))


def _replay(*, out: OutputWrapper, deliveries: list[DeliveryId], subscriber: str | None, dry_run: bool, **_: Any) -> None:
    count = dead_letters.replay(deliveries=deliveries or None, subscriber=subscriber, dry_run=dry_run)
    out.write(f"{count} dead deliveries {'would' if dry_run else 'will'} be tried again")


def _skip(*, out: OutputWrapper, delivery: DeliveryId, reason: str, dry_run: bool, **_: Any) -> None:
    was_there = dead_letters.skip(delivery_id=delivery, reason=reason, dry_run=dry_run)
    told = "would be skipped" if dry_run else "is skipped"
    out.write(f"delivery {delivery} {told if was_there else 'was skipped before'}")
