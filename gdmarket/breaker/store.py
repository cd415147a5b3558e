"""Reads and writes of the breaker's rows: one statement each, by the database's clock. No row stays locked during a call.

A write is conditional on the generation it was decided in, so that one of two concurrent writes does nothing; it returns whether it changed
the row.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import CharField, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from gdmarket.breaker import declared, metrics
from gdmarket.breaker.errors import NoSuchDependencyError
from gdmarket.breaker.models import REASON_LENGTH, Circuit, CircuitSnapshot, State
from gdmarket.prepared import Param, Prepared

_log = logging.getLogger(__name__)
_LEFT = ExpressionWrapper(Coalesce("open_until", "probe_deadline") - Now(), output_field=DurationField())
_LASTED = ExpressionWrapper(Now() - F("changed_at"), output_field=DurationField())


def _columns_of(rows: QuerySet[Circuit]) -> QuerySet[Circuit, Any]:
    of_row = ("name", "state", "generation", "times_opened", "probes_left", "left", "lasted", "reason")
    return rows.annotate(left=_LEFT, lasted=_LASTED).values_list(*of_row)


_NAMED = Prepared(_columns_of(Circuit.objects.filter(name=Param("name", CharField()))))


def list_circuits() -> dict[str, CircuitSnapshot]:
    """Return every dependency that is declared or has a row, by name, in order."""
    return dict(sorted((dict.fromkeys(declared(), CircuitSnapshot()) | _snapshots(_columns_of(Circuit.objects.all()))).items()))


def read(*, name: str) -> CircuitSnapshot:
    """Return the state of a dependency."""
    return _snapshots(_NAMED.all(name=name)).get(name, CircuitSnapshot())


def open_circuit(*, name: str, generation: int, for_s: float, reason: str) -> bool:
    """Open for `for_s` seconds."""
    if generation == 0:
        _create_row(name)
    changes = _opened(for_s=for_s, reason=reason) | {"times_opened": F("times_opened") + 1}
    return _transition(name, _at(name, generation), changes, reason=f"{reason}, for {for_s:.1f} s")


def begin_probing(*, name: str, generation: int, probes: int, deadline_s: float, reason: str) -> bool:
    """Become half-open with `probes` probes, the first of them the caller's, if the open period or the last probes' deadline is over."""
    is_over = Q(state=State.OPEN, open_until__lte=Now()) | Q(state=State.HALF_OPEN, probe_deadline__lte=Now())
    changes = {
        "state": State.HALF_OPEN,
        "open_until": None,
        "probes_left": probes - 1,
        "successes_due": probes,
        "probe_deadline": Now() + timedelta(seconds=deadline_s),
    }
    return _transition(name, _at(name, generation).filter(is_over), changes, reason=reason)


def take_permit(*, name: str, generation: int, deadline_s: float) -> bool:
    """Take a probe's permit if one is left; the probes then have `deadline_s` seconds from now."""
    probing = _at(name, generation).filter(state=State.HALF_OPEN, probes_left__gt=0)
    return probing.update(probes_left=F("probes_left") - 1, probe_deadline=Now() + timedelta(seconds=deadline_s)) == 1


def take_spare_permit(*, name: str, generation: int) -> bool:
    """Take a permit, but not the last, which is for a call that counts; the deadline does not change."""
    probing = _at(name, generation).filter(state=State.HALF_OPEN, probes_left__gt=1)
    return probing.update(probes_left=F("probes_left") - 1) == 1


def give_back_permit(*, name: str, generation: int) -> bool:
    """Give back the permit of a probe that decided nothing."""
    return _at(name, generation).filter(state=State.HALF_OPEN).update(probes_left=F("probes_left") + 1) == 1


def count_success(*, name: str, generation: int, reason: str) -> bool:
    """Count a probe that succeeded, and close with the last one that was due; return whether this closed it."""
    probing = _at(name, generation).filter(state=State.HALF_OPEN)
    probing.filter(successes_due__gt=0).update(successes_due=F("successes_due") - 1)
    return _transition(name, probing.filter(successes_due=0), _closed(reason=reason), reason=reason)


def open_by_hand(*, name: str, for_s: float | None, reason: str) -> None:
    """Open for `for_s` seconds from now, or with None until it is closed, whatever the state is.

    :raises NoSuchDependencyError: if no dependency has this name
    """
    _check_known(name)
    _create_row(name)
    _transition(name, Circuit.objects.filter(name=name), _opened(for_s=for_s, reason=reason), reason=reason)


def close_by_hand(*, name: str, reason: str) -> bool:
    """Close and reset the backoff; return False if it was closed already.

    :raises NoSuchDependencyError: if no dependency has this name
    """
    _check_known(name)
    return _transition(name, Circuit.objects.filter(name=name).exclude(state=State.CLOSED), _closed(reason=reason), reason=reason)


def _check_known(name: str) -> None:
    known = list_circuits()
    if name not in known:
        raise NoSuchDependencyError(dependency=name, known=", ".join(known) or "-")


def _create_row(name: str) -> None:
    Circuit.objects.bulk_create([Circuit(name=name)], ignore_conflicts=True)


def _opened(*, for_s: float | None, reason: str) -> dict[str, Any]:
    until = None if for_s is None else Now() + timedelta(seconds=for_s)
    return _without_probes(State.OPEN, reason=reason) | {"open_until": until}


def _closed(*, reason: str) -> dict[str, Any]:
    return _without_probes(State.CLOSED, reason=reason) | {"open_until": None, "times_opened": 0}


def _without_probes(state: State, *, reason: str) -> dict[str, Any]:
    return {"state": state, "probes_left": 0, "successes_due": 0, "probe_deadline": None, "reason": reason[:REASON_LENGTH]}


def _transition(name: str, rows: QuerySet[Circuit], changes: dict[str, Any], *, reason: str) -> bool:
    """Begin a new generation, and log and count the transition if it happened."""
    if not rows.update(**changes, generation=F("generation") + 1, changed_at=Now()):
        return False
    state: State = changes["state"]
    metrics.TRANSITIONS.labels(name, state.value).inc()
    _log.warning("breaker %s: %s: %s", name, state.value, reason)
    return True


def _at(name: str, generation: int) -> QuerySet[Circuit]:
    return Circuit.objects.filter(name=name, generation=generation)


def _snapshots(found: Iterable[Any]) -> dict[str, CircuitSnapshot]:
    return {
        name: CircuitSnapshot(
            state=State(state),
            generation=generation,
            times_opened=times_opened,
            probes_left=probes_left,
            left_s=None if left is None else max(0.0, left.total_seconds()),
            lasted_s=None if generation == 0 else max(0.0, lasted.total_seconds()),
            reason=reason,
        )
        for name, state, generation, times_opened, probes_left, left, lasted, reason in found
    }
