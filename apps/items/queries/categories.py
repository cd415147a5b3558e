"""Categories: those there are to choose from, and which one a text means."""

from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet, TextField

from apps.items import domain
from apps.items.errors import UnknownCategoryError
from apps.items.models import Category, CategoryName, Item
from gdmarket import text
from gdmarket.prepared import Param, Prepared

CACHED_S = 10.0
"""For how long a process knows what a text means without asking again. A key never changes, so that only names and states are late."""
_MAX_CACHED = 1_000


class CategoryRef(NamedTuple):
    """What a text means: the category's key, its Korean name, and whether it can be chosen."""

    key: str
    name: str
    is_active: bool


_NAMED: Any = CategoryName.objects.filter(folded=Param("folded", TextField()))
_MEANING: Prepared[tuple[str, str, bool]] = Prepared(_NAMED.values_list("category_id", "category__name_ko", "category__is_active"))
_cache: dict[str, tuple[float, CategoryRef | None]] = {}


def list_categories() -> QuerySet[Category]:
    """List the categories that can be chosen, in the operators' order."""
    return Category.objects.filter(is_active=True).order_by("position", "name_ko", "key")


def list_names() -> dict[str, str]:
    """Return the names of all categories, in the reader's language, by their keys."""
    return {category.key: str(category) for category in Category.objects.all()}


def list_keys_of_items(*, manager_id: UUID, limit: int) -> dict[UUID, str]:
    """Return the keys of the categories of up to `limit` items of a manager, the newest, withdrawn ones among them."""
    items = Item.objects.filter(manager_id=manager_id).order_by("-id").values_list("id", "category_key", "category")[:limit]
    return {item_id: key or text.folded(text=category) for item_id, key, category in items}


def get_category(*, category: str) -> CategoryRef:
    """Return the category that a text means, by its key or any of its names, however it is written.

    :raises UnknownCategoryError: if there is none, or it cannot be chosen
    """
    folded = text.folded(text=category)
    found = _recall(folded)
    if found is None or not found.is_active:
        found = _ask(folded)  # it may have been made, or activated, a moment ago
    if found is None or not found.is_active:
        raise UnknownCategoryError
    return found


def key_of(*, category: str) -> str:
    """Return the key of the category that a text means; of no category, the folded text, which items of the version before may have."""
    folded = text.folded(text=category)
    found = _find(folded)
    return folded if found is None else found.key


def clear_cache() -> None:
    """Ask again what texts mean: categories have changed."""
    _cache.clear()


def is_full() -> bool:
    """Whether no more categories can be made choosable."""
    return Category.objects.filter(is_active=True).count() >= domain.MAX_ACTIVE_CATEGORIES


def _find(folded: str) -> CategoryRef | None:
    until, found = _cache.get(folded, (0.0, None))
    return found if monotonic() < until else _ask(folded)


def _recall(folded: str) -> CategoryRef | None:
    until, found = _cache.get(folded, (0.0, None))
    return found if monotonic() < until else None


def _ask(folded: str) -> CategoryRef | None:
    row = _MEANING.first(folded=folded)
    found = None if row is None else CategoryRef(*row)
    if len(_cache) >= _MAX_CACHED:
        _cache.clear()
    _cache[folded] = (monotonic() + CACHED_S, found)
    return found
