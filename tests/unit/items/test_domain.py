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
