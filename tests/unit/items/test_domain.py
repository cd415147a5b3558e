"""The rules of the catalogue, without a database."""

import math

import pytest

from apps.items import domain, errors
from apps.items.domain import Availability, Hold
from gdmarket.errors import InvalidError

DRILL: domain.Details = {
    "name": "전동 드릴",
    "description": "18 V\n배터리 두 개",
    "category": "공구",
    "place": "서울 중구",
    "latitude": 37.5663,
    "longitude": 126.9779,
    "daily_price": 8_000,
    "deposit": 30_000,
    "currency": "KRW",
}


def refusal_of(**changes: object) -> str | None:
    """Return the code with which the changed details are refused; None where they are accepted."""
    try:
        domain.check(details={**DRILL, **changes})
    except InvalidError as refused:
        return refused.code
    return None


def test_valid_details_are_accepted() -> None:
    assert refusal_of() is None


def test_a_description_may_have_lines() -> None:
    assert refusal_of(description="one\r\ntwo\n\tthree") is None
    assert refusal_of(name="one\r\ntwo\n\tthree") == "bad_name"


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("name", "", errors.BadNameError),
        ("name", "   ", errors.BadNameError),
        ("name", "가" * 101, errors.BadNameError),
        ("name", 5, errors.BadNameError),
        ("name", "drill\0", errors.BadNameError),
        ("name", "llird\u202edrill", errors.BadNameError),
        ("name", "two\nlines", errors.BadNameError),
        ("description", "가" * 2_001, errors.BadDescriptionError),
        ("category", "", errors.BadCategoryError),
        ("category", "가" * 41, errors.BadCategoryError),
        ("place", "", errors.BadPlaceError),
        ("place", "가" * 101, errors.BadPlaceError),
        ("daily_price", 0, errors.BadDailyPriceError),
        ("daily_price", -5, errors.BadDailyPriceError),
        ("daily_price", 10_000_001, errors.BadDailyPriceError),
        ("daily_price", True, errors.BadDailyPriceError),
        ("daily_price", 8_000.0, errors.BadDailyPriceError),
        ("daily_price", "8000", errors.BadDailyPriceError),
        ("deposit", -1, errors.BadDepositError),
        ("deposit", 100_000_001, errors.BadDepositError),
        ("currency", "USD", errors.BadCurrencyError),
        ("latitude", 90.1, errors.BadLatitudeError),
        ("latitude", math.nan, errors.BadLatitudeError),
        ("latitude", True, errors.BadLatitudeError),
        ("longitude", -180.1, errors.BadLongitudeError),
        ("longitude", math.inf, errors.BadLongitudeError),
    ],
)
def test_invalid_details_are_refused_by_name(field: str, value: object, refusal: type[InvalidError]) -> None:
    with pytest.raises(refusal) as refused:
        domain.check(details={**DRILL, field: value})
    assert refused.value.field == field
    assert refused.value.code == f"bad_{field}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "가" * 100),
        ("daily_price", 1),
        ("daily_price", 10_000_000),
        ("deposit", 0),
        ("deposit", 100_000_000),
        ("latitude", -90),
        ("latitude", 90),
        ("longitude", 180),
        ("description", ""),
    ],
)
def test_the_bounds_themselves_are_allowed(field: str, value: object) -> None:
    assert refusal_of(**{field: value}) is None


@pytest.mark.parametrize(
    ("holds", "availability"),
    [
        (set(), Availability.AVAILABLE),
        ({Hold.OVER}, Availability.AVAILABLE),
        ({Hold.RESERVED, Hold.OVER}, Availability.RESERVED),
        ({Hold.RESERVED, Hold.RENTED}, Availability.RENTED),
    ],
)
def test_availability_follows_from_the_rentals(holds: set[Hold], availability: Availability) -> None:
    assert domain.availability(holds=holds) == availability


def test_a_box_holds_every_point_within_the_radius() -> None:
    box = domain.box_around(latitude=60.0, longitude=10.0, radius_m=50_000)
    for bearing in range(0, 360, 5):
        latitude, longitude = _destination(60.0, 10.0, bearing=bearing, distance_m=50_000)
        assert box.south - 1e-9 <= latitude <= box.north + 1e-9
        assert box.west - 1e-9 <= longitude <= box.east + 1e-9


def test_a_box_across_the_date_line_wraps_around() -> None:
    box = domain.box_around(latitude=0.0, longitude=179.9, radius_m=50_000)
    assert box.west == pytest.approx(179.45, abs=0.01)
    assert box.east == pytest.approx(-179.65, abs=0.01)


def test_a_box_at_a_pole_contains_every_meridian() -> None:
    box = domain.box_around(latitude=89.9, longitude=10.0, radius_m=50_000)
    assert (box.north, box.west, box.east) == (90, -180, 180)
    assert box.south == pytest.approx(89.45, abs=0.01)


def _destination(latitude: float, longitude: float, *, bearing: float, distance_m: float) -> tuple[float, float]:
    reach, course = distance_m / domain.EARTH_RADIUS_M, math.radians(bearing)
    start = math.radians(latitude)
    end = math.asin(math.sin(start) * math.cos(reach) + math.cos(start) * math.sin(reach) * math.cos(course))
    turn = math.atan2(math.sin(course) * math.sin(reach) * math.cos(start), math.cos(reach) - math.sin(start) * math.sin(end))
    return math.degrees(end), longitude + math.degrees(turn)
