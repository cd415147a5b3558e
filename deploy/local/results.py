"""What came of a load, and what renters were told of their rentals."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_EXAMPLES = 10


@dataclass(kw_only=True, slots=True)
class WorkloadResult:
    """Requests by kind; those that were answered otherwise than they had to be, or not at all; and every promise that was made."""

    sent: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    # The states in which a rental may be found, by what its renter was told and has asked since. One whose request was never answered may
    # be there or not: it was promised to nobody, and is not in here.
    acknowledged: dict[str, set[str]] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """All of them."""
        return self.sent.total()

    @property
    def failed(self) -> int:
        """Those that went wrong."""
        return self.lost.total()

    @property
    def share(self) -> float:
        """How many of a hundred went well; rounded down, so that 100 means all."""
        return 100 * (self.requests - self.failed) / self.requests if self.requests else 0.0

    def record(self, *, kind: str, went_well: bool, told: str, latency_ms: float) -> None:
        """Count one request."""
        self.sent[kind] += 1
        self.latencies_ms.append(latency_ms)
        if not went_well:
            self.lost[kind] += 1
            if len(self.examples) < _EXAMPLES:
                self.examples.append(f"{kind}: {told}")

    def acknowledge(self, rental: Mapping[str, Any]) -> None:
        """Note the state of a rental that a renter was told."""
        self.acknowledged[str(rental["id"])] = _FROM[rental["state"]].copy()

    def mark_unknown(self, rental_id: str) -> None:
        """Note that a renter asked for a change and was not told what came of it."""
        self.acknowledged[rental_id] |= _UNSURE


# What each state may become while nobody asks for anything: unpaid requests expire, refunds are made.
_FROM = {
    "requested": {"requested", "expired"},
    "paid": {"paid"},
    "refunding": {"refunding", "cancelled"},
    "cancelled": {"cancelled"},
}
_UNSURE = {"requested", "paid", "refunding", "cancelled", "expired"}
