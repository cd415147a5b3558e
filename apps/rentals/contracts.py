"""What crosses the boundary of rentals: each public field is written once, here; facts, snapshots and the API derive from it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockSnapshot:
    """A half-open period in which an item is not rented, as its manager or an operator (`stated_by`) says; `reason` may be empty.

    `version` is 1 when it is blocked and 2 when the block is lifted.
    """

    block_id: UUID
    item_id: UUID
    manager_id: UUID
    starts_at: datetime
    ends_at: datetime
    reason: str
    stated_by: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalSnapshot:
    """A rental; `price` in minor units of `currency`; `version` grows by one with every fact.

    `overdue` is as of the moment of the query, `closed_at` when it was recorded that the rental is over. `occurred_at` is when the fact
    happened; of a rental that was asked for, the latest of the instants that it keeps, which a return that was undone is not.
    `item_version` is the version of the item that was agreed, `item_changed_at` since when the item differs from that; None: it does not.
    `cancelled_by` is the role of who cancelled or asked for it: `renter`, `manager`, `operator` or `system`. `in_cash`: the latest attempt
    to pay is cash that the manager took at the desk; None is no. A new field needs a default, for stored events lack it.
    """

    rental_id: UUID
    item_id: UUID
    item_name: str
    item_version: int | None = None
    item_changed_at: datetime | None = None
    renter_id: UUID
    manager_id: UUID
    starts_at: datetime
    ends_at: datetime
    price: int
    currency: str
    state: str
    overdue: bool
    payment_due_at: datetime
    payment_id: UUID | None
    payment_state: str | None
    cancel_requested: bool
    version: int
    requested_at: datetime
    paid_at: datetime | None
    handed_over_at: datetime | None
    returned_at: datetime | None
    closed_at: datetime | None
    occurred_at: datetime
    cancelled_by: str | None = None
    in_cash: bool | None = None
