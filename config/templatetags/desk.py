"""Tags that show on one context's page what another knows."""

from typing import Any
from uuid import UUID

from django.template import Library

from config.desk import timelines
from config.desk.away import read_or_none

register = Library()


@register.inclusion_tag("desk/timeline.html")
def rental_timeline(rental_id: UUID) -> dict[str, Any]:
    """Show how a rental went, and what was paid."""
    found = read_or_none(lambda: (timelines.timeline_of(rental_id=rental_id),))
    return {"is_away": found is None, "timeline": found and found[0]}


@register.inclusion_tag("desk/item_rentals.html")
def item_rentals(item_id: UUID) -> dict[str, Any]:
    """Show an item's newest rentals."""
    rentals = read_or_none(lambda: timelines.rentals_of(item_id=item_id))
    return {"is_away": rentals is None, "rentals": rentals}
