"""Rings around a place: no item in a ring is missed, wherever on Earth, and few beside it are read."""

import math
import random

import pytest

from apps.items import domain
from apps.items.queries.rings import BANDS_A_DEGREE, Ring

PLACES = [
    (37.5, 127.0),
    (0.0, 0.0),
    (-33.0, 151.0),
    (60.0, 10.0),
    (0.0, 179.9),
    (12.0, -179.99),
    (89.9, 10.0),
    (-89.99, -100.0),
    (90.0, 0.0),
]
RINGS = [(0, 0), (0, 150), (149, 151), (1_000, 2_000), (9_990, 10_000), (0, 50_000), (49_000, 50_000)]


def holds(ring: Ring, latitude: float, longitude: float) -> bool:
    """Return whether all that is looked through for a ring holds a place: its stripes, and its box where it has one."""
    band = math.floor((latitude + 90) * BANDS_A_DEGREE)
    is_in_stripes = any(number == band and west <= longitude <= east for number, west, east in ring.stripes())
    if ring.box is None:
        return is_in_stripes
    west, east, first, last = ring.box
    return is_in_stripes and west <= longitude <= east and first <= band <= last


def destination(place: tuple[float, float], *, bearing: float, distance_m: float) -> tuple[float, float]:
    """Return where somebody is who goes straight on from a place."""
    reach, course, start = distance_m / domain.EARTH_RADIUS_M, math.radians(bearing), math.radians(place[0])
    end = math.asin(max(-1, min(1, math.sin(start) * math.cos(reach) + math.cos(start) * math.sin(reach) * math.cos(course))))
    turn = math.atan2(math.sin(course) * math.sin(reach) * math.cos(start), math.cos(reach) - math.sin(start) * math.sin(end))
    return math.degrees(end), (place[1] + math.degrees(turn) + 540) % 360 - 180


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("metres", RINGS)
def test_every_place_in_a_ring_is_in_one_of_its_stripes(place: tuple[float, float], metres: tuple[int, int]) -> None:
    chance = random.Random(1)
    ring = Ring(latitude=place[0], longitude=place[1], inner_m=metres[0], outer_m=metres[1])
    for _ in range(40):
        at = destination(place, bearing=chance.uniform(0, 360), distance_m=chance.uniform(max(metres[0] - 0.4, 0), metres[1] + 0.4))
        assert holds(ring, *at), at


def test_a_ring_has_a_box_unless_it_is_mostly_hole_or_a_box_would_go_around_the_earth() -> None:
    boxes = {
        (place, metres): Ring(latitude=place[0], longitude=place[1], inner_m=metres[0], outer_m=metres[1]).box
        for place in PLACES
        for metres in RINGS
    }
    assert {metres for (place, metres), box in boxes.items() if place == (37.5, 127.0) and box is None} == {
        (149, 151),
        (9_990, 10_000),
        (49_000, 50_000),
    }
    assert {place for (place, metres), box in boxes.items() if metres == (0, 50_000) and box is None} == {
        (0.0, 179.9),
        (12.0, -179.99),
        (89.9, 10.0),
        (-89.99, -100.0),
        (90.0, 0.0),
    }


def test_what_is_far_from_a_ring_is_in_none_of_its_stripes() -> None:
    ring = Ring(latitude=37.5, longitude=127.0, inner_m=5_000, outer_m=5_100)
    chance = random.Random(2)
    # Right above and below its centre a band is cut lengthwise.
    beside = [
        destination((37.5, 127.0), bearing=chance.uniform(30, 150), distance_m=distance) for distance in (0, 2_000, 4_800, 5_300, 9_000)
    ]
    assert not any(holds(ring, *place) for place in beside)


def test_rings_follow_one_another_out_to_the_radius_and_back() -> None:
    values = {"latitude": 37.5, "longitude": 127.0, "radius_m": 1_000}
    reached, area = 0, 70_000.0
    while reached < 1_000:
        ring = Ring.beside(values, start_m=reached, area=area, is_outward=True)
        assert ring.inner_m == reached
        assert ring.outer_m > reached
        reached = ring.outer_m
    back = Ring.beside(values, start_m=1_000, area=area, is_outward=False)
    assert (back.outer_m, back.inner_m < 1_000) == (1_000, True)
    assert Ring.beside(values, start_m=0, area=area, is_outward=False).inner_m == 0
