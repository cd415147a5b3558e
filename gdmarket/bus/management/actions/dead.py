"""`bus dead` and its own actions."""

from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from gdmarket.bus import dead_letters
from gdmarket.bus.delivery_ids import DeliveryId
from gdmarket.bus.management.actions.arguments import add_dry_run, delivery_id
from gdmarket.console import add_action, one_line, print_json


def add_to(actions: Any) -> None:
    """Add the action and its own actions."""
    dead = add_action(actions, "dead", _list, "dead deliveries, which wait for you; without an action, list them")
    _add_filters(dead, subscriber=None, json=False)
    of_dead = dead.add_subparsers(title="actions", metavar="ACTION")
    listing = add_action(of_dead, "list", _list, "show dead deliveries, grouped by error")
    # Options before the word `list` apply as well.
    _add_filters(listing, subscriber=SUPPRESS, json=SUPPRESS)
    add_action(of_dead, "show", _show, "show one delivery and its event, as JSON").add_argument("delivery", type=delivery_id)
    replay = add_action(
        of_dead,
        "replay",
        _replay,
        "retry dead deliveries once the cause is fixed; the relay does the work",
        more="Deliveries that are not dead are ignored; if one of those given does not exist, nothing is done.",
    )
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("deliveries", type=delivery_id, nargs="*", default=[], metavar="DELIVERY")
    which.add_argument("--subscriber", metavar="CONTEXT", help="all of this context's")
    which.add_argument("--all", action="store_true", help="all dead deliveries")
    add_dry_run(replay)
    skip = add_action(
        of_dead,
        "skip",
        _skip,
        "delete a dead delivery, so that those behind it go on; leaves a record",
        more="Repeating it changes nothing. `bus replay`, and a rebuild of the status view, bring the event back there.",
    )
    skip.add_argument("delivery", type=delivery_id)
    skip.add_argument("--reason", type=one_line, required=True, help="for the record, shown by `bus trace`")
    add_dry_run(skip)


def _add_filters(listing: ArgumentParser, *, subscriber: str | None, json: str | bool) -> None:
    listing.add_argument("--subscriber", metavar="CONTEXT", help="only this context's", default=subscriber)
    listing.add_argument("--json", action="store_true", help="for machines", default=json)


def _list(*, out: OutputWrapper, subscriber: str | None, json: bool, **_: Any) -> None:
    groups = dead_letters.list_dead(subscriber=subscriber)
    if json:
        print_json(out, groups)
        return
    for group in groups:
        more = " …" if group["count"] > len(group["deliveries"]) else ""
        ids = " ".join(map(str, group["deliveries"]))
        out.write(f"{group['count']} × {group['subscriber']}, {group['type']}\n  {group['error']}\n  deliveries {ids}{more}")
    if not groups:
        out.write("no dead deliveries")


def _show(*, out: OutputWrapper, delivery: DeliveryId, **_: Any) -> None:
    print_json(out, dead_letters.get_delivery(delivery_id=delivery))


def _replay(*, out: OutputWrapper, deliveries: list[DeliveryId], subscriber: str | None, dry_run: bool, **_: Any) -> None:
    count = dead_letters.replay(deliveries=deliveries or None, subscriber=subscriber, dry_run=dry_run)
    out.write(f"{count} dead deliveries {'would' if dry_run else 'will'} be retried")


def _skip(*, out: OutputWrapper, delivery: DeliveryId, reason: str, dry_run: bool, **_: Any) -> None:
    existed = dead_letters.skip(delivery_id=delivery, reason=reason, dry_run=dry_run)
    result = "would be skipped" if dry_run else "is skipped"
    out.write(f"delivery {delivery} {result if existed else 'was skipped before'}")
