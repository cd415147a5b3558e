"""What requests cost: exactly so many statements and transactions on each database, and no more CPU time than this many bare Django views.

What a change saves, it takes off here. Where the time goes: docs/explanation/performance.md.
"""

import gc
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection

from apps.items.queries import density
from bench.request_costs import BARE, Requests, Tally, counting
from gdmarket import bus
from gdmarket.breaker import cache

pytestmark = pytest.mark.django_db(transaction=True)

# Statements, transactions, and writes outside a transaction, on SQLite.
STATEMENTS = {
    "GET /health/live": (0, 0, 0),
    "GET /status/rentals/{id}": (2, 0, 0),
    "GET /rentals/{id}": (3, 0, 0),
    "GET /items/{id}": (1, 0, 0),
    "GET /items/{id}, signed in": (2, 0, 0),
    "GET /items?limit=20": (1, 0, 0),
    "GET /items?near=": (1, 0, 0),
    "GET /items?q=": (1, 0, 0),  # how common the words are was asked a moment ago
    "GET /rentals?limit=20": (2, 0, 0),
    "GET /status/rentals?limit=20": (2, 0, 0),
    "GET /status/items?limit=20": (2, 0, 0),
    "GET /status/items/{id}": (2, 0, 0),
    "POST /items": (25, 3, 0),
    "POST /rentals, paid": (39, 6, 0),
    "POST /rentals, paid, with a key": (41, 6, 2),
    "POST /rentals, unpaid": (27, 3, 0),
    "POST /rentals/{id}/cancel": (23, 3, 0),
    "POST /rentals/{id}/handover": (26, 3, 0),
    "POST /rentals/{id}/return": (23, 3, 0),
}
# Searches for words and around a place that nobody asked for in the last minute.
FIRST_VISIT = {"sqlite": {"GET /items?near=": (2, 0, 0), "GET /items?q=": (2, 0, 0)}}
FIRST_VISIT["postgresql"] = {**FIRST_VISIT["sqlite"], "GET /items?q=": (3, 0, 0)}
# Those that differ on PostgreSQL.
ON_POSTGRESQL = {
    "POST /items": (24, 3, 0),
    "POST /rentals, paid": (35, 6, 0),
    "POST /rentals, paid, with a key": (37, 6, 2),
    "POST /rentals, unpaid": (26, 3, 0),
    "POST /rentals/{id}/cancel": (22, 3, 0),
    "POST /rentals/{id}/handover": (25, 3, 0),
    "POST /rentals/{id}/return": (22, 3, 0),
}
# A third to twice more than what was measured, so that a busy machine does not fail it: what is no longer prepared does.
_ONE, _LIST, _NEAR, _COMMAND, _PAID = 14, 24, 30, 200, 300
TIMES_BARE = {
    "GET /health/live": 4,
    "GET /status/rentals/{id}": _ONE,
    "GET /rentals/{id}": _ONE,
    "GET /items/{id}": _ONE,
    "GET /items/{id}, signed in": _ONE,
    "GET /items?limit=20": _LIST,
    "GET /items?near=": _NEAR,
    "GET /items?q=": _LIST,
    "GET /rentals?limit=20": _LIST,
    "GET /status/rentals?limit=20": _LIST,
    "GET /status/items?limit=20": _LIST,
    "GET /status/items/{id}": _ONE,
    "POST /items": _COMMAND,
    "POST /rentals, paid": _PAID,
    "POST /rentals, paid, with a key": _PAID,
    "POST /rentals, unpaid": _COMMAND,
    "POST /rentals/{id}/cancel": _COMMAND,
    "POST /rentals/{id}/handover": _COMMAND,
    "POST /rentals/{id}/return": _COMMAND,
}
_ROUNDS, _REQUESTS = 6, 20


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """Return the demo's requests, each sent once before: what is prepared on first use is prepared, and the breaker's state is known."""
    monkeypatch.setattr(cache, "REFRESH_EVERY_S", 60.0)
    call_command("load_demo")
    bus.run_until_idle()
    density.clear()
    requests = Requests()
    requests.tallies()
    return requests


def test_requests_ask_this_of_the_database(requests: Requests) -> None:
    rounds = [{name: _counts(tally) for name, tally in requests.tallies().items()} for _ in range(3)]

    # The fewest: the probe for writes comes every few seconds.
    found = {name: min(counts[name] for counts in rounds) for name in rounds[0]}
    is_postgresql = connection.vendor == "postgresql"
    assert found == {BARE: (0, 0, 0)} | STATEMENTS | (ON_POSTGRESQL if is_postgresql else {})


def test_a_first_visit_asks_this_of_the_database(requests: Requests) -> None:
    def visit(name: str) -> tuple[int, ...]:
        density.clear()
        with counting() as tally:
            requests.reads[name]()
        return _counts(tally)

    expected = FIRST_VISIT[connection.vendor]
    assert {name: min(visit(name) for _ in range(3)) for name in expected} == expected


@pytest.mark.sqlite
@pytest.mark.usefixtures("_quiet_collector")
def test_requests_take_no_more_cpu_time_of_a_bare_view_than_this(requests: Requests) -> None:
    best: dict[str, float] = {}
    more: dict[str, float] = {}
    for _ in range(_ROUNDS):
        times = requests.read_times(requests=_REQUESTS) | requests.write_times(flows=2)
        best = {name: min(spent, best.get(name, spent)) for name, spent in times.items()}
        assert times.keys() == {BARE, *TIMES_BARE}
        more = {name: round(best[name] / best[BARE], 1) for name, limit in TIMES_BARE.items() if best[name] > limit * best[BARE]}
        if not more:
            break
    assert more == {}


@pytest.fixture
def _quiet_collector() -> Iterator[None]:
    """Keep what the test session has made out of each garbage collection."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _counts(tally: Tally) -> tuple[int, ...]:
    return tally.statements, tally.transactions, tally.single_writes
