"""`./dev bench autoscale`: a hundred users come and go, and the Horizontal Pod Autoscaler's rule scales the cluster on this machine."""

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import quantiles

from bench import report
from bench.autoscale.rule import Aim, Rule
from bench.autoscale.scaling import Controller
from bench.report import Figure
from deploy.local.cluster import open_cluster
from deploy.local.results import WorkloadResult
from deploy.local.rollout import SETTINGS
from deploy.local.workload import Workload

_QUIET_S = 15.0
_LONGEST_S = 150.0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench autoscale` takes."""
    parser.add_argument("--users", type=int, default=100, help="how many ask at once (default: 100)")
    parser.add_argument("--seconds", type=float, default=120.0, help="for how long (default: 120)")
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second, of all together (default: 40)")
    parser.add_argument("--aim", type=int, default=15, help="the CPU that a replica may use, in %% of its request (default: 15)")
    parser.add_argument("--request", type=float, default=500.0, help="a replica's CPU request, in millicores (default: 500)")
    parser.add_argument("--most", type=int, default=10, help="the most replicas (default: 10)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it as an SVG file, too")


def run(options: Namespace) -> None:
    """Measure, print, and draw."""
    aim = Aim(percent=options.aim, most=options.most)
    ends_s = _QUIET_S + options.seconds
    with (
        tempfile.TemporaryDirectory(prefix="gdmarket-autoscale-") as folder,
        open_cluster(folder=Path(folder), webs=1, settings=SETTINGS, tell=_show) as cluster,
    ):
        workload = Workload(port=cluster.port, seed=1, rate=options.rate, clients=options.users)
        controller = Controller(cluster=cluster, rule=Rule(aim=aim), request_cores=options.request / 1000, tell=_show)
        controller.run(workload=workload, until=lambda at_s: at_s > _QUIET_S)
        workload.start()
        controller.run(workload=workload, until=lambda at_s: at_s > ends_s)
        result = workload.stop()
        controller.run(workload=workload, until=lambda at_s: len(cluster.webs) == aim.least or at_s > ends_s + _LONGEST_S)
        looks = len(controller.looks) + 2
        controller.run(workload=workload, until=lambda _: len(controller.looks) >= looks)
    notes = {
        "rule": f"CPU at {options.aim} % of a request of {options.request:g}m, 1 to {options.most} replicas; looks every "
        f"{aim.sync_s:g} s (Kubernetes: 15), takes away after {aim.stable_down_s:g} s (Kubernetes: 300)",
        "load": f"{options.users} users for {options.seconds:g} s, {options.rate:g} requests a second in all",
    }
    report.print_figures(figures=_figures(controller, result, ends_s), notes=notes, as_json=options.json)
    for trouble in result.examples:
        _show(f"not answered as it had to be: {trouble}")
    if options.plot:
        from bench.autoscale import plot  # noqa: PLC0415  # slow to load, and seldom asked for

        plot.draw(looks=controller.looks, aim=aim.percent, load_s=(_QUIET_S, ends_s), path=options.plot)


def _figures(controller: Controller, result: WorkloadResult, ends_s: float) -> list[Figure]:
    looks = controller.looks
    most = max(look.serving for look in looks)
    return [
        Figure(what="replicas before the load", values=[looks[0].serving], unit="", aim="1"),
        Figure(what="most replicas that served", values=[most], unit="", aim="more than 1"),
        Figure(what="replicas in the end", values=[looks[-1].serving], unit="", aim="1"),
        Figure(what="from the load to the most", values=[next(look.at_s for look in looks if look.serving == most) - _QUIET_S], unit="s"),
        Figure(what="from the end of the load to one", values=[_back_to_one_s(controller, ends_s)], unit="s"),
        Figure(what="requests", values=[result.requests], unit=""),
        Figure(what="not answered as they had to be", values=[result.failed], unit="", aim="0"),
        Figure(what="latency, p50", values=[quantiles(result.latencies_ms, n=100)[49]], unit="ms"),
        Figure(what="latency, p99", values=[quantiles(result.latencies_ms, n=100)[98]], unit="ms"),
    ]


def _back_to_one_s(controller: Controller, ends_s: float) -> float:
    return next((look.at_s - ends_s for look in controller.looks if look.at_s > ends_s and look.serving == 1), float("inf"))


def _show(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
