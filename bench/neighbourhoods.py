"""Rows of a large market: Korean towns, what their people lend, and rentals of years. The same seed and day give the same rows.

Only what the market keeps now, not its log: a page of a list looks the same, and 5 million rentals' facts would take 40 GB.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random
from typing import Any
from uuid import UUID

from apps.items.domain import blurred
from config.demo_catalogue import THINGS

Values = dict[str, Any]
_YEARS = timedelta(days=730)
_HOUR = timedelta(hours=1)
# Where people live: name, latitude, longitude, and how many in ten thousands.
_TOWNS = (
    *(
        ("성수동", 37.5446, 127.0559, 90),
        ("잠실", 37.5133, 127.1001, 120),
        ("홍대", 37.5563, 126.9236, 90),
        ("목동", 37.5263, 126.8644, 90),
    ),
    *(("노원", 37.6542, 127.0568, 100), ("수원", 37.2636, 127.0286, 120), ("분당", 37.3827, 127.1189, 95), ("일산", 37.6584, 126.8320, 95)),
    *(("부천", 37.5034, 126.7660, 80), ("인천", 37.4563, 126.7052, 150), ("대전", 36.3504, 127.3845, 145), ("세종", 36.4801, 127.2890, 39)),
    *(("청주", 36.6424, 127.4890, 85), ("전주", 35.8242, 127.1480, 65), ("광주", 35.1595, 126.8526, 143), ("대구", 35.8714, 128.6014, 238)),
    *(
        ("부산", 35.1796, 129.0756, 330),
        ("울산", 35.5384, 129.3114, 111),
        ("창원", 35.2281, 128.6811, 102),
        ("포항", 36.0190, 129.3435, 50),
    ),
    *(("강릉", 37.7519, 128.8761, 21), ("춘천", 37.8813, 127.7298, 28), ("제주", 33.4996, 126.5312, 49), ("여수", 34.7604, 127.6622, 27)),
)
_PLACES = ("역", "시장", "도서관", "초등학교", "공원", "주민센터", "사거리", "아파트")
_KINDS = (
    "",
    "가벼운",
    "새",
    "튼튼한",
    "큰",
    "작은",
    "접이식",
    "무선",
    "가정용",
    "업소용",
    "초보용",
    "전문가용",
    "중고",
    "국산",
    "방수",
    "조용한",
)
_MODELS = ("", "", "", "2세트", "3종", "플러스", "미니", "프로", "A형", "B형")
_NOTES = (
    "깨끗하게 쓰고 있습니다.",
    "설명서가 함께 있습니다.",
    "주말에는 저녁에 만나요.",
    "흠집이 조금 있습니다.",
    "처음 쓰시면 알려 드립니다.",
    "가방에 넣어 드립니다.",
    "학교 앞에서 드립니다.",
    "비 오는 날은 어렵습니다.",
    "연장선도 빌려 드립니다.",
    "오래 쓰실 분은 말씀해 주세요.",
)
# How rentals of the past ended, and how often in a hundred.
_ENDS = {"returned": 84, "cancelled": 10, "expired": 5, "no_show": 1}
_ONE_IN_RARE = 5_000
RARE_WORD = "한정판"
DEMO_SHARE = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The item's place, and where strangers are shown it."""

    latitude: float
    longitude: float
    shown: tuple[float, float]
    name: str


