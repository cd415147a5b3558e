"""`bus trace`."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import OutputWrapper

from gdmarket.bus import tracing
from gdmarket.bus.tracing import Step
from gdmarket.console import add_action, format_duration, print_json


def add_to(actions: Any) -> None:
    """Add the action."""
    trace = add_action(
        actions,
        "trace",
        _trace,
        "show the trace of a request: which event caused which, who handled it, and what is outstanding",
        more="An event stands below its cause, indented. Times are UTC, when each event was recorded.",
    )
    trace.add_argument("correlation", help="the X-Correlation-ID of the answer")
    trace.add_argument("--json", action="store_true", help="for machines")


def _trace(*, out: OutputWrapper, correlation: str, json: bool, **_: Any) -> None:
    steps = tracing.list_steps(correlation=correlation)
    if json:
        print_json(out, [asdict(step) for step in steps])
        return
    began_at, ended_at = (choose(step.recorded_at for step in steps) for choose in (min, max))
    clock = "%H:%M:%S.%f" if began_at.date() == ended_at.date() else "%Y-%m-%d %H:%M:%S.%f"
    for step in steps:
        when = f"{step.recorded_at:{clock}} {_after(step.recorded_at - began_at):>12}  "
        indent = "  " * step.depth
        timer = f"  timer for {step.due_at:%Y-%m-%dT%H:%M:%SZ}" if step.due_at else ""
        out.write(f"{when}{indent}{step.type}  {step.stream} v{step.version}{timer}")
        for line in _lines(step):
            out.write(f"{'':{len(when)}}{indent}  {line}")
    waiting = sum(len(step.waiting) for step in steps)
    out.write(f"{len(steps)} events in {format_duration((ended_at - began_at).total_seconds())}; {waiting or 'no'} deliveries outstanding")


def _after(elapsed: timedelta) -> str:
    if elapsed < timedelta(minutes=1):
        return f"+{elapsed / timedelta(milliseconds=1):.0f} ms"
    return f"+{format_duration(elapsed.total_seconds())}"


def _lines(step: Step) -> list[str]:
    handled = [f"handled by {', '.join(step.heard_by)}"] if step.heard_by else []
    return [*handled, *(f"skipped for {skipped}" for skipped in step.given_up), *(f"waits for {delivery}" for delivery in step.waiting)]
