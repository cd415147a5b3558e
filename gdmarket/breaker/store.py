"""What is read from a dependency's row and written to it: a statement each, by the database's clock. No statement waits for a call to end.

What changes a row names the generation it goes by, and says whether it did: the one that comes too late changes nothing.
"""

from datetime import timedelta
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from gdmarket.breaker.models import REASON_LENGTH, Circuit, CircuitSnapshot, State

_LEFT = ExpressionWrapper(Coalesce("open_until", "probe_deadline") - Now(), output_field=DurationField())
_LASTED = ExpressionWrapper(Now() - F("changed_at"), output_field=DurationField())
_NO_PROBES: dict[str, Any] = {"probes_left": 0, "successes_due": 0, "probe_deadline": None}


def read_all() -> dict[str, CircuitSnapshot]:
    """Return how every dependency stands that ever stood otherwise than closed, by name."""
    return _snapshots(Circuit.objects.all())


def read(*, name: str) -> CircuitSnapshot:
    """Return how a dependency stands."""
    return _snapshots(Circuit.objects.filter(name=name)).get(name, CircuitSnapshot())


def open_circuit(*, name: str, generation: int, for_s: float, reason: str) -> bool:
    """Open, for so many seconds; say whether this did it."""
    if generation == 0:
        make_row(name=name)
    opening = opened(for_s=for_s, reason=reason) | {"times_opened": F("times_opened") + 1}
    return _at(name, generation).update(**opening) == 1


def begin_probing(*, name: str, generation: int, probes: int, deadline_s: float) -> bool:
    """Let so many probes go, the first of them the caller's, if the time for it has come; say whether this did it."""
    is_over = Q(state=State.OPEN, open_until__lte=Now()) | Q(state=State.HALF_OPEN, probe_deadline__lte=Now())
    change = _transition_to(State.HALF_OPEN) | {
        "open_until": None,
        "probes_left": probes - 1,
        "successes_due": probes,
        "probe_deadline": Now() + timedelta(seconds=deadline_s),
    }
    return _at(name, generation).filter(is_over).update(**change) == 1


def take_permit(*, name: str, generation: int, deadline_s: float) -> bool:
    """Take a probe's permit, and with it the time until the deadline; say whether one was left."""
    probing = _at(name, generation).filter(state=State.HALF_OPEN, probes_left__gt=0)
    return probing.update(probes_left=F("probes_left") - 1, probe_deadline=Now() + timedelta(seconds=deadline_s)) == 1


def take_spare_permit(*, name: str, generation: int) -> bool:
    """Take a permit if another one stays for a call that counts, without prolonging the deadline; say whether this did it."""
    probing = _at(name, generation).filter(state=State.HALF_OPEN, probes_left__gt=1)
    return probing.update(probes_left=F("probes_left") - 1) == 1


def give_back_permit(*, name: str, generation: int) -> bool:
    """Let another probe go instead of one that told nothing; say whether one is wanted still."""
    return _at(name, generation).filter(state=State.HALF_OPEN).update(probes_left=F("probes_left") + 1) == 1


def count_success(*, name: str, generation: int, reason: str) -> bool:
    """Count a probe that came back well, and close with the last that was due; say whether this closed it."""
    probing = _at(name, generation).filter(state=State.HALF_OPEN)
    probing.filter(successes_due__gt=0).update(successes_due=F("successes_due") - 1)
    return probing.filter(successes_due=0).update(**closed(reason=reason)) == 1


def make_row(*, name: str) -> None:
    """Let a dependency have a row; where it has one, nothing is changed."""
    Circuit.objects.bulk_create([Circuit(name=name)], ignore_conflicts=True)


def opened(*, for_s: float | None, reason: str) -> dict[str, Any]:
    """Return what a row says that is open from now on, for so many seconds or, with None, until somebody closes it."""
    until = None if for_s is None else Now() + timedelta(seconds=for_s)
    return _transition_to(State.OPEN) | _NO_PROBES | {"open_until": until, "reason": reason[:REASON_LENGTH]}


def closed(*, reason: str) -> dict[str, Any]:
    """Return what a row says that is closed from now on; the past is forgotten."""
    return _transition_to(State.CLOSED) | _NO_PROBES | {"open_until": None, "times_opened": 0, "reason": reason[:REASON_LENGTH]}


def _transition_to(state: State) -> dict[str, Any]:
    return {"state": state, "generation": F("generation") + 1, "changed_at": Now()}


def _at(name: str, generation: int) -> QuerySet[Circuit]:
    return Circuit.objects.filter(name=name, generation=generation)


def _snapshots(rows: QuerySet[Circuit]) -> dict[str, CircuitSnapshot]:
    found = rows.annotate(left=_LEFT, lasted=_LASTED).values_list(
        "name", "state", "generation", "times_opened", "probes_left", "left", "lasted", "reason"
    )
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
