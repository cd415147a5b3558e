"""How long the deliveries of a killed process wait."""

import time
from dataclasses import dataclass
from uuid import UUID

from gdmarket.bus.models import Delivery
from tests.chaos.processes import Worker

# The low bits of a token; above them stands its process's birth.
TAG_BITS = 96


@dataclass(kw_only=True, slots=True)
class Recovery:
    """One killed process: what it had leased, and how many seconds after its death that was taken over.

    `resumed_s` is when the last of its lanes went on, `done_s` when the last of its deliveries was leased by another.
    """

    birth: int
    died_at: float
    leased: int
    heads: set[int]
    resumed_s: float | None = None
    done_s: float | None = None


class Recoveries:
    """All killed processes, until their leases have been taken over."""

    def __init__(self) -> None:
        self.known: list[Recovery] = []

    def begin(self, worker: Worker) -> None:
        """Record what a process that has just died had leased."""
        leased = Delivery.objects.filter(**_held_by(worker.birth)).order_by("-version").values_list("subscriber", "lane", "id")
        heads = {(subscriber, lane): pk for subscriber, lane, pk in leased}  # the lowest version stays
        self.known.append(Recovery(birth=worker.birth, died_at=time.monotonic(), leased=len(leased), heads=set(heads.values())))

    def look(self, *, now: float) -> None:
        """Record which leases of the killed have been taken over."""
        for recovery in self.known:
            if recovery.done_s is not None:
                continue
            held = set(Delivery.objects.filter(**_held_by(recovery.birth)).values_list("id", flat=True))
            if recovery.resumed_s is None and not recovery.heads & held:
                recovery.resumed_s = now - recovery.died_at
            if not held:
                recovery.done_s = now - recovery.died_at

    def times(self) -> dict[str, list[float]]:
        """Return the seconds of those that had anything leased, sorted."""
        held = [recovery for recovery in self.known if recovery.leased]
        return {
            "resumed_s": sorted(round(recovery.resumed_s, 1) for recovery in held if recovery.resumed_s is not None),
            "done_s": sorted(round(recovery.done_s, 1) for recovery in held if recovery.done_s is not None),
        }


def _held_by(birth: int) -> dict[str, UUID]:
    return {"token__gte": UUID(int=birth << TAG_BITS), "token__lt": UUID(int=(birth + 1) << TAG_BITS)}
