"""`./dev bench payments`: a hundred users, and a payment provider that takes longer than its time-out for a minute, then recovers."""

import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import report
from bench.outage.plan import Plan
from bench.outage.scene import Scene, open_scene

if TYPE_CHECKING:
    from bench.outage.watching import Seen


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench payments` takes."""
    plan = Plan()
    parser.add_argument("--users", type=int, default=plan.users, help=f"how many ask at once (default: {plan.users})")
    parser.add_argument("--think", type=float, default=plan.think_s, help=f"how long each thinks, in seconds (default: {plan.think_s:g})")
    parser.add_argument("--ill", type=float, default=plan.ill_s, help=f"for how long the provider is slow (default: {plan.ill_s:g} s)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it as an SVG file, too")


def run(options: Namespace) -> None:
    """Measure, print, and draw."""
    plan = Plan(users=options.users, think_s=options.think, ill_s=options.ill)
    print(f"Measuring for {plan.recovers_at_s:.0f} s and until the breaker is closed again …", file=sys.stderr)
    with open_scene(plan=plan) as scene:
        _measure(plan=plan, scene=scene, options=options)


def _measure(*, plan: Plan, scene: Scene, options: Namespace) -> None:
    # These know the database, which there is from now on.
    from bench.outage import findings, plot  # noqa: PLC0415
    from bench.outage.users import Users  # noqa: PLC0415
    from bench.outage.watching import Watcher  # noqa: PLC0415

    users = Users(plan=plan, ports=scene.ports)
    began = time.monotonic()
    watcher = Watcher(fake=scene.fake, began=began)
    is_over = threading.Event()
    crowd = threading.Thread(target=lambda: users.run(began=began, is_over=is_over.is_set))
    watcher.start()
    crowd.start()
    try:
        time.sleep(plan.well_s)
        scene.fake.set_faults({"do": "latency", "before_s": plan.slow_s})
        time.sleep(plan.ill_s)
        scene.fake.clear_faults()
        watcher.wait_for(lambda looks: _is_closed_again(looks, plan), until_s=plan.longest_s)
        time.sleep(plan.after_s)
    finally:
        is_over.set()
        watcher.stop()
        crowd.join()
    notes = {
        "load": f"{plan.users} users who think for {plan.think_s:g} s, {plan.servers} servers with {plan.workers} workers, PostgreSQL",
        "provider": f"answers after {plan.slow_s:g} s for {plan.ill_s:g} s; the time-out is {plan.timeout_ms} ms",
    }
    found = findings.figures(plan=plan, answers=users.answers, looks=watcher.looks)
    report.print_figures(figures=found, notes=notes, as_json=options.json)
    if options.plot:
        plot.draw(plan=plan, answers=users.answers, looks=watcher.looks, path=options.plot)


def _is_closed_again(looks: "list[Seen]", plan: Plan) -> bool:
    return bool(looks) and looks[-1].state == "closed" and looks[-1].at_s > plan.recovers_at_s
