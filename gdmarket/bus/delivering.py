"""Deliver to the lanes that this process has just published to, with as few statements and transactions as can be.

Up to 50 deliveries to one subscriber share a transaction, which locks them instead of leasing them, and deletes them at its end. If
anything fails, it is rolled back, and each delivery is leased and handled alone, as in a relay: there a failure counts an attempt. What
reaches outside the database and what is forwarded is leased, too; what failed before is left to the relay. A process that dies leaves no
lease: a relay claims what it had locked, and leases it.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from itertools import groupby

from gdmarket import databases, spans
from gdmarket.bus import claims, dispatch, metrics, pending_lanes, registry, routing, settling
from gdmarket.bus.claims import Claim
from gdmarket.bus.pending_lanes import Lane

logger = logging.getLogger(__name__)

# The most lanes, and deliveries, in one transaction: few enough that SQLite's one writer, and rows that handlers lock, are soon free again.
_MOST_AT_ONCE = 50


def deliver(lanes: Collection[Lane], *, keep_going: Callable[[], bool]) -> None:
    """Deliver to these lanes, and to those that the handlers publish to, until nothing is left or `keep_going` returns False.

    Subscribers whose handlers are all marked `batch` come after everything that can be handled in transactions, so that one transaction
    takes all facts of a request; then what needs leases.
    """
    leased: list[Lane] = []
    waiting: dict[Lane, None] = dict.fromkeys(lanes)
    with pending_lanes.suppress_dispatch():
        while (waiting or leased) and keep_going():
            subscribers = list(dict.fromkeys(subscriber for subscriber, _ in waiting))
            if not subscribers:
                _work_by_lease(leased, keep_going)
                leased = []
            else:
                first = next((each for each in subscribers if not registry.is_batched(subscriber=each)), subscribers[0])
                own = [lane for lane in waiting if lane[0] == first][:_MOST_AT_ONCE]
                for lane in own:
                    del waiting[lane]
                leased += own if routing.forward_target(first) else _handle_locked(first, own, keep_going)
            waiting |= dict.fromkeys(pending_lanes.take())


def _work_by_lease(lanes: Sequence[Lane], keep_going: Callable[[], bool]) -> None:
    for _, in_one_log in groupby(sorted(lanes, key=_alias_of), key=_alias_of):
        dispatch.work(claimed=claims.claim_pending_lanes(lanes=list(in_one_log)), keep_going=keep_going)


def _alias_of(lane: Lane) -> str:
    return routing.alias_of(lane[0])


def _handle_locked(subscriber: str, lanes: Sequence[Lane], keep_going: Callable[[], bool]) -> Sequence[Lane]:
    """Handle what can be handled of one subscriber's lanes, in one transaction; return the lanes that need leases."""
    began_ns, began_s = time.time_ns(), time.monotonic()
    found: list[Claim] = []
    try:
        with databases.TransactionScope(using=routing.alias_of(subscriber)):
            found = claims.lock_pending_lanes(subscriber=subscriber, lanes=lanes)
            done, left = _handle_in_order(found, keep_going)
            if done:
                settling.acknowledge(claims=[claim for group in done for claim in group])
    except Exception as failure:  # noqa: BLE001  # the delivery that fails is handled alone next, and its failure is recorded then
        kind = type(failure).__name__
        logger.info("%s could not handle %d deliveries together, retrying one by one: %s: %s", subscriber, len(found), kind, failure)
        return lanes
    if done:
        metrics.observe_handling(subscriber=subscriber, seconds=time.monotonic() - began_s)
        for group in done:
            if len(group) > 1:
                dispatch.record_done(group, began_ns=began_ns)
            else:
                dispatch.count(group, "done")
    return left


def _handle_in_order(found: Sequence[Claim], keep_going: Callable[[], bool]) -> tuple[list[list[Claim]], list[Lane]]:
    """Handle deliveries in the log's order; return those that are done, by call, and the lanes with one that is not for a transaction."""
    done: list[list[Claim]] = []
    left: dict[Lane, None] = {}
    for _, neighbours in groupby(found, key=dispatch.group_key):
        group = [claim for claim in neighbours if claim.lane not in left]
        if group and registry.is_external(subscriber=group[0].lane[0], name=group[0].event.type):
            left[group[0].lane] = None
        elif group and not (done and not keep_going()):
            with dispatch.consumer_span(group[0]) if len(group) == 1 else nullcontext() as span:
                dispatch.send(group)
                spans.annotate(span, attributes={"bus.outcome": "done"}, failed=False)
            done.append(group)
    return done, list(left)
