"""Items in order of distance: rings around a place, cut out of an index on the latitude, in bands, and the longitude.

Neither database walks an index by distance on a sphere from any depth on. A band is half a thousandth of a degree, 56 m: narrow, so that
little lies in it beside a ring.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connections
from django.db.models import BooleanField, FloatField, Func, IntegerField, TextField

from apps.items import domain
from gdmarket import statements
from gdmarket.prepared import Param

BANDS_A_DEGREE = 2_000
_SLACK_M = 0.51  # distances are rounded to whole metres
_SLACK_DEGREES = 2e-6  # and longitudes to six digits
_BAND = {
    "postgresql": f"floor((shown_latitude + 90) * {BANDS_A_DEGREE}::double precision)",
    "sqlite": f"CAST((shown_latitude + 90) * {BANDS_A_DEGREE} AS INTEGER)",
}
_STRIPES = {
    "postgresql": (
        "(SELECT s.a[i][1]::int AS band, s.a[i][2] AS west, s.a[i][3] AS east"
        " FROM (SELECT %s::float8[] AS a) AS s, generate_subscripts(s.a, 1) AS i) AS stripe"
    ),
    "sqlite": (
        "(SELECT json_extract(value, '$[0]') AS band, json_extract(value, '$[1]') AS west, json_extract(value, '$[2]') AS east"
        " FROM json_each(%s)) AS stripe"
    ),
}
_NEXT_BAND = f"SELECT min({_BAND['sqlite']}) FROM items_item WHERE state = 'listed' AND {_BAND['sqlite']}"  # noqa: S608  # no values in it
_BOX = {
    "postgresql": "(SELECT band, %s::float8 AS west, %s::float8 AS east FROM generate_series(%s::int, %s::int) AS band) AS stripe",
    # From one band that has an item to the next: most have none where a market is small.
    "sqlite": (
        "(WITH RECURSIVE stripe (west, east, band, last) AS ("  # noqa: S608  # the same
        f"SELECT %s, %s, ({_NEXT_BAND} >= %s), %s"
        f" UNION ALL SELECT west, east, ({_NEXT_BAND} > stripe.band), last FROM stripe WHERE band <= last"
        ") SELECT west, east, band FROM stripe WHERE band <= last) AS stripe"
    ),
}
# R. W. Sinnott, "Virtues of the Haversine", Sky & Telescope 68 (1984).
_HAVERSINE = (
    "(power(sin(radians(near.shown_latitude - %s) / 2), 2)"
    " + cos(radians(near.shown_latitude)) * %s * power(sin(radians(near.shown_longitude - %s) / 2), 2))"
)


def band_of(vendor: str) -> str:
    """Return the SQL of the band of an item, the first column of the index."""
    return _BAND[vendor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ring:
    """The places whose distance from one, in whole metres, is `inner_m` to `outer_m`."""

    latitude: float
    longitude: float
    inner_m: int
    outer_m: int

    @classmethod
    def beside(cls, values: Mapping[str, Any], *, start_m: int, area: float, is_outward: bool) -> "Ring":
        """Return the ring of about so many square metres that begins at a distance, up to the radius in `values`, or down to the place."""
        square = start_m**2 + (area if is_outward else -area) / math.pi
        other_m = math.isqrt(int(max(0, min(square, values["radius_m"] ** 2))))
        inner, outer = (start_m, max(start_m, other_m)) if is_outward else (min(other_m, start_m), start_m)
        return cls(latitude=values["latitude"], longitude=values["longitude"], inner_m=inner, outer_m=outer)

    @classmethod
    def whole(cls, values: Mapping[str, Any]) -> "Ring":
        """Return all that is within the radius in `values`."""
        return cls(latitude=values["latitude"], longitude=values["longitude"], inner_m=0, outer_m=values["radius_m"])

    @property
    def area(self) -> float:
        """Its square metres, as on a plane."""
        return math.pi * (self.outer_m**2 - self.inner_m**2 + 1)

    @property
    def box(self) -> tuple[float, float, int, int] | None:
        """Return the box around it, from a western to an eastern longitude and from a first to a last band.

        None where it is mostly hole, or lies at a pole or across the 180th meridian: then there are `stripes`.
        """
        angle = (self.outer_m + _SLACK_M) / domain.EARTH_RADIUS_M
        reach = math.degrees(angle)
        south, north = self.latitude - reach, self.latitude + reach
        if 2 * self.inner_m > self.outer_m or max(abs(south), abs(north)) >= 89:  # noqa: PLR2004  # near a pole
            return None
        width = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(self.latitude)))) + _SLACK_DEGREES
        west, east = self.longitude - width, self.longitude + width
        return (west, east, _band(south), _band(north)) if west >= -180 and east <= 180 else None  # noqa: PLR2004  # the 180th meridian

    def query_parameters(self) -> dict[str, Any]:
        """Return the parameters of `InRing` and of the distance's own bounds."""
        least, most = (math.sin(max(0.0, min(metres / domain.EARTH_RADIUS_M, math.pi)) / 2) ** 2 for metres in self._bounds())
        return {
            **dict(zip(("west", "east", "first", "last"), self.box or (), strict=False)),
            "stripes": self,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "cosine": math.cos(math.radians(self.latitude)),
            "least": least if self.inner_m else -1.0,
            "most": most,
            "inner_m": self.inner_m,
            "outer_m": self.outer_m,
        }

    def stripes(self) -> Iterator[tuple[int, float, float]]:
        """Yield bands and what of each, from a western to an eastern longitude, it may lie in."""
        inner, outer = (max(metres, 0.0) / domain.EARTH_RADIUS_M for metres in self._bounds())
        reach = math.degrees(outer)
        first, last = (_band(max(-90.0, min(self.latitude + sign * reach, 90.0))) for sign in (-1, 1))
        edges = [math.radians(min(edge / BANDS_A_DEGREE - 90, 90.0)) for edge in range(first, last + 2)]
        outside, hole = self._half_widths(edges, outer), self._half_widths(edges, inner)
        # Where the circle is widest: not on the latitude of its centre.
        bulge = math.sin(math.radians(self.latitude)) / max(math.cos(outer), 1e-12)
        widest = math.asin(max(-1.0, min(bulge, 1.0)))
        (width,) = self._half_widths([widest], outer)
        at = _band(math.degrees(widest)) - first
        if 0 <= at <= last - first:
            outside[at] = max(outside[at], width)
        for at in range(last - first + 1):
            width = max(outside[at], outside[at + 1])
            if width >= 0:
                yield from (
                    (first + at, *part) for part in self._parts(width + _SLACK_DEGREES, min(hole[at], hole[at + 1]) - _SLACK_DEGREES)
                )

    def _bounds(self) -> tuple[float, float]:
        return self.inner_m - _SLACK_M, self.outer_m + _SLACK_M

    def _half_widths(self, latitudes: Sequence[float], angle: float) -> list[float]:
        """Return how many degrees of longitude a circle reaches on either side at latitudes in radians, -1 where it does not reach them."""
        here = math.radians(self.latitude)
        reach, sine, cosine = math.cos(angle), math.sin(here), math.cos(here)
        widths = []
        for there in latitudes:
            scale = cosine * math.cos(there)
            if angle <= 0:
                widths.append(-1.0)
            elif scale < 1e-12:  # noqa: PLR2004  # at a pole, where all meridians meet
                widths.append(180.0 if abs(here - there) <= angle else -1.0)
            else:
                ratio = (reach - sine * math.sin(there)) / scale
                widths.append(-1.0 if ratio > 1 else math.degrees(math.acos(max(ratio, -1.0))))
        return widths

    def _parts(self, width: float, hole: float) -> Iterator[tuple[float, float]]:
        """Yield the stripes of a band, west and east of the hole; what crosses the 180th meridian goes on at the other side."""
        here = self.longitude
        pieces = [(here - width, here - hole), (here + hole, here + width)] if hole > 0 else [(here - width, here + width)]
        for west, east in pieces:
            yield max(west, -180.0), min(east, 180.0)
            if west < -180:  # noqa: PLR2004  # the 180th meridian
                yield west + 360, 180.0
            if east > 180:  # noqa: PLR2004  # the 180th meridian
                yield -180.0, east - 360


