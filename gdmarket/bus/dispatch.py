"""Handle claimed deliveries, the same way in the fast path and in the relay."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from typing import TYPE_CHECKING

from gdmarket import correlation, databases, spans
from gdmarket.bus import forwarding, log, metrics, registry, routing, settling
from gdmarket.bus.claims import Claim
from gdmarket.bus.errors import LeaseLostError, LogUnreachableError, Reject, Retry, UndecodableError, UnknownEventError
from gdmarket.bus.metrics import DeliveryOutcome
from gdmarket.bus.pending_lanes import Lane

if TYPE_CHECKING:
    from opentelemetry.trace import Span

logger = logging.getLogger(__name__)

# The most deliveries in one transaction: few enough that SQLite's one writer is soon free again.
_GROUP_SIZE = 100
# During a deployment an old worker receives events that only new ones know: 8 × 30 s leave time for those to start.
_UNKNOWN_EVENT_WAIT_S = 30.0


def work(*, claimed: Sequence[Claim], keep_going: Callable[[], bool]) -> int:
    """Handle claimed deliveries in the log's order; return how many are done.

    Deliveries to one batch handler share a transaction; if that fails they are handled in halves, down to the one that fails. At least one
    delivery is settled, unless half of the lease is over: none is begun after that, but the halves of a group that failed, until one is
    settled. Deliveries that are not begun because of it, or when `keep_going` returns False, or behind a failure in their lane, are
    released.
    """
    done = 0
    released: list[Claim] = []
    blocked: set[Lane] = set()
    groups, has_begun, must_begin = deque(_groups(claimed)), False, False
    while groups:
        group = groups.popleft()
        if not must_begin and (time.monotonic() > group[0].begin_by_s or (has_begun and not keep_going())):
            blocked.update(claim.lane for claim in group)
        released.extend(claim for claim in group if claim.lane in blocked)
        group = [claim for claim in group if claim.lane not in blocked]
        if not group:
            continue
        outcome = _handle_group(group) if len(group) > 1 else _handle(group[0])
        has_begun, must_begin = True, False
        if outcome == "done":
            done += len(group)
        elif outcome == "retried" and len(group) > 1:
            # However late it is, go on until one is settled: otherwise the same group would be claimed and fail for ever.
            must_begin = True
            groups.extendleft([group[len(group) // 2 :], group[: len(group) // 2]])
        else:
            blocked.update(claim.lane for claim in group)
    settling.release(claims=released)
    count(released, "released")
    return done


def _groups(claimed: Sequence[Claim]) -> Iterator[list[Claim]]:
    """Yield neighbours that share a transaction: up to 100 for one batch handler or forwarder, else one; what failed before is alone."""
    for _, neighbours in groupby(claimed, key=group_key):
        alike = list(neighbours)
        yield from (alike[start : start + _GROUP_SIZE] for start in range(0, len(alike), _GROUP_SIZE))


def group_key(claim: Claim) -> object:
    """Return what neighbours that may share a call have in common: one batch handler or forwarder, and no failure."""
    if claim.attempts:
        return claim.id
    subscriber = claim.lane[0]
    return routing.forward_target(subscriber) or registry.batch_handler(subscriber=subscriber, name=claim.event.type) or claim.id


def _handle_group(group: Sequence[Claim]) -> DeliveryOutcome:
    """Handle deliveries in one transaction. If any fails, none is done and none counts an attempt."""
    subscriber, began_ns = group[0].lane[0], time.time_ns()
    try:
        with metrics.handle_time(subscriber=subscriber):
            _call(group)
    except LogUnreachableError as unreachable:
        settling.postpone(claims=group, after_s=unreachable.after_s, reason=str(unreachable))
        count(group, "postponed")
        return "postponed"
    except Exception as failure:  # noqa: BLE001  # the delivery that fails is alone in the end, and its failure is recorded then
        kind = type(failure).__name__
        logger.info("%s could not handle %d deliveries together, retrying in halves: %s: %s", subscriber, len(group), kind, failure)
        return "retried"
    record_done(group, began_ns=began_ns)
    return "done"


def record_done(group: Sequence[Claim], *, began_ns: int) -> None:
    """Count deliveries that one call handled, and record a span for each."""
    count(group, "done")
    for claim in group if spans.is_on() else ():
        attributes = {**_span_attributes(claim), "bus.together": len(group)}
        spans.record_span(name=_span_name(claim), trace=_trace(claim), began_ns=began_ns, attributes=attributes)


def consumer_span(claim: Claim) -> AbstractContextManager["Span | None"]:
    """Return a context manager that runs its block under the delivery's trace, in a span of its own."""
    return spans.root_span(_span_name(claim), kind="consumer", trace=_trace(claim), attributes=_span_attributes(claim))


