"""The table of the breaker: how each dependency stands, for all processes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, Q
from django.db.models.functions import Now

REASON_LENGTH = 200


class State(StrEnum):
    """Whether calls go through: all, none, or a few probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit(models.Model):
    """How one dependency stands; one that has no row is closed, in generation 0. Every instant is by the database's clock.

    Each change of state begins a new generation, and names the one it ends: of several that want to change it, one does. Open: until
    `open_until`, or with none until somebody closes it. Half-open: `probes_left` may still go, `successes_due` must come back well, and
    after `probe_deadline` those that are still out are given up.
    """

    name = models.CharField(max_length=64, primary_key=True)
    state = models.CharField(max_length=16, default=State.CLOSED.value)
    generation = models.PositiveBigIntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    times_opened = models.PositiveIntegerField(default=0)
    probes_left = models.PositiveSmallIntegerField(default=0)
    successes_due = models.PositiveSmallIntegerField(default=0)
    probe_deadline = models.DateTimeField(null=True)
    reason = models.CharField(max_length=REASON_LENGTH, default="", blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        """A state that no process knows would let calls through in one and not in another."""

        db_table = "breaker_circuit"
        constraints: ClassVar = [CheckConstraint(condition=Q(state__in=[state.value for state in State]), name="breaker_circuit_state")]

    def __str__(self) -> str:
        """Return how it stands."""
        return f"{self.name}: {self.state}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitSnapshot:
    """How a dependency stood when its row was read.

    `left_s`: for how long that was to last; None where it has no end. `lasted_s`: for how long it had been so; None where it always was.
    """

    state: State = State.CLOSED
    generation: int = 0
    times_opened: int = 0
    probes_left: int = 0
    left_s: float | None = None
    lasted_s: float | None = None
    reason: str = ""