class StripesField(FloatField):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """A ring as its stripes, an array of PostgreSQL, or JSON."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> str:  # noqa: FBT001, FBT002  # Django's hook
        """Return the literal."""
        return _literal(value, *("{}" if connection.vendor == "postgresql" else "[]"))


class InRing(Func):
    """Whether an item is shown in a ring: `InRing("id", is_box=…)`, with `query_parameters()` of the ring as those of the prepared query.

    On SQLite it may also be near the ring: each distance would be a call of Python.
    """

    conditional = True
    output_field = BooleanField()

    def __init__(self, *expressions: Any, is_box: bool) -> None:
        super().__init__(*expressions)
        self.is_box = is_box

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_: Any) -> Any:
        (source,) = self.get_source_expressions()
        key, _none = compiler.compile(source)
        found = f"SELECT near.id FROM {_found(connection.vendor, is_box=self.is_box)}"  # noqa: S608  # no values in it
        # An array of them, or the planner would look at every item for whether it is among them.
        sql = f"{key} = ANY (ARRAY({found}))" if connection.vendor == "postgresql" else f"{key} IN ({found})"
        return sql, _parameters(connection.vendor, is_box=self.is_box)


def count(ring: Ring, *, most: int, using: str) -> int:
    """Return how many items are shown in a ring, or on SQLite also near it; `most` where there are more."""
    ((found,),) = _select("count(*) FROM (SELECT 1", ring, most=most, using=using, end=") AS found")
    return int(found)


def ids_in(ring: Ring, *, most: int, using: str) -> list[Any]:
    """Return the ids, as the database has them, of at most so many items that are shown in a ring, or on SQLite also near it."""
    return [row[0] for row in _select("near.id", ring, most=most, using=using)]


def _select(what: str, ring: Ring, *, most: int, using: str, end: str = "") -> list[tuple[Any, ...]]:
    connection = connections[using]
    is_box, values = ring.box is not None, ring.query_parameters()
    given = [param.prepare(values[param.name], connection) for param in _parameters(connection.vendor, is_box=is_box)]
    with statements.cursor(connection) as cursor:
        # No values are in it.
        cursor.execute(f"SELECT {what} FROM {_found(connection.vendor, is_box=is_box)} LIMIT %s{end}", [*given, most])  # noqa: S608
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


class AmongIds(Func):
    """Whether a key is among the `ids` of `ids_in`."""

    conditional = True
    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_: Any) -> Any:
        (source,) = self.get_source_expressions()
        key, _none = compiler.compile(source)
        sql = f"{key} = ANY(%s)" if connection.vendor == "postgresql" else f"{key} IN (SELECT value FROM json_each(%s))"  # noqa: S608
        return sql, [Param("ids", _IdsField())]


class _IdsField(TextField):  # type: ignore[type-arg]  # Django's class is not generic at run time
    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002  # Django's hook
        return value if connection.vendor == "postgresql" else msgspec.json.encode(value).decode()


@lru_cache(maxsize=64)
def _literal(ring: Ring, opening: str, closing: str) -> str:
    return opening + ",".join(f"{opening}{band},{west:.6f},{east:.6f}{closing}" for band, west, east in ring.stripes()) + closing


def _found(vendor: str, *, is_box: bool) -> str:
    # OFFSET keeps PostgreSQL from joining otherwise than stripe by stripe; SQLite keeps the order of a CROSS JOIN.
    index = f"{band_of(vendor)} = stripe.band AND shown_longitude BETWEEN stripe.west AND stripe.east AND state = 'listed'"
    rows = {
        "postgresql": f"LATERAL (SELECT id, shown_latitude, shown_longitude FROM items_item WHERE {index} OFFSET 0) AS near",  # noqa: S608
        "sqlite": f"items_item AS near ON {index}",
    }
    stripes = (_BOX if is_box else _STRIPES)[vendor]
    return f"{stripes} CROSS JOIN {rows[vendor]}" + (f" WHERE {_HAVERSINE} BETWEEN %s AND %s" if vendor == "postgresql" else "")


def _parameters(vendor: str, *, is_box: bool) -> list[Param]:
    """Return what `_found` is run with."""
    stripes = [Param("stripes", StripesField())]
    box = [Param(name, FloatField() if name in {"west", "east"} else IntegerField()) for name in ("west", "east", "first", "last")]
    haversine = [Param(name, FloatField()) for name in ("latitude", "cosine", "longitude", "least", "most")]
    return [*(box if is_box else stripes), *(haversine if vendor == "postgresql" else [])]


def _band(latitude: float) -> int:
    return math.floor((latitude + 90) * BANDS_A_DEGREE)
