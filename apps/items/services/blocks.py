"""Items' copy of the periods that managers block."""

from apps.items.models import BlockedPeriod
from apps.rentals.contracts import BlockSnapshot
from gdmarket import databases
from gdmarket.prepared_writes import PreparedInsert

_UPSERT = PreparedInsert(BlockedPeriod, newer_by="version")


def record_block(*, block: BlockSnapshot, is_lifted: bool) -> None:
    """Record a block, or that it was lifted; a version that is not newer changes nothing."""
    row = BlockedPeriod(
        block_id=block.block_id,
        item_id=block.item_id,
        starts_at=block.starts_at,
        ends_at=block.ends_at,
        is_lifted=is_lifted,
        version=block.version,
    )
    with databases.transaction_for("items"):
        _UPSERT.run(row)
