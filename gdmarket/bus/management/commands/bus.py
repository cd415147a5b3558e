"""`manage.py bus`: looking after the event bus."""

import json
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from gdmarket.bus import operations, tracing
from gdmarket.errors import DomainError


class Command(BaseCommand):
    """Each action is one call of `operations` or `tracing`, and some printing."""

    help = "Look after the event bus: how far behind it is, pausing contexts, dead deliveries, the story of a request."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
        self._add(actions, "status", self._status, "show what each context has still to handle").add_argument("--json", action="store_true")
        for name, what in (("pause", "let a context's deliveries wait"), ("resume", "let a paused context catch up, in order")):
            self._add(actions, name, getattr(self, f"_{name}"), what).add_argument("context", help="for example: items")
        trace = self._add(actions, "trace", self._trace, "tell the story of a request: what caused what, and what is outstanding")
        trace.add_argument("correlation", help="the X-Correlation-ID of the answer")
        trace.add_argument("--json", action="store_true")
        self._add_remedies(actions)
        dead = self._add(actions, "dead", self._list, "deliveries that failed for good and wait for you; with no further word, list them")
        self._add_choice(dead, subscriber=None, json=False)
        of_dead = dead.add_subparsers(title="actions", metavar="ACTION")
        listing = self._add(of_dead, "list", self._list, "show dead deliveries, grouped by error")
        # What stands before the word `list` holds as well.
        self._add_choice(listing, subscriber=SUPPRESS, json=SUPPRESS)
        self._add(of_dead, "show", self._show, "show one delivery and its event, as JSON").add_argument("delivery", type=int)
        self._add_remedies(of_dead)

    def _add_choice(self, listing: ArgumentParser, *, subscriber: str | None, json: str | bool) -> None:
        listing.add_argument("--subscriber", metavar="CONTEXT", help="only this context's", default=subscriber)
        listing.add_argument("--json", action="store_true", default=json)

    def _add_remedies(self, actions: Any) -> None:
        replay = self._add(actions, "replay", self._replay, "try dead deliveries again, once the cause is mended; the relay does the work")
        which = replay.add_mutually_exclusive_group(required=True)
        which.add_argument("delivery", type=int, nargs="?")
        which.add_argument("--subscriber", metavar="CONTEXT", help="all of this context's")
        which.add_argument("--all", action="store_true")
        skip = self._add(actions, "skip", self._skip, "give a dead delivery up, so that what waits behind it goes on; leaves a record")
        skip.add_argument("delivery", type=int)
        skip.add_argument("--reason", default="", help="for the record")

    def _add(self, actions: Any, name: str, act: Callable[..., None], what: str) -> ArgumentParser:
        parser: ArgumentParser = actions.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
        parser.set_defaults(act=act)
        return parser

    def handle(self, *, act: Callable[..., None], **options: Any) -> None:
        try:
            act(**options)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal

    def _status(self, *, json: bool, **_: Any) -> None:
        lag = operations.lag()
        if json:
            self._print_json(lag)
            return
        titles = ("context", "outstanding", "oldest (s)", "timers", "dead", "")
        rows = [
            (name, row["outstanding"], row["oldest_age_s"], row["timers"], row["dead"], "paused" if row["paused"] else "")
            for name, row in lag.items()
        ]
        self._print_table([titles, *rows])

    def _pause(self, *, context: str, **_: Any) -> None:
        operations.pause(context=context)
        self.stdout.write(f"{context} is paused; `bus resume {context}` lets it catch up")

    def _resume(self, *, context: str, **_: Any) -> None:
        operations.resume(context=context)
        self.stdout.write(f"{context} goes on; `bus status` shows it catching up")

    def _list(self, *, subscriber: str | None, json: bool, **_: Any) -> None:
        groups = operations.list_dead(subscriber=subscriber)
        if json:
            self._print_json(groups)
            return
        for group in groups:
            some = " ".join(map(str, group["deliveries"][:20])) + (" …" if group["count"] > 20 else "")  # noqa: PLR2004
            self.stdout.write(f"{group['count']} × {group['subscriber']}, {group['type']}\n  {group['error']}\n  deliveries {some}")
        if not groups:
            self.stdout.write("no dead deliveries")

    def _show(self, *, delivery: int, **_: Any) -> None:
        self._print_json(operations.get_delivery(delivery_id=delivery))

    def _replay(self, *, delivery: int | None, subscriber: str | None, **_: Any) -> None:
        count = operations.replay(deliveries=None if delivery is None else [delivery], subscriber=subscriber)
        self.stdout.write(f"{count} dead deliveries will be tried again")

    def _skip(self, *, delivery: int, reason: str, **_: Any) -> None:
        was_there = operations.skip(delivery_id=delivery, reason=reason)
        self.stdout.write(f"delivery {delivery} is skipped" if was_there else f"delivery {delivery} was skipped before")

    def _trace(self, *, correlation: str, json: bool, **_: Any) -> None:
        steps = tracing.list_steps(correlation=correlation)
        if json:
            self._print_json([asdict(step) for step in steps])
            return
        for step in steps:
            indent = "  " * step.depth
            after_ms = (step.occurred_at - steps[0].occurred_at).total_seconds() * 1000
            self.stdout.write(f"{step.occurred_at:%H:%M:%S.%f} {after_ms:+8.0f} ms  {indent}{step.type}  {step.stream} v{step.version}")
            for outlook in step.waiting:
                self.stdout.write(f"{'':28}{indent}  waits for {outlook}")

    def _print_json(self, value: object) -> None:
        self.stdout.write(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))

    def _print_table(self, rows: Sequence[Sequence[object]]) -> None:
        widths = [max(len(str(row[n])) for row in rows) for n in range(len(rows[0]))]
        for row in rows:
            cells = (str(cell).ljust(w) if n == 0 else str(cell).rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True)))
            self.stdout.write("  ".join(cells).rstrip())
