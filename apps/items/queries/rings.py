"""Items in order of distance: rings around a place, cut out of an index on the latitude, in bands, and the longitude.

Neither database walks an index by distance on a sphere from any depth on. A band is half a thousandth of a degree, 56 m: narrow, so that
little lies in it beside a ring.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.models import BooleanField, FloatField, Func

from apps.items import domain
from gdmarket.prepared import Param

BANDS_A_DEGREE = 2_000
_SLACK_M = 0.51  # distances are rounded to whole metres
_SLACK_DEGREES = 2e-6  # and longitudes to six digits
_STRIPES = {
    "postgresql": (
        "(SELECT s.a[i][1]::int AS band, s.a[i][2] AS west, s.a[i][3] AS east"
        " FROM (SELECT %s::float8[] AS a) AS s, generate_subscripts(s.a, 1) AS i) AS stripe CROSS JOIN LATERAL"
    ),
    "sqlite": (
        "(SELECT json_extract(value, '$[0]') AS band, json_extract(value, '$[1]') AS west, json_extract(value, '$[2]') AS east"
        " FROM json_each(%s)) AS stripe CROSS JOIN"
    ),
}
_BAND = {
    "postgresql": f"floor((shown_latitude + 90) * {BANDS_A_DEGREE}::double precision)",
    "sqlite": f"CAST((shown_latitude + 90) * {BANDS_A_DEGREE} AS INTEGER)",
}
# R. W. Sinnott, "Virtues of the Haversine", Sky & Telescope 68 (1984).
_HAVERSINE = (
    "(power(sin(radians(near.shown_latitude - %s) / 2), 2)"
    " + cos(radians(near.shown_latitude)) * %s * power(sin(radians(near.shown_longitude - %s) / 2), 2))"
)
PARAMETERS = ("stripes", "latitude", "cosine", "longitude", "least", "most")


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

    def ring_parameters(self) -> dict[str, Any]:
        """Return the parameters of `InRing`."""
        least, most = (math.sin(max(0.0, min(metres / domain.EARTH_RADIUS_M, math.pi)) / 2) ** 2 for metres in self._bounds())
        cosine = math.cos(math.radians(self.latitude))
        return dict(zip(PARAMETERS, (self, self.latitude, cosine, self.longitude, least if self.inner_m else -1.0, most), strict=True))

    def query_parameters(self) -> dict[str, Any]:
        """Return the parameters of a query for what is in the ring."""
        return {**self.ring_parameters(), "inner_m": self.inner_m, "outer_m": self.outer_m}

    def stripes(self) -> Iterator[tuple[int, float, float]]:
        """Yield bands and what of each, from a western to an eastern longitude, the ring may lie in."""
        inner, outer = (max(metres, 0.0) / domain.EARTH_RADIUS_M for metres in self._bounds())
        if 2 * self.inner_m <= self.outer_m and (box := self._box(outer)):
            yield from box
            return
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

    def _box(self, angle: float) -> list[tuple[int, float, float]]:
        """Return the stripes of the box around a circle, quicker than each stripe's own; none across the 180th meridian or a pole."""
        reach = math.degrees(angle)
        south, north = self.latitude - reach, self.latitude + reach
        if max(abs(south), abs(north)) >= 89:  # noqa: PLR2004  # near a pole
            return []
        width = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(self.latitude)))) + _SLACK_DEGREES
        west, east = self.longitude - width, self.longitude + width
        if west < -180 or east > 180:  # noqa: PLR2004  # the 180th meridian
            return []
        return [(band, west, east) for band in range(_band(south), _band(north) + 1)]

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
    """Whether an item is shown in a ring: `InRing("id")`, with the ring's `ring_parameters()` as parameters of the prepared query."""

    conditional = True
    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_: Any) -> Any:
        (source,) = self.get_source_expressions()
        key, _none = compiler.compile(source)
        params = [Param(name, StripesField() if name == "stripes" else FloatField()) for name in _parameters(connection.vendor)]
        found = f"SELECT near.id FROM {_found(connection.vendor)}"  # noqa: S608  # no values in it
        # An array of them, or the planner would look at every item for whether it is among them.
        return (f"{key} = ANY (ARRAY({found}))" if connection.vendor == "postgresql" else f"{key} IN ({found})"), params


def count(ring: Ring, *, most: int, using: str) -> int:
    """Return how many items are shown in a ring, or on SQLite in its stripes; `most` where there are more."""
    connection = connections[using]
    values = ring.ring_parameters()
    stripes = StripesField().get_db_prep_value(values["stripes"], connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {_found(connection.vendor)} LIMIT %s) AS found",  # noqa: S608  # no values in it
            [stripes, *(values[name] for name in _parameters(connection.vendor)[1:]), most],
        )
        (found,) = cursor.fetchone()
    return int(found)


@lru_cache(maxsize=64)
def _literal(ring: Ring, opening: str, closing: str) -> str:
    return opening + ",".join(f"{opening}{band},{west:.6f},{east:.6f}{closing}" for band, west, east in ring.stripes()) + closing


def _found(vendor: str) -> str:
    # OFFSET keeps PostgreSQL from joining otherwise than stripe by stripe; SQLite keeps the order of a CROSS JOIN.
    index = f"{band_of(vendor)} = stripe.band AND shown_longitude BETWEEN stripe.west AND stripe.east AND state = 'listed'"
    rows = {
        "postgresql": f"(SELECT id, shown_latitude, shown_longitude FROM items_item WHERE {index} OFFSET 0) AS near",  # noqa: S608  # the same
        "sqlite": f"items_item AS near ON {index}",
    }
    return f"{_STRIPES[vendor]} {rows[vendor]}" + (f" WHERE {_HAVERSINE} BETWEEN %s AND %s" if vendor == "postgresql" else "")


def _parameters(vendor: str) -> tuple[str, ...]:
    """Return the names of what `_found` is run with. SQLite would call Python for each distance: the stripes must do."""
    return PARAMETERS if vendor == "postgresql" else PARAMETERS[:1]


def _band(latitude: float) -> int:
    return math.floor((latitude + 90) * BANDS_A_DEGREE)
