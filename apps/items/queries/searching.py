"""Finding listed items: whatever is looked for, in any order, from any depth on, with work that does not grow with the market.

No index has every order and every word in it. So a page is looked for along the order asked for, among the next few thousand items: what is
common is found there. What is not found there is rare: all that an index finds of it is sorted. docs/adr/0036 has the figures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from apps.items.queries import density, rings, words
from apps.items.queries.rings import Ring
from apps.items.queries.shapes import INDEXED, WALKED, Shape, parameters, prepared, served_by
from gdmarket import databases

Row = Mapping[str, Any]
NEWEST = ("-registered_at", "-id")
BEST = ("rank", *NEWEST)
NEAREST = ("distance_m", "id")
_PLACE = frozenset({"latitude", "longitude", "radius_m"})
_FIRST_RING_M2 = math.pi * 150**2
_MOST_IN_RING = 2_500
_FEW = 500


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
        shape = Shape(filters=frozenset(self.values), words=len(self.words), order=tuple(order), is_after=after is not None, how="index")
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
        if shape.how == "sort" and shape.words:
            values["words"] = self.in_index(rank=shape.rank)
        return prepared(shape).all(limit=limit, **{name: value for name, value in values.items() if name in parameters(shape)})

    def in_index(self, *, rank: int | None) -> list[str]:
        """Return what the index of words is asked for; for rank 0 the words in names."""
        return [words.IN_NAME + word for word in self.words] if rank == 0 else list(self.words)

    def is_rare(self, *, rank: int | None = None) -> bool:
        """Return whether the index finds the words in so few items that they can be sorted."""
        using = databases.alias_for("items")
        return bool(self.words) and words.exists(using) and words.count(self.in_index(rank=rank), most=WALKED + 1, using=using) <= WALKED

    def _fetch(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Look along the order, or among all that are near, or that have the words, where these are few."""
        if shape.is_near:
            ring = Ring.whole(self.values)
            is_whole = density.recall(self.values) == density.WHOLE
            if is_whole or rings.count(ring, most=WALKED + 1, using=databases.alias_for("items")) <= WALKED:
                return self.run(replace(shape, how="ring"), after=after, limit=limit, **ring.given())
        if not shape.words and shape.filters & INDEXED <= served_by(shape.order):
            return self.run(shape, after=after, limit=limit)
        if words.is_counted_quickly(self.words) and shape.words:
            return self.run(replace(shape, how="sort" if self.is_rare(rank=shape.rank) else "index"), after=after, limit=limit)
        found = self.run(replace(shape, how="walk"), after=after, limit=limit)
        if len(found) == limit:
            return found
        return self.run(replace(shape, how="sort" if self.is_rare(rank=shape.rank) else "index"), after=after, limit=limit)

    def _fetch_ranked(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Look for those with all words in their name first, then for the others; all at once where they are few."""
        ranks = (0, 1) if shape.order[0] == "rank" else (1, 0)
        found: list[Row] = []
        is_rare = self.is_rare() if words.is_counted_quickly(self.words) else None
        for rank in ranks:
            if after is not None and ranks.index(rank) < ranks.index(after[0]):
                continue
            keys = after[1:] if after is not None and after[0] == rank else None
            part = replace(shape, order=shape.order[1:], rank=rank, is_after=keys is not None)
            if is_rare is None:
                walked = self.run(replace(part, how="walk"), after=keys, limit=limit - len(found))
                if len(found) + len(walked) == limit:
                    return [*found, *walked]
                is_rare = self.is_rare()
            if is_rare:
                return self.run(replace(shape, how="sort"), after=after, limit=limit)
            found += self._fetch(part, after=keys, limit=limit - len(found))
            if len(found) == limit:
                break
        return found

    def _fetch_near(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Look in the ring that had a page a minute ago, or in one after another."""
        shape, known = replace(shape, how="ring"), self._known_area()
        if known == density.WHOLE:
            return self.run(shape, after=after, limit=limit, **Ring.whole(self.values).given())
        is_first = after is None and shape.order[0] == "distance_m" and not (shape.words or shape.filters - _PLACE)
        if known and is_first:
            ring = Ring.beside(self.values, start_m=0, area=known, is_outward=True)
            found = self.run(shape, after=None, limit=limit, **ring.given())
            if len(found) == limit:
                return found
        found, reached_m = self._fetch_by_rings(shape, after=after, limit=limit)
        if is_first and len(found) == limit:
            density.remember(self.values, math.pi * reached_m**2)
        return found

    def _fetch_by_rings(self, shape: Shape, *, after: Sequence[Any] | None, limit: int) -> tuple[list[Row], int]:
        """Look in one ring after another, outwards or inwards; at all at once where what is looked for turns out to be rare.

        Returns also how far the last ring reached.
        """
        is_outward, radius_m = not shape.order[0].startswith("-"), self.values["radius_m"]
        start_m = after[0] if after is not None else 0 if is_outward else radius_m
        # Far away a ring of that area is a hair's breadth, and crosses as many bands of the index as a wide one.
        area = _FIRST_RING_M2 + 2 * math.pi * start_m**2 / 1_000
        is_rare = None if shape.words or shape.filters - _PLACE else False
        found, seen, reached_m, is_loose = list[Row](), 0, 0, is_rare is None
        while len(found) < limit and 0 <= start_m <= radius_m:
            ring = Ring.beside(self.values, start_m=start_m, area=area, is_outward=is_outward)
            inside = rings.count(ring, most=_MOST_IN_RING + 1, using=databases.alias_for("items"))
            if inside > _MOST_IN_RING and ring.inner_m < ring.outer_m:
                area /= 8
                continue
            if inside:
                found += self.run(shape, after=after, limit=limit - len(found), **ring.given())
            seen, reached_m = seen + inside, ring.outer_m
            # How many items must be looked at to find the rest, going by those so far.
            ahead = (limit - len(found)) * (seen / max(len(found), 0.5) if is_loose else 1)
            if is_rare is None and ahead > _MOST_IN_RING:
                is_rare = self.is_rare() if shape.words else self._are_few(shape)
                if is_rare:
                    return self.run(replace(shape, how="sort"), after=after, limit=limit), reached_m
            wish = min(max(1.5 * ahead, 50), 0.7 * _MOST_IN_RING)
            area = ring.area * (wish / inside if inside else 64)
            start_m = ring.outer_m + 1 if is_outward else ring.inner_m - 1
        return found, reached_m

    def _known_area(self) -> float | None:
        """Return how large a ring has a page, where that is known, or the whole where there is little in it."""
        known = density.recall(self.values)
        if known is None:
            inside = rings.count(Ring.whole(self.values), most=_FEW + 1, using=databases.alias_for("items"))
            if inside <= _FEW:
                density.remember(self.values, density.WHOLE)
                return density.WHOLE
        return known

    def _are_few(self, shape: Shape) -> bool:
        """Return whether the category and the price alone leave so few items that they can be sorted."""
        few = replace(shape, how="count", filters=shape.filters & INDEXED, order=(), is_after=False)
        return bool(few.filters) and len(self.run(few, after=None, limit=_MOST_IN_RING + 1)) <= _MOST_IN_RING
