"""Finding listed items: whatever is looked for, in any order, from any depth on.

No index has every order and every word in it. So a page is looked for along the order asked for, among the next few thousand items: what is
common is found there. What is not found there is mostly rare: all that an index finds of it is sorted. Neither costs more in a larger
market. What is neither does: common words, free days or availability that together leave little are found by reading on, in one statement,
up to all items. docs/adr/0036 has the figures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.items.queries import density, rings, shapes, words
from apps.items.queries.rings import Ring
from apps.items.queries.shapes import INDEXED, Shape, prepared, served_by
from gdmarket import databases

Row = Mapping[str, Any]
NEWEST = ("-registered_at", "-id")
BEST = ("rank", *NEWEST)
NEAREST = ("distance_m", "id")
_PLACE = frozenset({"latitude", "longitude", "radius_m"})
_FIRST_RING_M2 = math.pi * 150**2
MAX_IN_RING = 2_500
MAX_RINGS = 12
MAX_READ_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What is looked for among the listed items: `values` of filters by their names, and words, folded.

    The filters are category_key, daily_price, availability, free_from with free_to and now, and latitude with longitude and radius_m.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    words: Sequence[str] = ()
    finds_nothing: bool = False

    def fetch(self, *, order: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Return the first items in an order, of those after the one with the keys `after`."""
        if self.finds_nothing:
            return []
        shape = Shape(
            filters=frozenset(self.values), words=len(self.words), order=tuple(order), is_after=after is not None, plan="scan_index"
        )
        if order[0].removeprefix("-") == "distance_m":
            return self._fetch_near(shape, after=after, limit=limit)
        if order[0].removeprefix("-") == "rank":
            return self._fetch_ranked(shape, after=after, limit=limit)
        return self._fetch(shape, after=after, limit=limit)

    def run(self, shape: Shape, *, after: Sequence[Any] | None, limit: int, **more: Any) -> list[Row]:
        """Run the prepared query of a shape."""
        names = [name.removeprefix("-") for name in shape.order]
        keys = {f"after_{name}": key for name, key in zip(names, after or (), strict=False)}
        values = {**self.values, **{f"word_{at}": word for at, word in enumerate(self.words)}, **keys, **more}
        if shape.plan == "sort_matches" and shape.words:
            values["words"] = (self.words, shape.rank)
        return prepared(shape).all_of(values, limit=limit)

    def is_rare(self, *, rank: int | None = None) -> bool:
        """Return whether the index finds the words in so few items that they can be sorted, or found so within a minute."""
        using = databases.alias_for("items")
        if not self.words or not words.exists(using):
            return False
        known = density.is_rare(self.words, rank=rank)
        if known is None:
            known = words.count(self.words, rank=rank, most=shapes.SCAN_LIMIT + 1, using=using) <= shapes.SCAN_LIMIT
            density.put_rare(self.words, rank=rank, is_rare=known)
        return known

    def is_known_rare(self, *, rank: int | None = None) -> bool:
        """Return whether the words were rare within a minute, so that nothing else need be tried first."""
        return bool(self.words and density.is_rare(self.words, rank=rank)) and words.exists(databases.alias_for("items"))

    def _fetch(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Look along the order, or among all that are near, or that have the words, where these are few."""
        if shape.is_near:
            ring = Ring.whole(self.values)
            is_whole = density.get(self.values) == density.EVERYTHING
            if is_whole or rings.count(ring, most=shapes.SCAN_LIMIT + 1, using=databases.alias_for("items")) <= shapes.SCAN_LIMIT:
                return self._in_ring(shape, ring, after=after, limit=limit)
        if not shape.words and shape.filters & INDEXED <= served_by(shape.order):
            return self.run(shape, after=after, limit=limit)
        if not (self.is_known_rare(rank=shape.rank) or (shape.words and words.is_counted_quickly(self.words))):
            found = self.run(replace(shape, plan="scan_ahead"), after=after, limit=limit)
            if len(found) == limit:
                return found
        return self._fetch_all(shape, after=after, limit=limit)

    def _fetch_all(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Sort what has the words, where that is little, or else read on along the order, however far."""
        return self.run(replace(shape, plan="sort_matches" if self.is_rare(rank=shape.rank) else "scan_index"), after=after, limit=limit)

    def _fetch_ranked(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Look for those with all words in their name first, then for the others; all at once where they are few."""
        if self.is_known_rare():
            return self.run(replace(shape, plan="sort_matches"), after=after, limit=limit)
        ranks = (0, 1) if shape.order[0] == "rank" else (1, 0)
        is_quick, is_rare = words.is_counted_quickly(self.words), None
        found: list[Row] = []
        for rank in ranks:
            if after is not None and ranks.index(rank) < ranks.index(after[0]):
                continue
            keys = after[1:] if after is not None and after[0] == rank else None
            part = replace(shape, order=shape.order[1:], rank=rank, is_after=keys is not None)
            if not (is_quick or self.is_known_rare(rank=rank)):
                walked = _joined(found, self.run(replace(part, plan="scan_ahead"), after=keys, limit=limit - len(found)))
                if len(walked) == limit:
                    return walked
            is_rare = self.is_rare() if is_rare is None else is_rare
            if is_rare:
                return self.run(replace(shape, plan="sort_matches"), after=after, limit=limit)
            found = _joined(found, self._fetch_all(part, after=keys, limit=limit - len(found)))
            if len(found) == limit:
                break
        return found

    def _fetch_near(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Look in the ring that had a page a minute ago, or in one after another; at all that has the words, where these were rare."""
        if self.is_known_rare():
            return self.run(replace(shape, plan="sort_matches"), after=after, limit=limit)
        known = self._known_area()
        if known == density.EVERYTHING:
            return self._in_ring(shape, Ring.whole(self.values), after=after, limit=limit)
        is_first = after is None and shape.order[0] == "distance_m" and not (shape.words or shape.filters - _PLACE)
        if known and is_first:
            ring = Ring.beside(self.values, start_m=0, area=known, is_outward=True)
            found = self._in_ring(shape, ring, after=None, limit=limit)
            if len(found) == limit:
                return found
        found = self._fetch_by_rings(shape, after=after, limit=limit)
        if is_first and len(found) == limit:
            density.put(self.values, 1.5 * math.pi * (found[-1]["distance_m"] + 1) ** 2)
        return found

    def _fetch_by_rings(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Look in one ring after another, outwards or inwards; at all that is left once what is looked for turns out to be rare."""
        is_outward, radius_m = not shape.order[0].startswith("-"), self.values["radius_m"]
        start_m = after[0] if after is not None else 0 if is_outward else radius_m
        # Far away a ring of that area is a hair's breadth, and crosses as many bands of the index as a wide one.
        area = _FIRST_RING_M2 + 2 * math.pi * start_m**2 / 1_000
        is_rare = None if shape.words or shape.filters - _PLACE else False
        found, seen, is_filtered = list[Row](), 0, is_rare is None
        for number in range(MAX_RINGS + 1):
            if len(found) == limit or not 0 <= start_m <= radius_m:
                break
            if number == MAX_RINGS:
                # The rest at once: it may be slow, but a statement's limit of time ends it.
                ring = Ring.beside(self.values, start_m=start_m, area=math.inf, is_outward=is_outward)
                return _joined(found, self._in_ring(shape, ring, after=after, limit=limit - len(found)))
            ring = Ring.beside(self.values, start_m=start_m, area=area, is_outward=is_outward)
            ids = rings.ids_in(ring, most=MAX_IN_RING + 1, using=databases.alias_for("items"))
            inside = len(ids)
            if inside > MAX_IN_RING and ring.inner_m < ring.outer_m:
                area /= 8
                continue
            if inside > MAX_IN_RING:
                found = _joined(found, self._in_ring(shape, ring, after=after, limit=limit - len(found)))
            elif inside:
                among = {"ids": ids, "inner_m": ring.inner_m, "outer_m": ring.outer_m}
                found = _joined(found, self.run(replace(shape, plan="among_ids"), after=after, limit=limit - len(found), **among))
            seen += inside
            # How many items must be looked at to find the rest, going by those so far.
            to_look_at = (limit - len(found)) * (seen / max(len(found), 0.5) if is_filtered else 1)
            if is_rare is None and to_look_at > MAX_IN_RING:
                is_rare = self.is_rare() or self._are_few(shape)
                if is_rare:
                    return self.run(replace(shape, plan="sort_matches"), after=after, limit=limit)
            wanted = min(max(1.5 * to_look_at, 50), 0.7 * MAX_IN_RING)
            area = ring.area * wanted / (inside + 1)
            start_m = ring.outer_m + 1 if is_outward else ring.inner_m - 1
        return found

    def _in_ring(self, shape: Shape, ring: Ring, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        return self.run(
            replace(shape, plan="within_box" if ring.box else "within_stripes"), after=after, limit=limit, **ring.query_parameters()
        )

    def _known_area(self) -> float | None:
        """Return how large a ring has a page, where that is known, or the whole where there is little in it."""
        known = density.get(self.values)
        if known is None:
            inside = rings.count(Ring.whole(self.values), most=MAX_READ_AT_ONCE + 1, using=databases.alias_for("items"))
            if inside <= MAX_READ_AT_ONCE:
                density.put(self.values, density.EVERYTHING)
                return density.EVERYTHING
        return known

    def _are_few(self, shape: Shape) -> bool:
        """Return whether the category and the price alone leave so few items that they can be sorted."""
        if shape.words and not words.exists(databases.alias_for("items")):
            return False
        few = replace(shape, words=0, plan="ids", filters=shape.filters & INDEXED, order=(), is_after=False)
        return bool(few.filters) and len(self.run(few, after=None, limit=MAX_IN_RING + 1)) <= MAX_IN_RING


def _joined(found: list[Row], more: list[Row]) -> list[Row]:
    """Return both, an item once: it may have been revised between two statements."""
    known = {row["id"] for row in found}
    return [*found, *(row for row in more if row["id"] not in known)]
