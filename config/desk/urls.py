"""The desk's own addresses, below the admin's."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from config.desk import board, income, income_files, item_preview, moved, news, system, walk_in
from gdmarket.sheets import TYPES


def patterns(protect: Callable[[Any], Any]) -> list[URLPattern]:
    """Return the patterns; `protect` lets only those in who may use the admin."""
    old = [
        pattern
        for name in moved.LISTS
        for pattern in (
            path(f"status_view/{name}/", protect(moved.list_moved), {"name": name}),
            path(f"status_view/{name}/<uuid:row_id>/change/", protect(moved.page_moved), {"name": name}),
            path(f"status_view/{name}/<uuid:row_id>/history/", protect(moved.page_moved), {"name": name}),
        )
    ]
    return [
        path("income/", protect(income.show), name="desk_income"),
        path("board/", protect(board.show), name="desk_board"),
        path("rentals/rental/walk-in/", protect(walk_in.show), name="rentals_rental_walk-in"),
        *(path(f"income/export.{kind}", protect(income_files.export), {"kind": kind}, name=f"desk_income_export_{kind}") for kind in TYPES),
        path("items/item/<uuid:item_id>/preview/", protect(item_preview.show), name="desk_item_preview"),
        path("news/", protect(news.tell), name="desk_news"),
        path("system/", protect(system.show), name="desk_system"),
        *old,
    ]
