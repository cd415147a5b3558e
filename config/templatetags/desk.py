"""Tags that show on one context's page what another knows."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import Error
from django.template import Library

from apps.status_view import admin as status_view

register = Library()


@register.inclusion_tag("desk/story.html")
def rental_story(rental_id: UUID) -> dict[str, Any]:
    """Show how a rental went, and what was paid."""
    story = None
    with suppress(Error):  # the page is of use while the view's database is away
        story = status_view.story_of(rental_id=rental_id)
    return {"story": story}


@register.inclusion_tag("desk/item_rentals.html")
def item_rentals(item_id: UUID) -> dict[str, Any]:
    """Show an item's newest rentals."""
    rentals: list[status_view.PastRental] = []
    with suppress(Error):
        rentals = status_view.rentals_of(item_id=item_id)
    return {"rentals": rentals}
