"""What came of a campaign, and how it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.chaos.verdict import Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What happened and how it is judged; times in seconds.

    `recovery` has, for each killed process that had anything in hand, when its lanes went on and when all it had was taken over.
    `mishaps` are processes that ended otherwise than told.
    """

    database: str
    seed: int
    lease_s: int
    events: int
    effects: int
    written_s: float
    took_s: float
    deeds: dict[str, int]
    recovery: dict[str, list[float]]
    verdict: Verdict
    outstanding: int
    mishaps: list[str]

    @property
    def is_clean(self) -> bool:
        """Say whether every promise was kept."""
        return self.verdict.is_clean and not self.outstanding and not self.mishaps


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
        "seconds until written, until all was heard": f"{outcome.written_s:.0f}, {outcome.took_s:.0f}",
        **{label: f"{number}" for label, number in outcome.deeds.items()},
        "the lease, in seconds": f"{outcome.lease_s}",
        "lanes of the killed went on after": _times(outcome.recovery["resumed_s"]),
        "all they had was taken over after": _times(outcome.recovery["done_s"]),
        "LOST": f"{verdict.lost}",
        "APPLIED TWICE": f"{verdict.twice}",
        "OUT OF ORDER": f"{verdict.out_of_order}",
        "state without event, event without state": f"{verdict.state_without_event}, {verdict.event_without_state}",
        "effects of nothing that was committed": f"{verdict.effect_of_nothing}",
        "still outstanding; unforeseen ends": f"{outcome.outstanding}; {len(outcome.mishaps)}",
    }


def _times(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.1f} s, at most {max(seconds):.1f} s" if seconds else "nothing was in hand"
