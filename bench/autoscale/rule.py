"""The rule of Kubernetes' Horizontal Pod Autoscaler, as far as it goes by CPU.

Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/, "Algorithm details", "Stabilization window"
and "Scaling policies".
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

TOLERANCE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """What is aimed at: how many percent of its request a replica uses on average, and how far it may go.

    Times in seconds. Kubernetes looks every 15, and waits 300 before it takes replicas away; here both are scaled down, to see it all in
    four minutes. It adds at most as many replicas as there are, or four where those are more, in a period of 15.
    """

    percent: int
    least: int = 1
    most: int = 10
    sync_s: float = 5.0
    stable_down_s: float = 30.0
    added_at_once: int = 4


@dataclass(slots=True)
class Rule:
    """Says how many replicas there shall be; remembers what it said, so that one quiet moment takes none away."""

    aim: Aim
    _said: deque[tuple[float, int]] = field(default_factory=deque)

    def replicas(self, *, now_s: float, current: int, utilisations: Sequence[float]) -> int:
        """Return the wanted number, for `current` replicas of which these are ready and use so much of their request.

        Those that are not ready yet count as using nothing, and can only hold back.
        """
        wanted = self._wanted(current, utilisations)
        self._said.append((now_s, wanted))
        while self._said[0][0] < now_s - self.aim.stable_down_s:
            self._said.popleft()
        wanted = max(wanted, min(current, max(said for _, said in self._said)))
        ceiling = max(2 * current, current + self.aim.added_at_once)
        return max(self.aim.least, min(wanted, ceiling, self.aim.most))

    def _wanted(self, current: int, utilisations: Sequence[float]) -> int:
        """Return `ceil(current × usage / aim)`, or `current` where that is within the tolerance."""
        if not utilisations:
            return current
        ready = len(utilisations)
        ratio = self._ratio(utilisations, ready)
        if ratio > 1 and ready < current:
            ratio, ready = max(1.0, self._ratio(utilisations, current)), current
        return current if abs(ratio - 1) <= TOLERANCE else math.ceil(ready * ratio)

    def _ratio(self, utilisations: Sequence[float], replicas: int) -> float:
        # In whole percent, as there; what floats lose on the way does not count.
        return int(100 * sum(utilisations) / replicas + 1e-6) / self.aim.percent
