"""The projection: what is told of items, rentals and payments becomes rows. Nothing is published."""

from collections.abc import Sequence

from apps.status_view import domain
from apps.status_view.services import generations, rows
from gdmarket import databases


def apply_facts(
    *,
    items: Sequence[domain.ItemState] = (),
    rentals: Sequence[domain.RentalState] = (),
    payments: Sequence[domain.PaymentState] = (),
) -> None:
    """Bring every generation there is up to these facts, in one transaction; each source's stand in their order."""
    item_ids = {item.item_id for item in items} | {rental.item_id for rental in rentals}
    rental_ids = {rental.rental_id for rental in rentals} | {payment.rental_id for payment in payments}
    with databases.transaction_for("status_view", savepoint=False):
        for generation in generations.list_written():
            concerned = rows.locked(generation=generation, item_ids=item_ids, rental_ids=rental_ids)
            concerned.fold(items=items, rentals=rentals, payments=payments)
            rows.save(rows=concerned, generation=generation)
