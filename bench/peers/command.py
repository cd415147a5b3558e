"""`./dev bench peers`: the whole flow of a customer on this product, on django-oscar and on Vendure, in turn, on one PostgreSQL server.

It downloads the others from PyPI and npm, once, and is no part of the pipeline. They are set up as their documentation says, by people who
are not their experts, and do more at a checkout than we do (tax, shipping, promotions, stock) and less (django-oscar's takes no payment).
"""

from argparse import ArgumentParser, Namespace
from contextlib import ExitStack

from bench import revisions
from bench.foreign import ForeignLoad
from bench.peers import flows, shops
from bench.wire import Measured
from deploy import report
from deploy.report import Figure, progress
from deploy.servers.postgresql import running_postgresql


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench peers` takes."""
    parser.add_argument(
        "--only", nargs="+", choices=["oscar", "vendure"], default=["oscar", "vendure"], help="whom to compare with (default: both)"
    )
    parser.add_argument(
        "--clients", type=int, nargs="+", default=[1, 8], help="how many go through it at once, 8 at most (default: 1 and 8)"
    )
    parser.add_argument("--products", type=int, default=400, help="how many each has to offer (default: 400)")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each is measured in a round (default: 15)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, in turn (default: 3)")


def run(options: Namespace) -> None:
    """Measure and print."""
    kept = revisions.kept() / "peers"
    results: dict[tuple[str, int], list[Measured]] = {}
    with ExitStack() as stack, ForeignLoad() as foreign:
        url = stack.enter_context(running_postgresql(durable=True))
        served = [stack.enter_context(shops.SHOPS[name](url, kept, options.products)) for name in ("gdmarket", *options.only)]
        for number in range(1, options.rounds + 1):
            for clients in options.clients:
                for shop in served:
                    progress(f"round {number} of {options.rounds}: {shop.name}, {clients} at once")
                    measured = flows.measure(shop, clients=clients, seconds=options.seconds)
                    results.setdefault((shop.name, clients), []).append(measured)
    notes = {
        "flows": "GDmarket: search nearby, item, request and pay, status (4 requests); django-oscar: list, product, basket, checkout "
        "without payment, order (5); Vendure: search, product, add, customer and address, pay, order (6)",
        "load": f"{options.products} products, {shops.WORKERS} workers each; {options.rounds} rounds of {options.seconds:g} s in turn",
        "CPU used by other processes": f"{foreign.share:.0%} of all cores",
    }
    report.print_figures(figures=_figures(results), notes=notes, as_json=options.json)


def _figures(results: dict[tuple[str, int], list[Measured]]) -> list[Figure]:
    figures = []
    for (name, clients), rounds in results.items():
        what = f"{name}, {clients} at once"
        ours = results["GDmarket", clients]
        figures.append(Figure(what=f"flows, {what}", values=[each.requests_per_s for each in rounds], unit="per s"))
        figures.append(Figure(what=f"a flow, {what}, p50", values=[each.p50_ms for each in rounds], unit="ms"))
        if name != "GDmarket":
            ratios = [our.requests_per_s / (their.requests_per_s or float("nan")) for our, their in zip(ours, rounds, strict=True)]
            figures.append(Figure(what=f"GDmarket / {what}", values=ratios, unit="x", aim="3, better 6"))
    return figures
