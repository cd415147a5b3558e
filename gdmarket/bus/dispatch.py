"""Handling deliveries, the same way in the fast path and in the relay."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from django.db import transaction

from gdmarket import correlation, spans
from gdmarket.bus import forwarding, log, metrics, registry, routing, settling
from gdmarket.bus.claims import Claim
from gdmarket.bus.errors import LeaseLostError, LogUnreachableError, Reject, Retry, UndecodableError, UnknownEventError
from gdmarket.bus.metrics import DeliveryOutcome
from gdmarket.bus.pending_lanes import Lane
from gdmarket.correlation import Trace

logger = logging.getLogger(__name__)

# A batch outside a request stops after this long and gives the rest back, well before its leases run out.
BATCH_S = 5.0
# As many deliveries share a transaction: few enough that SQLite's one writer is soon free again.
_TOGETHER = 100
# During a deployment an old worker meets events that only new ones know: 8 × 30 s leave time for those to come.
_UNKNOWN_WAIT_S = 30.0


def work(*, batch: Sequence[Claim], keep_going: Callable[[], bool]) -> int:
    """Handle a claimed batch in the log's order; return how many deliveries are done.

    Deliveries that one batch handler takes are handled together, and in halves where that fails, until what fails is alone. At least one
    is settled. What is left when `keep_going` says no, and what stands in a lane behind a failure, is given back.
    """
    done = 0
    left: list[Claim] = []
    stuck: set[Lane] = set()
    runs, has_tried = deque(_runs(batch)), False
    while runs:
        run = runs.popleft()
        if has_tried and not keep_going():
            stuck.update(claim.lane for claim in run)
        left.extend(claim for claim in run if claim.lane in stuck)
        run = [claim for claim in run if claim.lane not in stuck]
        if not run:
            continue
        has_tried = True
        if len(run) > 1:
            outcome = _handle_together(run)
            if outcome == "done":
                done += len(run)
            elif outcome == "postponed":
                stuck.update(claim.lane for claim in run)
            else:
                # However long that took, go on until one is settled: else the same would be claimed and fail for ever.
                has_tried = False
                runs.extendleft([run[len(run) // 2 :], run[: len(run) // 2]])
        elif _handle(run[0]):
            done += 1
        else:
            stuck.add(run[0].lane)
    settling.release(claims=left)
    _count(left, "released")
    return done


def _runs(batch: Sequence[Claim]) -> Iterator[list[Claim]]:
    """Yield the batch in pieces to be handled at once: up to a hundred for one batch handler, else one; what failed before is alone."""
    for _, together in groupby(batch, key=_who_takes_it):
        alike = list(together)
        yield from (alike[start : start + _TOGETHER] for start in range(0, len(alike), _TOGETHER))


def _who_takes_it(claim: Claim) -> object:
    if claim.attempts:
        return claim.id
    return routing.forward_target(claim.lane[0]) or registry.batch_handler(subscriber=claim.lane[0], name=claim.event.type) or claim.id


def _handle_together(run: Sequence[Claim]) -> DeliveryOutcome:
    """Handle deliveries in one transaction; say what became of them. Where anything fails none is done, and nobody is blamed."""
    subscriber, began_ns = run[0].lane[0], time.time_ns()
    try:
        with metrics.handle_time(subscriber=subscriber):
            _do_together(run)
    except LogUnreachableError as away:
        settling.postpone_all(claims=run, after_s=away.after_s, reason=str(away))
        _count(run, "postponed")
        return "postponed"
    except Exception as failure:  # noqa: BLE001  # whoever is to blame is alone in the end, and answers for itself
        kind = type(failure).__name__
        logger.info("%s could not handle %d deliveries together, now half of them: %s: %s", subscriber, len(run), kind, failure)
        return "retried"
    _count(run, "done")
    for claim in run:
        spans.record_span(
            name=_span_name(claim), trace=_story(claim), began_ns=began_ns, attributes={**_facts(claim), "bus.together": len(run)}
        )
    return "done"


def _do_together(run: Sequence[Claim]) -> None:
    if routing.forward_target(run[0].lane[0]):
        forwarding.forward(claims=run)
        return
    events = [log.read(claim.event).event for claim in run]
    with transaction.atomic(using=run[0].using):
        registry.send(subscriber=run[0].lane[0], name=run[0].event.type, events=events)
        settling.acknowledge(claims=run)


def _handle(claim: Claim) -> bool:
    """Handle one delivery and settle it; say whether it is done. Only a database that cannot be reached lets this raise."""
    with spans.root_span(_span_name(claim), kind="consumer", trace=_story(claim), attributes=_facts(claim)) as span:
        outcome = _settled(claim)
        spans.annotate(span, attributes={"bus.outcome": outcome}, failed=outcome in {"retried", "dead", "lease_lost"})
    _count([claim], outcome)
    return outcome == "done"


def _settled(claim: Claim) -> DeliveryOutcome:
    try:
        _call(claim)
    except LeaseLostError:
        logger.warning("lease of delivery %s (%s) lost to another worker; rolled back", claim.id, claim.event)
        return "lease_lost"
    except Retry as wish:
        logger.info("%s puts off %s for %.1f s: %s", claim.lane[0], claim.event, wish.after_s, wish)
        settling.postpone(claim=claim, after_s=wish.after_s, reason=str(wish))
        return "postponed"
    except (Reject, UndecodableError) as refusal:
        logger.error("%s can never handle %s: %s; dead, as delivery %s", claim.lane[0], claim.event, refusal, claim.id)  # noqa: TRY400
        settling.dead_letter(claim=claim, error=_told(refusal))
        return "dead"
    except Exception as failure:  # noqa: BLE001  # whatever a handler raises is that delivery's failure, and no other's
        return _record_failure(claim, failure)
    return "done"


def _call(claim: Claim) -> None:
    if claim.lease_expired and claim.attempts >= settling.MAX_ATTEMPTS:
        raise Reject(f"the worker died or hung {claim.attempts} times with this in hand")
    subscriber = claim.lane[0]
    if routing.forward_target(subscriber):
        with metrics.handle_time(subscriber=subscriber):
            forwarding.forward(claims=[claim])
        return
    event = log.read(claim.event)
    with log.handling(event), metrics.handle_time(subscriber=subscriber):
        if registry.is_external(subscriber=subscriber, name=event.type):
            registry.send(subscriber=subscriber, name=event.type, events=[event.event])
            settling.acknowledge(claims=[claim])
        else:
            with transaction.atomic(using=claim.using):
                registry.send(subscriber=subscriber, name=event.type, events=[event.event])
                settling.acknowledge(claims=[claim])


def _record_failure(claim: Claim, failure: Exception) -> DeliveryOutcome:
    wait_s = _UNKNOWN_WAIT_S if isinstance(failure, UnknownEventError) else None
    is_dead = settling.fail(claim=claim, error=_told(failure), after_s=wait_s)
    then = "dead" if is_dead else "to be tried again"
    logger.error("%s failed on %s, delivery %s, %s", claim.lane[0], claim.event, claim.id, then, exc_info=failure)
    return "dead" if is_dead else "retried"


def _story(claim: Claim) -> Trace:
    return correlation.start(correlation=claim.event.correlation, traceparent=claim.event.traceparent)


def _span_name(claim: Claim) -> str:
    return f"{claim.lane[0]} hears {claim.event.type}"


def _facts(claim: Claim) -> Mapping[str, str | int]:
    return {"bus.subscriber": claim.lane[0], "bus.event.type": claim.event.type, "bus.delivery": claim.id, "bus.attempts": claim.attempts}


def _count(claims: Sequence[Claim], outcome: DeliveryOutcome) -> None:
    for subscriber, count in Counter(claim.lane[0] for claim in claims).items():
        metrics.handled(subscriber=subscriber, outcome=outcome, count=count)


def _told(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"
