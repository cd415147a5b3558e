"""The outcome of a campaign, and its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.chaos.verdict import Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What happened and its verdict; times in seconds.

    `recovery` has, for each killed process that had leased anything, when its lanes went on and when all of it was taken over.
    `unexpected` are processes that ended by themselves.
    """

    database: str
    seed: int
    lease_s: int
    events: int
    effects: int
    written_s: float
    took_s: float
    counts: dict[str, int]
    recovery: dict[str, list[float]]
    verdict: Verdict
    outstanding: int
    unexpected: list[str]

    @property
    def is_clean(self) -> bool:
        """Say whether every guarantee was kept."""
        return self.verdict.is_clean and not self.outstanding and not self.unexpected


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes side by side, as lines for people."""
    columns = [_column(outcome) for outcome in outcomes]
    rows = [[label, *(column[label] for column in columns)] for label in columns[0]]
    return "\n".join(f"{label:<42}" + "".join(f"{cell:>24}" for cell in cells) for label, *cells in rows)


def _column(outcome: Outcome) -> dict[str, str]:
    verdict = outcome.verdict
    return {
        "": outcome.database,
        "events": f"{outcome.events}",
        "effects": f"{outcome.effects}",
        "seconds until written, until delivered": f"{outcome.written_s:.0f}, {outcome.took_s:.0f}",
        **{label: f"{number}" for label, number in outcome.counts.items()},
        "the lease, in seconds": f"{outcome.lease_s}",
        "lanes of the killed went on after": _times(outcome.recovery["resumed_s"]),
        "all their leases were taken over after": _times(outcome.recovery["done_s"]),
        "LOST": f"{verdict.lost}",
        "APPLIED TWICE": f"{verdict.twice}",
        "OUT OF ORDER": f"{verdict.out_of_order}",
        "state without event, event without state": f"{verdict.state_without_event}, {verdict.event_without_state}",
        "effects of nothing that was committed": f"{verdict.effect_of_nothing}",
        "outstanding; unexpected exits": f"{outcome.outstanding}; {len(outcome.unexpected)}",
    }


def _times(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.1f} s, at most {max(seconds):.1f} s" if seconds else "nothing was leased"
