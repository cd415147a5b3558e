"""The SQL of searches: one prepared query for each shape of what is looked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.db.models import Case, CharField, DateTimeField, F, FloatField, IntegerField, Q, QuerySet, Subquery, UUIDField, Value, When
from django.db.models.functions import Coalesce, StrIndex
from django.db.models.lookups import GreaterThan, LessThan

from apps.items import queries
from apps.items.models import Item
from apps.items.queries import rings, words
from gdmarket import keyset
from gdmarket.prepared import Param, Prepared

SCAN_LIMIT = 5_000
"""How many items are looked at along an order before what is looked for counts as rare, and how many of those are sorted."""
_KEYS: Mapping[str, Any] = {
    "id": UUIDField(),
    "category_key": CharField(),
    "registered_at": DateTimeField(),
    "name": CharField(),
    "daily_price": IntegerField(),
    "distance_m": IntegerField(),
    "rank": IntegerField(),
}
INDEXED = frozenset({"category_key", "daily_price"})
"""The filters that have an index of their own, of whose rows the planner might sort all."""
RING_PLANS = frozenset({"within_box", "within_stripes", "among_ids"})
_SERVED = {"registered_at": frozenset({"category_key"}), "daily_price": frozenset({"daily_price"})}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """All of a search that its SQL differs by.

    `plan`: `scan_index`, the order's index serves it; `scan_ahead`, the next `SCAN_LIMIT` items in order; `sort_matches`, all that other
    indexes find; `within_box` and `within_stripes`, one ring around a place; `among_ids`, the items that were found in a ring; `ids`, the
    ids alone. `rank`: 0 for items that have all words in their name, 1 for others, None for both.
    """

    filters: frozenset[str]
    words: int
    order: tuple[str, ...]
    is_after: bool
    plan: str
    rank: int | None = None

    @property
    def is_near(self) -> bool:
        """Whether items have a distance."""
        return "radius_m" in self.filters


def served_by(order: Sequence[str]) -> frozenset[str]:
    """Return the filters that an index serves together with an order."""
    return _SERVED.get(order[0].removeprefix("-"), frozenset())


@lru_cache(maxsize=1024)
def prepared(shape: Shape) -> Prepared[Any]:
    """Return the query of a shape."""
    rows = _filtered(queries.list_listed_items(), shape)
    if shape.is_near:
        rows = rows.annotate(
            distance_m=queries.distance_m(latitude=Param("latitude", FloatField()), longitude=Param("longitude", FloatField()))
        )
    if shape.plan in RING_PLANS:
        # No ring goes beyond the radius.
        between = (Param("inner_m", IntegerField()), Param("outer_m", IntegerField()))
        is_inside = rings.AmongIds("id") if shape.plan == "among_ids" else rings.InRing("id", is_box=shape.plan == "within_box")
        rows = rows.filter(is_inside, Q(distance_m__range=between))
    elif shape.is_near:
        rows = rows.filter(Q(distance_m__lte=Param("radius_m", IntegerField())))
    if shape.words:
        rows = _with_words(rows, shape)
    if shape.is_after:
        rows = rows.filter(_after(shape))
    if shape.plan == "scan_ahead":
        rows = rows.filter(_within_walk(shape))
    if shape.plan == "ids":
        return Prepared(rows.order_by().values_list("id", flat=True), keeps_plan=False)
    more = [name for name in ("distance_m", "rank") if name in rows.query.annotations]
    return Prepared(rows.order_by(*_ordering(shape)).values(*queries.SHOWN, *more), keeps_plan=False)


def _filtered(rows: QuerySet[Item], shape: Shape) -> QuerySet[Item]:
    for name, lookup in (("category_key", "exact"), ("daily_price", "lte")):
        if name in shape.filters:
            # Where another order's index is walked, the planner must not see that a column has an index: it would sort all it finds there.
            is_hidden = shape.plan in {"scan_ahead", *RING_PLANS} and name not in served_by(shape.order)
            rows = rows.alias(**{f"hidden_{name}": _hidden(name)}) if is_hidden else rows
            rows = rows.filter(**{f"{'hidden_' if is_hidden else ''}{name}__{lookup}": Param(name, _KEYS[name])})
    if "availability" in shape.filters:
        rows = rows.filter(availability=Param("availability", CharField()))
    if "free_from" in shape.filters:
        at = {name: Param(value, DateTimeField()) for name, value in (("starts_at", "free_from"), ("ends_at", "free_to"), ("now", "now"))}
        rows = queries.free(items=rows, **at)  # type: ignore[arg-type]  # parameters in place of instants
    return rows


def _hidden(name: str) -> Coalesce:
    """Return a column as an expression that no index has."""
    return Coalesce(F(name), F(name))


def _with_words(rows: QuerySet[Item], shape: Shape) -> QuerySet[Item]:
    """Keep the items that hold all words, and in whose name they are, or not, where a rank is asked for."""
    found = [StrIndex(F("search_text"), Param(f"word_{at}", CharField())) for at in range(shape.words)]
    for position in found:
        rows = rows.filter(GreaterThan(position, 0))
    if shape.rank is not None or shape.order[0].removeprefix("-") == "rank":
        # The name is the first line; if a word is in it, then at first.
        in_name = Q(*(LessThan(position, StrIndex(F("search_text"), Value("\n"))) for position in found))
        rows = rows.annotate(rank=Case(When(in_name, then=Value(0)), default=Value(1), output_field=IntegerField()))
        rows = rows if shape.rank is None else rows.filter(in_name if shape.rank == 0 else ~in_name)
    if shape.plan == "sort_matches":
        rows = rows.filter(words.Match("search_text", "id", Param("words", words.BigramsField())))
    return rows


def _ordering(shape: Shape) -> list[Any]:
    """Return the order; where all that was found is to be sorted, one that no index has, lest the planner walk an index for ever."""
    if shape.plan != "sort_matches":
        return list(shape.order)
    columns = [(name.removeprefix("-"), name.startswith("-")) for name in shape.order]
    sorts = [F(name) if name in {"distance_m", "rank"} else _hidden(name) for name, _ in columns]
    return [sort.desc() if descends else sort.asc() for sort, (_, descends) in zip(sorts, columns, strict=True)]


def _after(shape: Shape) -> Q:
    keys = [Param(f"after_{name}", _KEYS[name]) for name in (each.removeprefix("-") for each in shape.order)]
    return keyset.beyond(order=shape.order, keys=keys)


def _within_walk(shape: Shape) -> Q:
    """Return the condition on the next items in order: up to the one that many places on, or the last."""
    descends = shape.order[0].startswith("-")
    listed = Item.objects.filter(state=queries.LISTED)
    served = replace(shape, filters=shape.filters & served_by(shape.order), plan="scan_index")
    ahead = _filtered(listed, served).order_by(*shape.order)
    ahead = ahead.filter(_after(shape)) if shape.is_after else ahead
    last = listed.order_by(*(name[1:] if descends else f"-{name}" for name in shape.order))
    bounds = [
        Coalesce(Subquery(ahead.values(name)[SCAN_LIMIT : SCAN_LIMIT + 1]), Subquery(last.values(name)[:1]))
        for name in (each.removeprefix("-") for each in shape.order)
    ]
    return keyset.up_to(order=shape.order, keys=bounds)
