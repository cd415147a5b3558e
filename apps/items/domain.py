"""The rules of the catalogue: valid details, availability, distance."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from apps.items import errors
from gdmarket.errors import InvalidError
from gdmarket.text import is_plain, shows_something

MAX_NAME = 100
MAX_DESCRIPTION = 2_000
MAX_CATEGORY = 40
MAX_PLACE = 100
MAX_ADDRESS = 200
MAX_CODE = 50
MAX_PLACES = 100
"""How many pickup places a manager keeps at most."""
MAX_ACTIVE_CATEGORIES = 200
"""How many categories there are to choose from at most."""
ICONS = (
    *("tools", "camping", "baby", "appliance", "sports", "camera", "party", "travel"),
    *("clothes", "book", "music", "garden", "kitchen", "vehicle", "box"),
)
"""The pictures of categories, each a file of `static/items/icons`; the last one is for what has none of its own."""
MIN_DAILY_PRICE, MAX_DAILY_PRICE = 1, 10_000_000
MIN_DEPOSIT, MAX_DEPOSIT = 0, 100_000_000
MAX_PHOTOS = 8
MAX_PHOTO_BYTES = 25 * 2**20
MAX_ALT = 200
MAX_LATITUDE = 90
MAX_LONGITUDE = 180
KRW = "KRW"
DEFAULT_RADIUS_M = 2_000
MAX_RADIUS_M = 50_000
BLUR_M = 300
"""How far from its real place an item is shown at most, to all but its manager."""

# Mean radius of the sphere with the Earth's volume. Source: IUGG 1980 (GRS 80), R3.
EARTH_RADIUS_M = 6_371_000


class ItemState(StrEnum):
    """Whether an item can be found and requested; a paused one again once its manager resumes it, a withdrawn one never."""

    LISTED = "listed"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"


class Availability(StrEnum):
    """An item's availability, derived from its open rentals."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    RENTED = "rented"


class Hold(StrEnum):
    """How one rental holds its item's period: reserved, rented out, or over."""

    RESERVED = "reserved"
    RENTED = "rented"
    OVER = "over"


class Details(TypedDict):
    """The details of an item that its manager enters; prices in minor units of `currency`, degrees in WGS 84.

    `place`, `latitude` and `longitude` may be left out where a pickup place has them.
    `code` is the manager's own, and nobody else's to see.
    """

    name: str
    description: NotRequired[str]
    category: str
    place: NotRequired[str]
    latitude: NotRequired[float]
    longitude: NotRequired[float]
    daily_price: int
    deposit: NotRequired[int]
    currency: NotRequired[str]
    code: NotRequired[str | None]


def check(*, details: Mapping[str, object]) -> None:
    """Validate details; those not given are not checked.

    :raises InvalidError: the subclass of the first field that is not acceptable
    """
    for field, value in details.items():
        is_acceptable, refusal = _RULES[field]
        if not is_acceptable(value):
            raise refusal


def check_in_area(*, latitude: float, longitude: float, area: Sequence[float]) -> None:
    """Validate that a place lies in the market's area: south, west, north and east in degrees.

    :raises OutsideAreaError: if it does not
    """
    south, west, north, east = area
    if not (south <= latitude <= north and west <= longitude <= east):
        raise errors.OutsideAreaError(south=south, west=west, north=north, east=east)


def availability(*, holds: Collection[Hold]) -> Availability:
    """Return an item's availability, given how each of its rentals holds it."""
    if Hold.RENTED in holds:
        return Availability.RENTED
    return Availability.RESERVED if Hold.RESERVED in holds else Availability.AVAILABLE


def blurred(*, latitude: float, longitude: float, seed: bytes) -> tuple[float, float]:
    """Return the place that strangers are shown instead: the middle of a cell of a grid, at most `BLUR_M` away.

    `seed`, of 16 bytes or more, shifts the grid. All places in a cell become one, so that however many are seen, there is nothing to
    average; who does not know the seed does not know where the cell's borders are. A place that is not on Earth is returned unchanged.
    """
    if not (abs(latitude) <= MAX_LATITUDE and abs(longitude) <= MAX_LONGITUDE):
        return latitude, longitude
    north, east = (int.from_bytes(seed[start : start + 8]) / 2**64 for start in (0, 8))
    height = math.degrees(math.sqrt(2) * BLUR_M / EARTH_RADIUS_M)  # the corners of the cell are as far away as may be
    middle = (math.floor(latitude / height + north) + 0.5 - north) * height
    width = min(height / max(math.cos(math.radians(middle)), 1e-9), 2.0 * MAX_LONGITUDE)
    beside = (math.floor(longitude / width + east) + 0.5 - east) * width
    return round(max(-MAX_LATITUDE, min(middle, MAX_LATITUDE)), 6), round(_wrapped(beside), 6)


