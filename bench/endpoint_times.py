"""`python -m bench.endpoint_times ROUNDS`: the time of every list, search and single resource of the market of the environment.

Prints `{"endpoint": milliseconds}`: the median, in process. Of a `first visit` searches remember nothing; `dispatch` is that of one
delivery. `./dev bench curve` runs it.
"""

import gc
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
from statistics import median
from time import perf_counter
from typing import Any
from urllib.parse import quote

import django

from bench.request_costs import Requests
from deploy.client import API

# How many pages of a hundred a deep page is away.
_DEPTH = 40
_LONGEST_S = 20.0
_TOWNS = ("37.5446,127.0559", "37.2636,127.0286", "35.1795,129.0756", "33.4996,126.5312", "36.3504,127.3845", "35.8714,128.6014")
# The paths of each endpoint, which take turns, and who asks.
Endpoints = dict[str, tuple[list[str], str]]
_PEOPLE = {"manager": "manager@example.com", "renter": "renter@example.com"}


def main() -> None:
    """Measure and print."""
    django.setup()
    from apps.items.queries import density  # noqa: PLC0415  # the settings must be ready

    rounds = int(sys.argv[1])
    requests = Requests()
    tokens = {
        who: requests.send("POST", f"{API}/auth/token", body={"email": email, "password": "gdmarket-demo"})["access"]
        for who, email in _PEOPLE.items()
    }
    gc.collect()
    gc.freeze()
    times = {}
    for name, (paths, who) in _endpoints(requests, tokens).items():
        token = tokens.get(who, "")
        calls = (partial(requests.send, "GET", path, token) for path in cycle(paths))
        times[name] = _median_ms(calls, rounds=rounds)
        if "near" in name or "word" in name or "syllable" in name:
            times[f"{name}, first visit"] = _median_ms(calls, rounds=rounds, before=density.clear)
    writes: dict[str, list[float]] = {}

    def measure(name: str, write: Callable[[], Any]) -> Any:
        began = perf_counter()
        answer = write()
        writes.setdefault(name, []).append((perf_counter() - began) * 1000)
        return answer

    for _ in range(max(3, rounds // 4)):
        requests.flow(measure)
    times |= {name: median(spent) for name, spent in writes.items()}
    times["dispatch of a delivery"] = _dispatch_ms(requests, rounds=max(3, rounds // 4))
    print(json.dumps(times))


def _endpoints(requests: Requests, tokens: dict[str, str]) -> Endpoints:
    """Return the paths of each endpoint, which take turns, and who asks."""
    day = (datetime.now(UTC) + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    free = f"&free_from={day:%Y-%m-%dT%H:%M:%SZ}&free_to={day + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
    items, rentals = f"{API}/items?limit=20", f"{API}/rentals?limit=20"
    statuses, item_statuses = f"{API}/status/rentals?limit=20", f"{API}/status/items?limit=20"

    def near(radius_m: int, more: str = "") -> list[str]:
        return [f"{items}&near={town}&radius_m={radius_m}{more}" for town in _TOWNS]

    lists: Endpoints = {
        "items, newest": ([items], ""),
        "items, of a category": ([f"{items}&category={quote('캠핑')}"], ""),
        "items, cheapest": ([f"{items}&ordering=daily_price"], ""),
        "items, by name": ([f"{items}&ordering=name"], ""),
        "items, near, 2 km": (near(2_000), ""),
        "items, near, 10 km": (near(10_000), ""),
        "items, near, 50 km": (near(50_000), ""),
        "items, one syllable": ([f"{items}&q={quote('톱')}"], ""),
        "items, two syllables": ([f"{items}&q={quote(word)}" for word in ("드릴", "텐트")], ""),
        "items, two words": ([f"{items}&q={quote('튼튼한 텐트')}"], ""),
        "items, a rare word": ([f"{items}&q={quote('한정판')}"], ""),
        "items, a word that is nowhere": ([f"{items}&q={quote(word)}" for word in ("없는말", "쀍")], ""),
        "items, near + word": (near(10_000, f"&q={quote('텐트')}"), ""),
        "items, near + word + free days": (near(10_000, f"&q={quote('텐트')}{free}"), ""),
        "items, free days": ([f"{items}{free}"], ""),
        "rentals, of a renter": ([f"{rentals}&role=renter"], "renter"),
        "rentals, of a manager": ([f"{rentals}&role=manager"], "manager"),
        "rentals, of a manager, in a state": ([f"{rentals}&role=manager&state=rented"], "manager"),
        "status of rentals, of a renter": ([statuses], "renter"),
        "status of rentals, of a manager": ([statuses], "manager"),
        "status of rentals, in a state": ([f"{statuses}&state=rented"], "manager"),
        "status of items": ([item_statuses], "manager"),
        "status of items, rented": ([f"{item_statuses}&availability=rented"], "manager"),
    }
    return lists | _deep_ones(requests, lists, tokens) | _single(requests, tokens)


def _deep_ones(requests: Requests, lists: Endpoints, tokens: dict[str, str]) -> Endpoints:
    """Return a deep page of the lists that have one."""
    names = ("items, newest", "items, near, 50 km", "items, two syllables", "rentals, of a manager", "status of rentals, of a manager")
    found = ((name, *lists[name]) for name in names)
    return {f"{name}, deep": ([_deep(requests, paths[0], tokens.get(who, ""))], who) for name, paths, who in found}


def _single(requests: Requests, tokens: dict[str, str]) -> Endpoints:
    """Return an item, a rental and its status, of a page of them each."""

    def ids(path: str, who: str = "") -> list[str]:
        return [row["id"] for row in requests.send("GET", f"{API}{path}?limit=20", tokens.get(who, ""))["results"]]

    return {
        "an item": ([f"{API}/items/{each}" for each in ids("/items")], ""),
        "a rental": ([f"{API}/rentals/{each}" for each in ids("/rentals", "renter")], "renter"),
        "status of a rental": ([f"{API}/status/rentals/{each}" for each in ids("/status/rentals", "renter")], "renter"),
    }


def _deep(requests: Requests, path: str, token: str) -> str:
    """Return the path of a page of 20 that is as deep as there are rows, or so many pages of a hundred."""
    begins = path
    path = path.replace("limit=20", "limit=100")
    for _ in range(_DEPTH):
        following = requests.send("GET", path, token)["next"]
        if following is None:
            break
        path = f"{API}{following.partition(API)[2]}"
        begins = path.replace("limit=100", "limit=20")
    return begins


def _median_ms(calls: Iterator[Callable[[], Any]], *, rounds: int, before: Callable[[], None] = lambda: None) -> float:
    """Return the median of so many calls; what is done `before` each takes no time."""
    next(calls)()
    times: list[float] = []
    while len(times) < rounds and sum(times) < _LONGEST_S * 1000:
        call = next(calls)
        before()
        began = perf_counter()
        call()
        times.append((perf_counter() - began) * 1000)
    return median(times)


def _dispatch_ms(requests: Requests, *, rounds: int) -> float:
    """Return the time of one delivery: requests are sent without dispatch, and then all that waits is delivered."""
    from django.test import override_settings  # noqa: PLC0415  # the settings must be ready

    from gdmarket import bus  # noqa: PLC0415

    with override_settings(GDMARKET_DISPATCH="off"):
        for _ in range(rounds):
            requests.send_paid()
    began = perf_counter()
    delivered = bus.run_until_idle()
    return (perf_counter() - began) * 1000 / max(1, delivered)


if __name__ == "__main__":
    main()
