"""`bus trace`."""

from dataclasses import asdict
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import OutputWrapper

from gdmarket.bus import tracing
from gdmarket.bus.errors import NoSuchTraceError
from gdmarket.bus.tracing import Step, Traced
from gdmarket.console import add_action, format_duration, positive_int, print_json

_LIMIT, _LARGEST_LIMIT = 100, 10_000


def add_to(actions: Any) -> None:
    """Add the action."""
    trace = add_action(
        actions,
        "trace",
        _trace,
        "show the events of a request as a tree, or those about a thing or a person, and what is outstanding",
        more="Of a request, an event stands below its cause, indented; of anything else the newest comes first, with the correlation id of "
        "its request. Times are UTC, when each event was recorded.",
    )
    trace.add_argument("what", help=f"the X-Correlation-ID of an answer; or {import_module(settings.GDMARKET_TRACED).WHAT}")
    trace.add_argument(
        "--limit",
        type=positive_int(upto=_LARGEST_LIMIT),
        default=_LIMIT,
        help=f"how many events to show of a thing or a person (default: {_LIMIT}); a request is shown in full",
    )
    trace.add_argument("--json", action="store_true", help="for machines")


def _trace(*, out: OutputWrapper, what: str, limit: int, json: bool, **_: Any) -> None:
    try:
        steps = tracing.list_steps(correlation=what)
    except NoSuchTraceError:
        traced = tracing.find_streams(what=what)
        newest = tracing.list_newest(streams=traced.streams, limit=limit + 1) if traced else []
        if traced is None or not newest:
            raise
        _print_newest(out, newest, traced, limit=limit, json=json)
        return
    if json:
        print_json(out, [asdict(step) for step in steps])
    else:
        _print_tree(out, steps)


def _print_tree(out: OutputWrapper, steps: list[Step]) -> None:
    began_at, ended_at = (choose(step.recorded_at for step in steps) for choose in (min, max))
    clock = "%H:%M:%S.%f" if began_at.date() == ended_at.date() else "%Y-%m-%d %H:%M:%S.%f"
    for step in steps:
        when = f"{step.recorded_at:{clock}} {_after(step.recorded_at - began_at):>12}  "
        _print_step(out, step, when=when, indent="  " * step.depth)
    out.write(f"{len(steps)} events in {format_duration((ended_at - began_at).total_seconds())}; {_waiting(steps)}")


def _print_newest(out: OutputWrapper, newest: list[Step], traced: Traced, *, limit: int, json: bool) -> None:
    steps = newest[:limit]
    if json:
        print_json(out, [asdict(step) for step in steps])
        return
    for step in steps:
        _print_step(out, step, when=f"{step.recorded_at:%Y-%m-%d %H:%M:%S.%f}  ", more=f"  of request {step.correlation}")
    out.write(f"{len(steps)} events, the newest first; {_waiting(steps)}")
    if len(newest) > limit:
        out.write(f"There are older ones: --limit shows up to {_LARGEST_LIMIT}.")
    if traced.note:
        out.write(traced.note)


def _print_step(out: OutputWrapper, step: Step, *, when: str, indent: str = "", more: str = "") -> None:
    timer = f"  timer for {step.due_at:%Y-%m-%dT%H:%M:%SZ}" if step.due_at else ""
    out.write(f"{when}{indent}{step.type}  {step.stream} v{step.version}{timer}{more}")
    for line in _lines(step):
        out.write(f"{'':{len(when)}}{indent}  {line}")


def _waiting(steps: list[Step]) -> str:
    return f"{sum(len(step.waiting) for step in steps) or 'no'} deliveries outstanding"


def _after(elapsed: timedelta) -> str:
    if elapsed < timedelta(minutes=1):
        return f"+{elapsed / timedelta(milliseconds=1):.0f} ms"
    return f"+{format_duration(elapsed.total_seconds())}"


def _lines(step: Step) -> list[str]:
    handled = [f"handled by {', '.join(step.heard_by)}"] if step.heard_by else []
    return [*handled, *(f"skipped for {skipped}" for skipped in step.given_up), *(f"waits for {delivery}" for delivery in step.waiting)]
