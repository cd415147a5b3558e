"""What people write in the cells of a file of items, as the values that items have."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple
from uuid import UUID

from apps.items.errors import NearestCategoryError, PlaceNotFoundError, UnknownCategoryError
from apps.items.models import CategoryName
from apps.items.queries import places
from apps.items.queries.categories import CategoryRef
from gdmarket import text

# 12000, 12,000, ₩12,000, 12,000원 and 12000.0, but not 12.000, which is 12,000 in other countries.
# Full-width signs are made the plain ones before; a backslash is drawn as ₩ in Korean fonts.
_MONEY = re.compile(r"(?:[₩\\]|KRW)?\s*(\d{1,3}(?:,\d{3})+|\d{1,10})(?:\.0{1,2})?\s*(?:원|KRW|won)?", re.IGNORECASE)
_DEGREES = re.compile(r"-?\d{1,3}(?:\.\d{1,20})?")


def whole_amount(*, written: str) -> int | None:
    """Return a whole amount of won, or None where another thing is written, as 9000.7, 1_000 or 1만."""
    found = _MONEY.fullmatch(unicodedata.normalize("NFKC", written).strip())
    return int(found[1].replace(",", "")) if found else None


def degrees(*, written: str) -> float | None:
    """Return an angle, or None where another thing is written."""
    plain = unicodedata.normalize("NFKC", written).strip()
    return float(plain) if _DEGREES.fullmatch(plain) else None


class Choices:
    """The categories and a manager's pickup places, read once for a file of thousands of rows."""

    def __init__(self, *, manager_id: UUID) -> None:
        """Read them."""
        named = list(CategoryName.objects.values_list("folded", "category_id", "category__name_ko", "category__is_active"))
        self._categories = {folded: CategoryRef(key, name, is_active) for folded, key, name, is_active in named if is_active}
        self._category_keys = {folded: key for folded, key, _name, _is_active in named}
        self._places: dict[str, list[Place]] = {}
        for place in places.list_places(manager_id=manager_id):
            found = Place(place.id, place.name, place.latitude, place.longitude)
            self._places.setdefault(text.folded(text=place.name), []).append(found)

    def is_category(self, *, written: str, key: str | None) -> bool:
        """Return whether a text means a category, by any of its names, also where nobody can choose it any more."""
        return key is not None and self._category_keys.get(text.folded(text=written)) == key

    def category(self, *, written: str) -> CategoryRef:
        """Return the category that a text means.

        :raises NearestCategoryError: if there is none, with the one whose name is nearest
        :raises UnknownCategoryError: if none is near
        """
        folded = text.folded(text=written)
        found = self._categories.get(folded)
        if found is None:
            near = get_close_matches(folded, self._categories, n=1, cutoff=0.4)
            if not near:
                raise UnknownCategoryError
            raise NearestCategoryError(written=written[:40], nearest=self._categories[near[0]].name)
        return found

    def place(self, *, written: str) -> "Place":
        """Return the pickup place that is called so.

        :raises PlaceNotFoundError: if there is none, or more than one
        """
        found = self._places.get(text.folded(text=written), [])
        if len(found) != 1:
            raise PlaceNotFoundError
        return found[0]


class Place(NamedTuple):
    """A pickup place."""

    id: UUID
    name: str
    latitude: float
    longitude: float


def columns_of(*, headings: Sequence[str], known: Mapping[str, Collection[str]]) -> tuple[dict[str, int], list[str], str | None]:
    """Return at which position each known column stands, the headings that are not known, and one that is there twice, if any."""
    names = {text.folded(text=heading): column for column, all_of in known.items() for heading in all_of}
    found: dict[str, int] = {}
    unknown = []
    for position, heading in enumerate(headings):
        column = names.get(text.folded(text=heading))
        if column is None:
            unknown += [heading[:40]] if heading else []
        elif column in found:
            return found, unknown, heading
        else:
            found[column] = position
    return found, unknown, None
