"""The breaker's table: the state of each dependency, shared by all processes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.db.models import CheckConstraint, Q
from django.db.models.functions import Now

REASON_LENGTH = 200


class State(StrEnum):
    """Which calls go through: all, none, or a few probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit(models.Model):
    """The state of one dependency; without a row it is closed, in generation 0. Every instant is by the database's clock.

    Each transition begins a new generation and is conditional on the old one, so that one of several concurrent transitions happens. Open:
    until `open_until`; without it, until an operator closes it. Half-open: `probes_left` more probes may start and `successes_due` must
    succeed; probes still running at `probe_deadline` are given up.
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
        db_table = "breaker_circuit"
        constraints: ClassVar = [CheckConstraint(condition=Q(state__in=[state.value for state in State]), name="breaker_circuit_state")]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CircuitSnapshot:
    """A circuit when its row was read.

    `left_s`: seconds until the state ends; None if it has no end. `lasted_s`: seconds since it began; None if it never changed.
    """

    state: State = State.CLOSED
    generation: int = 0
    times_opened: int = 0
    probes_left: int = 0
    left_s: float | None = None
    lasted_s: float | None = None
    reason: str = ""