def _handle(claim: Claim) -> DeliveryOutcome:
    """Handle one delivery and settle it. Raises only if the database cannot be reached."""
    with consumer_span(claim) as span:
        outcome = _settled(claim)
        spans.annotate(span, attributes={"bus.outcome": outcome}, failed=outcome in {"retried", "dead", "lease_lost"})
    count([claim], outcome)
    return outcome


def _settled(claim: Claim) -> DeliveryOutcome:
    try:
        with metrics.handle_time(subscriber=claim.lane[0]):
            _call([claim])
    except LeaseLostError:
        logger.warning("lease of delivery %s (%s) lost to another worker; rolled back", claim.id, claim.event)
        return "lease_lost"
    except Retry as retry:
        logger.info("%s postpones %s for %.1f s: %s", claim.lane[0], claim.event, retry.after_s, retry)
        settling.postpone(claims=[claim], after_s=retry.after_s, reason=str(retry))
        return "postponed"
    except (Reject, UndecodableError) as refusal:
        logger.error("%s can never handle %s: %s; dead, as delivery %s", claim.lane[0], claim.event, refusal, claim.id)  # noqa: TRY400
        settling.dead_letter(claim=claim, error=_message(refusal))
        return "dead"
    except Exception as failure:  # whatever a handler raises is the failure of this delivery alone
        wait_s = _UNKNOWN_EVENT_WAIT_S if isinstance(failure, UnknownEventError) else None
        is_dead = settling.fail(claim=claim, error=_message(failure), after_s=wait_s)
        then = "dead" if is_dead else "to be retried"
        logger.error("%s failed on %s, delivery %s, %s", claim.lane[0], claim.event, claim.id, then, exc_info=failure)  # noqa: TRY400
        return "dead" if is_dead else "retried"
    return "done"


def _call(claims: Sequence[Claim]) -> None:
    first, subscriber = claims[0], claims[0].lane[0]
    if first.lease_expired and first.attempts >= settling.MAX_ATTEMPTS:
        raise Reject(f"the worker died or hung {first.attempts} times while handling this")
    if routing.forward_target(subscriber):
        forwarding.forward(claims=claims)
        return
    is_external = registry.is_external(subscriber=subscriber, name=first.event.type)
    with nullcontext() if is_external else databases.TransactionScope(using=first.using):
        send(claims)
        settling.acknowledge(claims=claims)


def send(claims: Sequence[Claim]) -> None:
    """Call the handler of these deliveries: of one, or of several to one batch handler."""
    first = claims[0]
    events = [log.read(claim.event) for claim in claims]
    with log.handling(events[0]) if len(events) == 1 else nullcontext():
        registry.send(subscriber=first.lane[0], name=first.event.type, events=[event.event for event in events])


def _trace(claim: Claim) -> correlation.Trace:
    return correlation.start(correlation=claim.event.correlation, traceparent=claim.event.traceparent)


def _span_name(claim: Claim) -> str:
    return f"{claim.lane[0]} hears {claim.event.type}"


def _span_attributes(claim: Claim) -> Mapping[str, str | int]:
    return {"bus.subscriber": claim.lane[0], "bus.event.type": claim.event.type, "bus.delivery": claim.id, "bus.attempts": claim.attempts}


def count(claims: Sequence[Claim], outcome: DeliveryOutcome) -> None:
    """Count deliveries by outcome."""
    for subscriber, number in Counter(claim.lane[0] for claim in claims).items():
        metrics.count_handled(subscriber=subscriber, outcome=outcome, count=number)


def _message(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"