def shown_place(*, item: Mapping[str, Any]) -> tuple[float, float]:
    """Return where strangers are shown an item, from its columns; rounded to a kilometre until `catch_up` blurs it."""
    latitude, longitude = item["shown_latitude"], item["shown_longitude"]
    return (round(item["latitude"], 2), round(item["longitude"], 2)) if latitude is None or longitude is None else (latitude, longitude)


def distance_m(*, here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the great-circle distance of two places, each a latitude and a longitude in degrees."""
    # In a row of plain calls: searches on SQLite ask for each item that is near.
    south, west, north, east = math.radians(here[0]), math.radians(here[1]), math.radians(there[0]), math.radians(there[1])
    haversine = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(math.sqrt(haversine), 1.0))


def repriced(*, daily_price: int, percent: Decimal = Decimal(0), won: int = 0, step: int = 1) -> int:
    """Return a daily price changed by so many percent and so many won, rounded half up to a multiple of `step`; it may be out of range."""
    exact = daily_price * (100 + percent) / 100 + won
    return int((exact / step).quantize(Decimal(1), ROUND_HALF_UP)) * step


def photo_names(*, file: str) -> tuple[str, str]:
    """Return the names of the large and the small picture of a photo, whose digest is `file`."""
    return f"photos/{file}.webp", f"photos/{file}-small.webp"


def _wrapped(longitude: float) -> float:
    """Return the same meridian between -180 and 180."""
    if -MAX_LONGITUDE <= longitude <= MAX_LONGITUDE:
        return longitude
    return (longitude + MAX_LONGITUDE) % (2 * MAX_LONGITUDE) - MAX_LONGITUDE


def _text(shortest: int, longest: int, *, may_break: bool = False) -> Callable[[object], bool]:
    """Return the rule of a text; one that shows nothing is no text."""

    def is_acceptable(value: object) -> bool:
        if not isinstance(value, str) or len(value) > longest or (shortest and not shows_something(text=value)):
            return False
        return is_plain(text=value, may_break=may_break)

    return is_acceptable


def _whole(least: int, most: int) -> Callable[[object], bool]:
    """Return the rule of a whole number; True and 1.0 are refused."""
    return lambda value: type(value) is int and least <= value <= most


def _degrees(most: int) -> Callable[[object], bool]:
    """Return the rule of an angle; NaN and infinity are refused."""
    return lambda value: type(value) in {int, float} and isinstance(value, int | float) and -most <= value <= most


_RULES: Mapping[str, tuple[Callable[[object], bool], type[InvalidError]]] = {
    "name": (_text(1, MAX_NAME), errors.BadNameError),
    "description": (_text(0, MAX_DESCRIPTION, may_break=True), errors.BadDescriptionError),
    "category": (_text(1, MAX_CATEGORY), errors.BadCategoryError),
    "place": (_text(1, MAX_PLACE), errors.BadPlaceError),
    "address": (_text(0, MAX_ADDRESS), errors.BadAddressError),
    "daily_price": (_whole(MIN_DAILY_PRICE, MAX_DAILY_PRICE), errors.BadDailyPriceError),
    "deposit": (_whole(MIN_DEPOSIT, MAX_DEPOSIT), errors.BadDepositError),
    "code": (lambda value: value is None or _text(1, MAX_CODE)(value), errors.BadCodeError),
    "currency": (lambda value: value == KRW, errors.BadCurrencyError),
    "latitude": (_degrees(MAX_LATITUDE), errors.BadLatitudeError),
    "longitude": (_degrees(MAX_LONGITUDE), errors.BadLongitudeError),
    "alt": (_text(0, MAX_ALT), errors.BadAltError),
    "position": (_whole(1, MAX_PHOTOS), errors.BadPositionError),
}
