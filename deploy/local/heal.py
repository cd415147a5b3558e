"""`./dev heal`: kill and freeze servers and the relay under load; how long until each has recovered, and whether a write was lost."""

import secrets
import time
from argparse import ArgumentParser, Namespace

from deploy import report
from deploy.local.consistency import check_consistency
from deploy.local.faults import all_faults
from deploy.local.rollout import measured_cluster
from deploy.local.workload import Workload
from deploy.report import Figure, progress

RECOVERY_S = 15.0
_PAUSE_S = 4.0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev heal` takes."""
    parser.add_argument("--rounds", type=int, default=1, help="how often each fault is injected (default: 1)")
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second meanwhile (default: 40)")


def run(options: Namespace) -> int:
    """Inject the faults and print the figures; 0 where every recovery took at most 15 s and nothing was lost."""
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    recovery_s: dict[str, list[float]] = {}
    with measured_cluster() as cluster:
        workload = Workload(port=cluster.port, seed=seed, rate=options.rate)
        workload.start()
        for _ in range(options.rounds):
            for fault in all_faults(cluster):
                time.sleep(_PAUSE_S)
                took_s = fault.inject()
                recovery_s.setdefault(fault.name, []).append(took_s)
                progress(f"{fault.name}: recovered after {took_s:.1f} s")
        result = workload.stop()
        consistency = check_consistency(url=cluster.database_url, result=result)
    figures = [
        *(Figure(what=f"recovery from {name}", values=times_s, unit="s", aim="15 at most") for name, times_s in recovery_s.items()),
        *(Figure(what=what, values=[value]) for what, value in consistency.figures(result).items()),
    ]
    report.print_figures(figures=figures, notes={"seed": f"{seed}", "load": f"{options.rate:g} requests a second"}, as_json=options.json)
    for example in consistency.examples:
        progress(example)
    return int(not consistency.is_consistent or max(map(max, recovery_s.values())) > RECOVERY_S)
