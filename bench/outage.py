"""`./dev bench payments`: a hundred users, and a payment provider that takes longer than its time-out for a minute, then recovers."""

import json
import random
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from itertools import count, groupby
from statistics import quantiles
from typing import NamedTuple

import django
from django.db import connection

from bench.market import open_database, running, serve
from bench.open_loop import Answer, run_threads, send
from deploy import report
from deploy.client import API, RENTERS, Client, Request
from deploy.report import Figure, progress
from deploy.servers.simulator import SimulatorProcess

SERVERS, WORKERS = 2, 4
BEFORE_S, AFTER_S, LONGEST_S = 10.0, 15.0, 240.0
# The provider answers long after the time-out.
LATENCY_S, TIMEOUT_MS = 5.0, 610
# Other processes know of a change within 250 ms, and what was in progress then is over after the time-out.
_KNOWN_S = 0.25 + TIMEOUT_MS / 1000
_SAMPLE_S = 0.1
# What a user does next, and how often.
_SHARES = {"pay at once": 6, "pay later": 2, "read": 4}
_READS = (f"{API}/items?near=37.5446,127.0559", f"{API}/status/rentals?limit=5", f"{API}/rentals?limit=5")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The breaker's state at a time, in seconds from the start, and the provider's calls and charges since its own start."""

    at_s: float
    state: str
    calls: int
    charges: int


class Phase(NamedTuple):
    """A time during which the breaker's state did not change: its first sample, and the first of the next phase."""

    first: Sample
    end: Sample


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench payments` takes."""
    parser.add_argument("--users", type=int, default=100, help="how many ask at once (default: 100)")
    parser.add_argument("--think", type=float, default=4.0, help="how long each waits between two requests, in seconds (default: 4)")
    parser.add_argument("--ill", type=float, default=60.0, help="for how many seconds the provider is slow (default: 60)")


def run(options: Namespace) -> None:
    """Measure and print."""
    recovers_at_s = BEFORE_S + options.ill
    progress(f"Measuring for {recovers_at_s:.0f} s and until the breaker is closed again …")
    answers: list[Answer] = []
    with _deployment() as (ports, provider):
        began = time.perf_counter()
        is_over = threading.Event()
        users = _users(ports, number=options.users, think_s=options.think, began=began, is_over=is_over.is_set, answers=answers)
        thread = threading.Thread(target=run_threads, args=(users,))
        thread.start()
        try:
            samples = _sample(provider, began, ill_s=options.ill)
        finally:
            is_over.set()
            thread.join()
    notes = {
        "load": f"{options.users} users who wait for {options.think:g} s, {SERVERS} servers with {WORKERS} workers, PostgreSQL",
        "provider": f"answers after {LATENCY_S:g} s for {options.ill:g} s; the time-out is {TIMEOUT_MS} ms",
    }
    report.print_figures(figures=figures(answers, samples, recovers_at_s=recovers_at_s), notes=notes, as_json=options.json)


def figures(answers: Sequence[Answer], samples: Sequence[Sample], *, recovers_at_s: float) -> list[Figure]:
    """Return the figures of a run, beside their targets."""
    phases = _phases(samples)
    open_ = [phase for phase in phases if phase.first.state == "open"]
    trials = [phase.end.charges - phase.first.charges for phase in phases if phase.first.state == "half_open"]
    closed_at = [phase.first.at_s for phase in phases if phase.first.state == "closed" and phase.first.at_s > recovers_at_s]
    last_open_s = [phase.end.at_s - phase.first.at_s for phase in open_ if phase.first.at_s < recovers_at_s][-1:]
    paying = [answer for answer in answers if "payment_method" in (answer.request.body or {})]
    others = [answer for answer in answers if "payment_method" not in (answer.request.body or {})]
    refused = [answer.latency_ms for answer in paying if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and _is_within(answer, open_)]
    cuts = quantiles(refused, n=100) if len(refused) > 1 else [0.0] * 99
    odd = sum(not _is_accepted(answer) and answer.status != HTTPStatus.SERVICE_UNAVAILABLE for answer in answers)
    return [
        Figure(what="requests in all", values=[len(answers)]),
        Figure(what="without payment: accepted", values=[100 * sum(map(_is_accepted, others)) / len(others)], unit="%", aim="100"),
        Figure(what="with payment: accepted", values=[sum(map(_is_accepted, paying))]),
        Figure(what="with payment: 503 while open", values=[len(refused)]),
        Figure(what="with payment: 503 while open, p50", values=[cuts[49]], unit="ms"),
        Figure(what="with payment: 503 while open, p99", values=[cuts[98]], unit="ms", aim="at most 50"),
        Figure(what="answers that are neither accepted nor 503", values=[odd], aim="0"),
        Figure(what="calls to the provider while open", values=[sum(_calls_within(samples, phase) for phase in open_)], aim="0"),
        Figure(what="trials (half-open)", values=[len(trials)]),
        Figure(what="most charges let through in one trial", values=[max(trials, default=0)], aim="at most 2"),
        Figure(
            what="closed again after the provider had recovered",
            values=[closed_at[0] - recovers_at_s if closed_at else float("inf")],
            unit="s",
            aim=f"at most {2 * last_open_s[0]:.0f}" if last_open_s else "",
        ),
    ]


@contextmanager
def _deployment() -> Iterator[tuple[list[int], SimulatorProcess]]:
    """Run PostgreSQL, the servers, a relay and the provider for the length of the block; gives the servers' ports and the provider."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_database(database="postgresql"))
        provider = stack.enter_context(SimulatorProcess(folder=folder, quiet=True))
        settings = {
            "GDMARKET_PAYMENT_GATEWAY": "http",
            "GDMARKET_PAYMENT_URL": provider.url,
            "GDMARKET_PAYMENT_TIMEOUT_MS": str(TIMEOUT_MS),
            "GDMARKET_WORKERS": str(WORKERS),
            "GDMARKET_RELAY": "",
        }
        ports = [stack.enter_context(serve(folder=folder, **settings)) for _ in range(SERVERS)]
        stack.enter_context(running("manage.py", "relay", folder=folder, name="relay", environment=settings))
        yield ports, provider


def _users(
    ports: Sequence[int], *, number: int, think_s: float, began: float, is_over: Callable[[], bool], answers: list[Answer]
) -> list[Callable[[], None]]:
    """Return what each user does until it is over; every request to rent is for an hour of its own."""
    client = Client(ports[0])
    tokens = [client.sign_in(email) for email in RENTERS]
    listed = json.loads(client.send(Request(path=f"{API}/items?limit=100&availability=available"))[1])["results"]
    hours = count()
    from_ = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=40)

    def next_request(token: str, chance: random.Random) -> Request:
        (kind,) = chance.choices(list(_SHARES), list(_SHARES.values()))
        if kind == "read":
            return Request(path=chance.choice(_READS), token=token)
        hour = next(hours)
        starts_at = from_ + timedelta(hours=hour // len(listed))
        body = {"item": listed[hour % len(listed)]["id"], "starts_at": starts_at.isoformat()}
        body |= {"ends_at": (starts_at + timedelta(hours=1)).isoformat()} | ({"payment_method": "pm_ok"} if kind == "pay at once" else {})
        return Request(method="POST", path=f"{API}/rentals", token=token, body=body)

    def use(user: int) -> None:
        chance = random.Random(user)
        own = Client(ports[user % len(ports)])
        time.sleep(chance.uniform(0, think_s))
        while not is_over():
            request = next_request(tokens[user % len(tokens)], chance)
            answers.append(send(own, request, began=time.perf_counter(), load_began=began))
            time.sleep(chance.uniform(0.5, 1.5) * think_s)

    return [partial(use, user) for user in range(number)]


def _sample(provider: SimulatorProcess, began: float, *, ill_s: float) -> list[Sample]:
    """Make the provider slow for a while; meanwhile and until the breaker is closed again, sample both ten times a second."""
    django.setup()
    from gdmarket.breaker.models import Circuit  # noqa: PLC0415  # models exist only after setup()

    samples: list[Sample] = []
    changes = [(BEFORE_S, {"do": "latency", "before_s": LATENCY_S}), (BEFORE_S + ill_s, None)]
    ends_s = LONGEST_S + AFTER_S
    while (at_s := time.perf_counter() - began) < ends_s:
        if changes and at_s >= changes[0][0]:
            fault = changes.pop(0)[1]
            provider.set_faults(*([fault] if fault else []))
        row, stats = Circuit.objects.filter(name="payments").first(), provider.stats()
        state = row.state if row else "closed"
        samples.append(Sample(at_s=at_s, state=state, calls=stats["calls_in_all"], charges=stats["calls"].get("charge", 0)))
        if state != "closed":
            ends_s = LONGEST_S + AFTER_S
        elif not changes:
            ends_s = min(ends_s, at_s + AFTER_S)
        time.sleep(_SAMPLE_S)
    connection.close()
    return samples


def _phases(samples: Sequence[Sample]) -> list[Phase]:
    runs = [list(run) for _, run in groupby(samples, key=lambda sample: sample.state)]
    return [Phase(run[0], after[0] if after else run[-1]) for run, after in zip(runs, [*runs[1:], []], strict=True)]


def _is_accepted(answer: Answer) -> bool:
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def _is_within(answer: Answer, phases: Sequence[Phase]) -> bool:
    asked_s = answer.at_s - answer.latency_ms / 1000
    return any(phase.first.at_s + _KNOWN_S <= asked_s and answer.at_s <= phase.end.at_s for phase in phases)


def _calls_within(samples: Sequence[Sample], phase: Phase) -> int:
    within = [sample.calls for sample in samples if phase.first.at_s + _KNOWN_S <= sample.at_s < phase.end.at_s]
    return within[-1] - within[0] if within else 0
