"""The outcome of a campaign on payments, and its table."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct


class Verdict(Struct, kw_only=True):
    """How often each guarantee was broken, how much the ledger is off, and totals; sums in won."""

    broken: dict[str, int]
    ledger_difference: int
    ledger_imbalance: int
    held: int
    charges: int
    refunds: int
    rentals: dict[str, int]
    payments: dict[str, int]
    examples: list[str]

    @property
    def is_clean(self) -> bool:
        """Say whether every guarantee was kept."""
        return not self.broken and self.ledger_difference == 0 and self.ledger_imbalance == 0


class Outcome(Struct, kw_only=True):
    """The outcome; durations in seconds. `unknown` is the number of unsettled payments before the first and after each reconciliation."""

    database: str
    seed: int
    took_s: float
    counts: dict[str, int]
    unknown: list[int]
    last_reconciliation: dict[str, Any]
    verdict: Verdict
    unexpected: list[str]

    @property
    def is_clean(self) -> bool:
        """Say whether every guarantee was kept, nothing was unknown after two reconciliations, and no process ended unexpectedly."""
        return (
            self.verdict.is_clean
            and self.unknown[-1] == 0
            and set(self.last_reconciliation["counts"]) == {"agrees"}
            and not self.unexpected
        )


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the campaigns side by side."""
    rows: dict[str, list[object]] = {
        "": [outcome.database for outcome in outcomes],
        "rentals": [sum(outcome.verdict.rentals.values()) for outcome in outcomes],
        "payments": [sum(outcome.verdict.payments.values()) for outcome in outcomes],
        "charges in the provider's records": [outcome.verdict.charges for outcome in outcomes],
        "refunds": [outcome.verdict.refunds for outcome in outcomes],
        "won held by the provider": [f"{outcome.verdict.held:,}" for outcome in outcomes],
        "took (s)": [outcome.took_s for outcome in outcomes],
    }
    for count in sorted({count for outcome in outcomes for count in outcome.counts}):
        rows[count] = [outcome.counts.get(count, 0) for outcome in outcomes]
    rows["unsettled before, after one, after two reconciliations"] = [" / ".join(map(str, outcome.unknown)) for outcome in outcomes]
    rows["ledger less provider (won)"] = [-outcome.verdict.ledger_difference for outcome in outcomes]
    rows["guarantees broken"] = [sum(outcome.verdict.broken.values()) for outcome in outcomes]
    rows["verdict"] = ["clean" if outcome.is_clean else "BROKEN" for outcome in outcomes]
    return "\n".join(f"{name:<58}" + "".join(f"{value!s:>16}" for value in values) for name, values in rows.items())
