"""What the database says, beside what renters were told."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from deploy.local.results import WorkloadResult

_SETTLE_S = 120.0
_LOOK_S = 0.2

_DOUBLE = """
WITH holding AS (SELECT * FROM rentals_rental WHERE state IN ('requested', 'paying', 'paid', 'refunding', 'rented'))
SELECT a.id FROM holding a JOIN holding b ON a.item_id = b.item_id AND a.id < b.id
WHERE a.starts_at < b.ends_at AND b.starts_at < a.ends_at
"""
# Timers that wait for their hour (version 0, lane of their own) are no open end.
_OPEN = """
SELECT 'rental ' || id || ': ' || state FROM rentals_rental WHERE state IN ('paying', 'refunding')
UNION ALL SELECT 'payment ' || id || ': ' || state FROM payments_payment WHERE state IN ('pending', 'unknown')
UNION ALL SELECT 'refund ' || id || ': ' || state FROM payments_refund WHERE state = 'pending'
UNION ALL SELECT 'delivery to ' || subscriber || ' in ' || lane || ', attempts ' || attempts || ': ' || error
FROM bus_delivery WHERE dead OR version > 0 OR not_before <= now()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsistencyReport:
    """What was compared: `lost` are rentals that are not there, or not as their renters were told."""

    acknowledged: int
    lost: Sequence[str]
    double_bookings: int
    unfinished: Sequence[str]

    @property
    def is_consistent(self) -> bool:
        """Say whether every promise was kept, and every story has ended."""
        return not (self.lost or self.double_bookings or self.unfinished)


def check_consistency(*, url: str, result: WorkloadResult) -> ConsistencyReport:
    """Wait until every story has come to a rest, for two minutes at most; then look for all that was promised."""
    unfinished = _open_ends_at_rest(url)
    with psycopg.connect(url) as connection:
        stands = {str(row[0]): str(row[1]) for row in connection.execute("SELECT id, state FROM rentals_rental")}
    lost = [
        f"rental {rental_id}: told {sorted(told)}, found {stands.get(rental_id)}"
        for rental_id, told in result.acknowledged.items()
        if stands.get(rental_id) not in told
    ]
    with psycopg.connect(url) as connection:
        doubles = [str(row[0]) for row in connection.execute(_DOUBLE)]
    return ConsistencyReport(acknowledged=len(result.acknowledged), lost=lost, double_bookings=len(doubles), unfinished=unfinished)


def _open_ends_at_rest(url: str) -> list[str]:
    """Return what is open still after two minutes; nothing as soon as one look finds nothing: in the next a timer may be due."""
    deadline = time.monotonic() + _SETTLE_S
    while (unfinished := _open_ends(url)) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return unfinished


def _open_ends(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [str(row[0]) for row in connection.execute(_OPEN)]