class Neighbourhoods:
    """A market of `items` and `rentals`; `demo_manager` owns one item in fifty, `demo_renter` has one rental in fifty."""

    def __init__(self, *, items: int, rentals: int, seed: int, today: datetime, demo_manager: UUID, demo_renter: UUID) -> None:
        self.items, self.rentals, self._seed, self.today = items, rentals, seed, today
        self._demo = {"manager": demo_manager, "renter": demo_renter}
        self.counts = {"manager": max(1, items // 20), "renter": max(1, rentals // 25)}

    @cached_property
    def people(self) -> dict[str, list[UUID]]:
        """The ids of managers and renters, without the demo's."""
        random = self._random("people")
        return {role: [_id(random, self.today - _YEARS) for _ in range(count)] for role, count in self.counts.items()}

    def users(self) -> Iterator[Values]:
        """Yield the people; they cannot sign in."""
        for role, ids in self.people.items():
            for number, person in enumerate(ids):
                email = f"{role}-{number}@bench.example"
                roles = {"is_renter": role == "renter", "is_item_manager": role == "manager"}
                who = {"display_name": f"{'주인' if role == 'manager' else '이웃'} {number}", "email": email, "password": "!"}
                yield {"id": person, **who, "registered_at": self.today - _YEARS, **roles}

    def seeds(self) -> Iterator[Values]:
        """Yield what the managers' places are blurred with."""
        for manager in self.people["manager"]:
            yield {"manager_id": manager, "seed": manager.hex}

    def first_item(self, part: int, parts: int) -> UUID:
        """Return the id of the first item of a part."""
        return _id(self._random(f"item-{part}"), self._slice(part, parts))

    def part(self, part: int, parts: int) -> Iterator[tuple[Values, list[Values]]]:
        """Yield each item of a part of the market, and its rentals."""
        at_items, at_rentals = ([total * (part + step) // parts for step in (0, 1)] for total in (self.items, self.rentals))
        count = at_items[1] - at_items[0]
        random = self._random(f"part-{part}")
        weights = [random.paretovariate(1.5) for _ in range(count)]
        rented = Counter(random.choices(range(count), weights, k=at_rentals[1] - at_rentals[0])) if count else Counter()
        begins = self._slice(part, parts)
        step = (self._slice(part + 1, parts) - begins) / max(1, count)
        for number in range(count):
            item_id = _id(random, begins + step * number) if number else self.first_item(part, parts)
            item = self._item(random, item_id, begins + step * number)
            rentals = self._rentals(random, item, rented[number])
            yield item, rentals

    def _slice(self, part: int, parts: int) -> datetime:
        """Return when the first item of a part is registered: parts follow one another, as ids do."""
        return self.today - _YEARS + (_YEARS - timedelta(days=1)) * part / parts

    def _item(self, random: Random, item_id: UUID, registered_at: datetime) -> Values:
        mine = random.random() < DEMO_SHARE
        manager: UUID = self._demo["manager"] if mine else random.choice(self.people["manager"])
        thing = random.choice(THINGS)
        rare = RARE_WORD if random.randrange(_ONE_IN_RARE) == 0 else ""
        name = " ".join(filter(None, (rare, random.choice(_KINDS), thing.name, random.choice(_MODELS))))
        place = _place(random, manager)
        price = max(1000, round(thing.daily_price * random.uniform(0.6, 1.6), -2))
        return {
            "id": item_id,
            "item_id": item_id,
            "manager_id": manager,
            "name": name,
            "description": f"{thing.description} {random.choice(_NOTES)} {random.choice(_NOTES)}",
            "category": thing.category,
            "daily_price": int(price),
            "deposit": thing.deposit,
            "currency": "KRW",
            "latitude": place.latitude,
            "longitude": place.longitude,
            "shown_latitude": place.shown[0],
            "shown_longitude": place.shown[1],
            "place": place.name,
            "state": "listed",
            "availability": "available",
            "version": 1,
            "registered_at": registered_at.replace(microsecond=0),
            "updated_at": registered_at.replace(microsecond=0),
            "revision": 1,
        }

    def _rentals(self, random: Random, item: Values, count: int) -> list[Values]:
        """Return rentals, the newest first, none at the same time as another; one in eight items has one that has not ended."""
        rentals: list[Values] = []
        free_until = self.today - 36 * _HOUR
        for number in range(count):
            length = random.randint(4, 72) * _HOUR
            chance = random.random() if number == 0 else 1.0
            if chance < 0.04:  # noqa: PLR2004  # one in 25
                state, starts_at = "rented", self.today - 24 * _HOUR
                length = max(length, 48 * _HOUR)
            elif chance < 0.12:  # noqa: PLR2004  # one in 12
                state, starts_at = "paid", self.today + random.randint(24, 720) * _HOUR
            else:
                state = random.choices(list(_ENDS), list(_ENDS.values()))[0]
                starts_at = free_until - random.randint(1, 96) * _HOUR - length
                free_until = starts_at
            rentals.append(
                _rental(random, item=item, renter=self._renter(random), state=state, starts_at=starts_at, ends_at=starts_at + length)
            )
        item["registered_at"] = item["updated_at"] = min(item["registered_at"], free_until - 30 * 24 * _HOUR)
        return rentals

    def _renter(self, random: Random) -> UUID:
        return self._demo["renter"] if random.random() < DEMO_SHARE else random.choice(self.people["renter"])

    def _random(self, what: str) -> Random:
        return Random(f"{self._seed} {self.items} {self.rentals} {what}")


def _place(random: Random, manager: UUID) -> Place:
    town, latitude, longitude, _ = random.choices(_TOWNS, [weight for *_, weight in _TOWNS])[0]
    latitude, longitude = round(random.gauss(latitude, 0.02), 6), round(random.gauss(longitude, 0.025), 6)
    shown = blurred(latitude=latitude, longitude=longitude, seed=bytes.fromhex(manager.hex))
    return Place(latitude=latitude, longitude=longitude, shown=shown, name=f"{town}{random.choice(_PLACES)}")


def _rental(random: Random, *, item: Mapping[str, Any], renter: UUID, state: str, starts_at: datetime, ends_at: datetime) -> Values:
    """Return a rental's values, for its own table, its payment's and the status view's."""
    requested_at = starts_at - random.randint(2, 72) * _HOUR
    is_paid = state in {"returned", "no_show", "rented", "paid"}
    payment = _id(random, requested_at) if is_paid else None
    paid_at = requested_at + timedelta(minutes=1) if is_paid else None
    handed_over_at = starts_at if state in {"returned", "rented"} else None
    returned_at = ends_at if state == "returned" else None
    closed_at = {"returned": ends_at, "no_show": ends_at, "cancelled": requested_at + _HOUR, "expired": requested_at + _HOUR}.get(state)
    days = -(-(ends_at - starts_at) // timedelta(days=1))
    values: Values = {
        "id": _id(random, requested_at),
        "item_id": item["id"],
        "item_name": item["name"],
        "item_version": 1,
        "renter_id": renter,
        "manager_id": item["manager_id"],
        "starts_at": starts_at,
        "ends_at": ends_at,
        "price": item["daily_price"] * days,
        "currency": "KRW",
        "state": state,
        "payment_due_at": requested_at + timedelta(minutes=15),
        "hold_limit_at": requested_at + _HOUR,
        "payment_id": payment,
        "payment_state": "approved" if is_paid else "",
        "cancelled_by": "renter" if state == "cancelled" else "",
        "requested_at": requested_at,
        "paid_at": paid_at,
        "handed_over_at": handed_over_at,
        "returned_at": returned_at,
        "closed_at": closed_at,
    }
    facts = [("RentalRequested", requested_at)]
    facts += [("RentalPaymentStarted", paid_at), ("RentalPaid", paid_at)] if paid_at else []
    facts += [("RentalHandedOver", handed_over_at)] if handed_over_at else []
    ends = {"returned": "RentalReturned", "no_show": "RentalNoShowRecorded", "cancelled": "RentalCancelled", "expired": "RentalExpired"}
    facts += [(ends[state], closed_at)] if closed_at else []
    timeline = [{"fact": fact, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "version": n, "source": "rental"} for n, (fact, at) in enumerate(facts, 1)]
    last = max(filter(None, (requested_at, paid_at, handed_over_at, closed_at)))
    part = {"state": "approved", "amount": values["price"], "refunded": 0, "version": 2}
    return values | {
        "version": len(facts),
        "revision": len(facts),
        "updated_at": last,
        "paid": values["price"] if is_paid else 0,
        "payments": json.dumps({str(payment): part} if payment else {}),
        "timeline": json.dumps(timeline),
    }


def _id(random: Random, at: datetime) -> UUID:
    """Return a UUID of version 7, as the market makes them."""
    milliseconds = int(at.astimezone(UTC).timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62))
