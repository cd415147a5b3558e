"""Deliver everything that is due, round after round, until told to stop. This is what guarantees delivery. Any number of relays may run."""

import logging
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, local
from typing import NamedTuple
from uuid import uuid4

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections

from gdmarket.bus import claims, dispatch, pending_lanes, routing
from gdmarket.bus.claims import LEASE_S, Claim
from gdmarket.bus.heartbeats import HeartbeatWriter
from gdmarket.bus.watchdog import Watchdog

logger = logging.getLogger(__name__)

_SHORTEST_WAIT_S = 0.02
_LONGEST_WAIT_S = 1.0
# How long a round may retry deliveries whose lease expired before it goes on to the others.
_EXPIRED_BUDGET_S = 5.0
_STATEMENT_S = 8

_limited = local()


class RoundResult(NamedTuple):
    """How many deliveries a round claimed, and how many of them are done."""

    claimed: int
    done: int


def run(*, keep_going: Callable[[], bool], watchdog: Watchdog | None = None) -> None:
    """Deliver what is due until `keep_going` returns False, each subscriber in a thread of its own, so that none waits for another.

    A thread calls `keep_going`, and resets `watchdog`, before each delivery and each wait. It waits 20 ms to 1 s when nothing is due, and
    goes on after a database was away. An error that ends one thread ends all, and is raised here.
    """
    subscribers = routing.subscribers()
    has_failed = Event()
    relay = uuid4()

    def goes_on(subscriber: str) -> bool:
        if watchdog is not None:
            watchdog.reset(subscriber=subscriber)
        return not has_failed.is_set() and keep_going()

    def work(subscriber: str) -> None:
        heartbeat = HeartbeatWriter(relay=relay, subscriber=subscriber)
        try:
            _run_one(subscriber, heartbeat, keep_going=lambda: goes_on(subscriber))
            heartbeat.stop()
        except BaseException:
            has_failed.set()
            raise
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(subscribers), thread_name_prefix="relay") as threads:
        running = [threads.submit(work, subscriber) for subscriber in subscribers]
    for ended in running:
        ended.result()


def run_until_idle(*, contexts: Collection[str] | None = None) -> int:
    """Deliver everything that is due now, here, to these subscribers or to all; return how many deliveries were handled."""
    handled = 0
    while True:
        claimed, done = run_once(keep_going=lambda: True, contexts=contexts)
        handled += done
        if not claimed:
            return handled


def run_once(*, keep_going: Callable[[], bool], contexts: Collection[str] | None = None) -> RoundResult:
    """Handle, for each subscriber, deliveries whose lease expired, each alone, then one claim of timers that are due and one of lanes."""
    claimed = done = 0
    with pending_lanes.suppress_dispatch():
        for subscriber in routing.subscribers():
            for claim in _claims(subscriber, keep_going) if contexts is None or subscriber in contexts else ():
                claimed += len(claim)
                done += dispatch.work(claimed=claim, keep_going=keep_going)
    return RoundResult(claimed, done)


def limit_statements(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Make sure, once per PostgreSQL connection, that a statement times out before the lease of the delivery it works for expires.

    A limit in DATABASE_URL or of the server is kept if it is short enough. Otherwise one is set for this session: refusing to start would
    leave everything undelivered because of a setting, and without a limit a statement could go on working for a lost lease.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    connection.ensure_connection()
    if getattr(_limited, using, None) is connection.connection:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
        (limit_ms,) = cursor.fetchone()
        if not 0 < limit_ms < LEASE_S * 1000:
            logger.warning("statement_timeout is %d ms; for the relay it is %d s, as a lease lasts %d s", limit_ms, _STATEMENT_S, LEASE_S)
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [f"{_STATEMENT_S}s"])
    setattr(_limited, using, connection.connection)


def _claims(subscriber: str, keep_going: Callable[[], bool]) -> Iterator[list[Claim]]:
    """Yield one claim after the other, each made when the one before is handled.

    All expired leases, not one: under load a round takes seconds, and what a dead worker had claimed would wait for minutes.
    """
    until_s = time.monotonic() + _EXPIRED_BUDGET_S
    while keep_going() and time.monotonic() < until_s and (expired := claims.claim_expired(subscriber=subscriber)):
        yield expired
    for claim in (claims.claim_timers, claims.claim_lanes):
        if keep_going():
            yield claim(subscriber=subscriber)


def _run_one(subscriber: str, heartbeat: HeartbeatWriter, *, keep_going: Callable[[], bool]) -> None:
    wait_s, is_away, using = _SHORTEST_WAIT_S, False, routing.alias_of(subscriber)
    while keep_going():
        try:
            limit_statements(using=using)
            claimed = run_once(keep_going=keep_going, contexts=(subscriber,)).claimed
            heartbeat.beat()
        except Exception as failure:
            if not is_away:
                logger.exception("the relay cannot work for %s; trying again every %.0f s", subscriber, _LONGEST_WAIT_S)
            claimed, is_away, wait_s = 0, True, _LONGEST_WAIT_S
            if isinstance(failure, OperationalError | InterfaceError):
                # The connection may be broken; the next round opens a new one.
                connections[using].close()
        else:
            if is_away:
                logger.warning("the relay works again for %s", subscriber)
            is_away = False
        if claimed:
            wait_s = _SHORTEST_WAIT_S
        elif keep_going():
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
