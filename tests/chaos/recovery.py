"""How long the deliveries of a killed process wait."""

from dataclasses import dataclass, field
from uuid import UUID

from gdmarket.bus.models import Delivery

# The low bits of a token; above them stands its process's birth.
TAG_BITS = 96


@dataclass(kw_only=True, slots=True)
class Recovery:
    """One killed process: what it had leased, and how many seconds after its death that was taken over.

    `resumed_s` is when the last of its lanes went on, `done_s` when the last of its deliveries was leased by another.
    """

    birth: int
    role: str
    died_at: float
    leased: int = 0
    lanes: int = 0
    resumed_s: float | None = None
    done_s: float | None = None
    heads: set[int] = field(default_factory=set)


class Recoveries:
    """All killed processes, watched until nothing of theirs is left."""

    def __init__(self) -> None:
        self.known: list[Recovery] = []

    def begin(self, *, birth: int, role: str, now: float) -> None:
        """Note what a process that has just died had leased."""
        recovery = Recovery(birth=birth, role=role, died_at=now)
        heads: dict[tuple[str, str], int] = {}
        for pk, subscriber, lane in Delivery.objects.filter(**_held_by(birth)).order_by("version").values_list("id", "subscriber", "lane"):
            heads.setdefault((subscriber, lane), pk)
            recovery.leased += 1
        recovery.heads, recovery.lanes = set(heads.values()), len(heads)
        self.known.append(recovery)

    def look(self, *, now: float) -> None:
        """See what is still leased by the dead."""
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
