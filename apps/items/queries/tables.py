"""Items as rows of a table, and the headings by which a file's columns are known."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext

from apps.accounts import facade as accounts
from apps.items import domain
from apps.items.models import Item, PickupPlace
from apps.items.queries import categories
from gdmarket.sheets import Cell

HEADINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("id", "item id", "물건 id", "아이디", "식별자"),
        "code": ("code", "own code", "sku", "코드", "내 코드", "자체 코드", "관리 코드", "관리 번호", "상품 코드"),
        "name": ("name", "item", "item name", "이름", "물건", "물건 이름", "물건명", "상품명", "품명"),
        "category": ("category", "분류", "카테고리"),
        "description": ("description", "설명", "상세 설명"),
        "daily_price": ("daily price", "price", "price per day", "하루 가격", "가격", "하루 대여료", "일 대여료", "대여료", "1일 가격"),
        "deposit": ("deposit", "보증금"),
        "pickup_place": ("pickup place", "인도 장소", "픽업 장소"),
        "place": ("place", "장소"),
        "latitude": ("latitude", "lat", "위도"),
        "longitude": ("longitude", "lng", "lon", "경도"),
        "state": ("state", "상태"),
        "availability": ("availability", "대여 가능 여부"),
        "registered_at": ("registered", "등록일"),
        "manager": ("item manager", "물건관리자"),
    }
)
"""The columns of a table of items, in their order, each with its English heading and all others by which it is known."""


def labels(*, names: Sequence[str]) -> list[str]:
    """Return the headings of columns in the reader's language; an id is called so in all of them."""
    return [name if name == "id" else gettext(HEADINGS[name][0]) for name in names]


class ItemTable:
    """Items as rows; headings and states are in the language that is active when it is made."""

    order: Sequence[str] = ("-registered_at", "-id")

    def __init__(self, *, with_managers: bool) -> None:
        """Leave the managers out of a manager's own table."""
        self._columns = [name for name in HEADINGS if with_managers or name != "manager"]
        self.headings: Sequence[str] = labels(names=self._columns)
        self._categories = categories.list_names()
        fields: Any = Item._meta  # noqa: SLF001  # Django documents it
        self._labels = {name: {value: str(label) for value, label in fields.get_field(name).choices} for name in ("state", "availability")}

    def rows_of(self, items: Sequence[Item]) -> Iterator[Sequence[Cell]]:
        """Yield the rows of a page of items; what else they need is read at once."""
        places = dict(PickupPlace.objects.filter(id__in={item.pickup_place_id for item in items}).values_list("id", "name"))
        people = {}
        if "manager" in self._columns:
            people = {person.id: person.display_name for person in accounts.list_people(user_ids={item.manager_id for item in items})}
        for item in items:
            is_listed = item.state == domain.ItemState.LISTED
            told: dict[str, Cell] = {
                "id": str(item.id),
                "category": self._categories.get(item.category_key or "", item.category),
                "pickup_place": places.get(item.pickup_place_id, "") if item.pickup_place_id else "",
                "state": self._labels["state"][item.state],
                "availability": self._labels["availability"][item.availability] if is_listed else "",
                "manager": people.get(item.manager_id, str(item.manager_id)),
            }
            yield [told[name] if name in told else getattr(item, name) for name in self._columns]
