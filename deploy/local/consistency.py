"""Compares the database with what was acknowledged to renters."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from deploy.local.workload import WorkloadResult

_SETTLE_S = 120.0

_DOUBLE = """
WITH holding AS (SELECT * FROM rentals_rental WHERE state IN ('requested', 'paying', 'paid', 'refunding', 'rented', 'no_show'))
SELECT a.id FROM holding a JOIN holding b ON a.item_id = b.item_id AND a.id < b.id
WHERE a.starts_at < b.ends_at AND b.starts_at < a.ends_at
"""
# Timers that are not due (version 0, a lane of their own) are not unfinished.
_UNFINISHED = """
SELECT 'rental ' || id || ': ' || state FROM rentals_rental WHERE state IN ('paying', 'refunding')
UNION ALL SELECT 'payment ' || id || ': ' || state FROM payments_payment WHERE state IN ('pending', 'unknown')
UNION ALL SELECT 'refund ' || id || ': ' || state FROM payments_refund WHERE state = 'pending'
UNION ALL SELECT 'delivery to ' || subscriber || ' in ' || lane || ', attempts ' || attempts || ': ' || error
FROM bus_delivery WHERE dead OR version > 0 OR not_before <= now()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsistencyReport:
    """The comparison: `lost` are rentals that are missing or in another state than acknowledged."""

    acknowledged: int
    lost: Sequence[str]
    double_bookings: int
    unfinished: Sequence[str]

    @property
    def is_consistent(self) -> bool:
        """Say whether nothing was lost or booked twice, and everything has finished."""
        return not (self.lost or self.double_bookings or self.unfinished)

    @property
    def examples(self) -> list[str]:
        """A few of what is lost or unfinished."""
        return [*self.lost[:5], *self.unfinished[:5]]

    def figures(self, result: WorkloadResult) -> dict[str, int]:
        """Return the figures of a load and of this comparison by their names."""
        return {
            "requests": result.requests,
            "failed requests": result.failed,
            "acknowledged rentals": self.acknowledged,
            "of them lost": len(self.lost),
            "double bookings": self.double_bookings,
            "unfinished": len(self.unfinished),
        }


def check_consistency(*, url: str, result: WorkloadResult) -> ConsistencyReport:
    """Wait until nothing is in progress, for two minutes at most; then compare."""
    with psycopg.connect(url, autocommit=True) as connection:

        def column(sql: str) -> list[str]:
            return [str(row[0]) for row in connection.execute(sql)]

        deadline = time.monotonic() + _SETTLE_S
        # One look that finds nothing is enough: by the next a timer may be due.
        while (unfinished := column(_UNFINISHED)) and time.monotonic() < deadline:
            time.sleep(0.2)
        states = {str(row[0]): str(row[1]) for row in connection.execute("SELECT id, state FROM rentals_rental")}
        double_bookings = len(column(_DOUBLE))
    lost = [
        f"rental {rental_id}: acknowledged {sorted(acknowledged)}, found {states.get(rental_id)}"
        for rental_id, acknowledged in result.acknowledged.items()
        if states.get(rental_id) not in acknowledged
    ]
    return ConsistencyReport(acknowledged=len(result.acknowledged), lost=lost, double_bookings=double_bookings, unfinished=unfinished)
