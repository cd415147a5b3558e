"""Importing items: what a file would do, and what it does."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.utils.translation import override
from pytest_django import DjangoAssertNumQueries

from apps.items import services
from apps.items.errors import CodeTakenError, ColumnRepeatedError, ColumnsMissingError, ImportRefusedError
from apps.items.events import ItemRegistered, ItemRevised
from apps.items.models import Category, Item, PickupPlace
from apps.items.queries import categories as known
from apps.items.queries.tables import ItemTable
from apps.items.services import importing, places
from gdmarket.ids import uuid7
from gdmarket.sheets import reading, write
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.log import recorded

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HEADINGS = "내 코드,이름,분류,하루 가격,보증금,장소,위도,경도"
DRILL = 'A-1,전동 드릴,공구,"12,000원",₩30000,서울 중구,37.5663,126.9779'
TENT = "A-2,텐트,캠핑,１５０００,,서울 중구,37.5663,126.9779"


def _plan(manager: Any, *rows: str, headings: str = HEADINGS) -> importing.Plan:
    raw = "\r\n".join([headings, *rows]).encode()
    return importing.plan_import(table=reading.read(raw=raw), raw=raw, manager_id=manager.pk)


def _apply(manager: Any, plan: importing.Plan) -> None:
    importing.import_all(rows=plan["rows"], manager_id=manager.pk, now=NOW)


def _kinds(plan: importing.Plan) -> list[str]:
    return [row["kind"] for row in plan["rows"]]


def _facts() -> list[str]:
    return [type(row.event).__name__ for row in recorded((ItemRegistered, ItemRevised))]


def _place(manager: Any, name: str = "가게") -> PickupPlace:
    details: Any = {"name": name, "latitude": 37.5, "longitude": 127.0}
    return places.add_place(place_id=uuid7(), manager_id=manager.pk, now=NOW, **details)


def test_a_plan_changes_nothing_and_says_what_is_new(manager: Any) -> None:
    plan = _plan(manager, DRILL, TENT)
    assert _kinds(plan) == ["new", "new"]
    assert plan["rows"][0]["details"] == {
        "code": "A-1",
        "name": "전동 드릴",
        "category": "공구",
        "daily_price": 12_000,
        "deposit": 30_000,
        "place": "서울 중구",
        "latitude": 37.5663,
        "longitude": 126.9779,
    }
    assert plan["rows"][1]["details"]["daily_price"] == 15_000
    assert not Item.objects.exists()
    assert _facts() == []


def test_new_items_are_registered_with_their_facts(manager: Any) -> None:
    _apply(manager, _plan(manager, DRILL, TENT))
    found = Item.objects.filter(manager_id=manager.pk).order_by("code").values_list("code", "name", "daily_price", "deposit")
    assert list(found) == [("A-1", "전동 드릴", 12_000, 30_000), ("A-2", "텐트", 15_000, 0)]
    assert _facts() == ["ItemRegistered", "ItemRegistered"]


def test_the_same_file_again_changes_nothing(manager: Any) -> None:
    without_codes = [row.partition(",")[2] for row in (DRILL, TENT)]
    for headings, rows in ((HEADINGS, [DRILL, TENT]), (HEADINGS.partition(",")[2], without_codes)):
        first = _plan(manager, *rows, headings=headings)
        _apply(manager, first)
        before = _facts()
        _apply(manager, first)
        again = _plan(manager, *rows, headings=headings)
        assert _kinds(again) == ["unchanged", "unchanged"]
        _apply(manager, again)
        assert _facts() == before
    assert Item.objects.count() == 4


def test_an_item_is_changed_by_its_own_code_from_what_to_what(manager: Any) -> None:
    _apply(manager, _plan(manager, DRILL))
    plan = _plan(manager, "A-1,해머 드릴,,13000,,,,")
    assert plan["rows"][0]["changes"] == [["name", "전동 드릴", "해머 드릴"], ["daily_price", "12000", "13000"]]
    _apply(manager, plan)
    item = Item.objects.get()
    assert (item.name, item.daily_price, item.deposit, item.version) == ("해머 드릴", 13_000, 30_000, 2)
    assert _facts() == ["ItemRegistered", "ItemRevised"]


def test_an_item_is_changed_by_its_id_and_can_get_a_code(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    plan = _plan(manager, f"{item.pk},B-9", headings="id,code")
    _apply(manager, plan)
    item.refresh_from_db()
    assert (plan["rows"][0]["changes"], item.code) == ([["code", "", "B-9"]], "B-9")


def test_what_was_changed_meanwhile_is_refused(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    plan = _plan(manager, f"{item.pk},9000", headings="id,가격")
    services.revise_item(item_id=item.pk, by=manager.pk, now=NOW, name="다른 이름")
    with pytest.raises(ImportRefusedError):
        _apply(manager, plan)
    item.refresh_from_db()
    assert (item.name, item.daily_price) == ("다른 이름", 8_000)


def test_somebody_else_s_id_and_code_change_nothing_of_theirs(manager: Any) -> None:
    other: Any = UserFactory(item_manager=True)
    theirs = ItemFactory(manager_id=other.pk, code="A-1", name="남의 것")
    plan = _plan(manager, f"{theirs.pk},뺏음", f"{uuid7()},없음", headings="id,이름")
    assert [row["errors"] for row in plan["rows"]] == [[["id", "There is no such item."]]] * 2
    with pytest.raises(ImportRefusedError):
        _apply(manager, plan)
    _apply(manager, _plan(manager, DRILL))
    theirs.refresh_from_db()
    assert (theirs.name, theirs.version) == ("남의 것", 1)
    assert Item.objects.filter(manager_id=manager.pk, code="A-1").count() == 1


def test_a_forged_plan_changes_nothing_of_another_s(manager: Any) -> None:
    theirs = ItemFactory(name="남의 것")
    forged: Any = {"number": 2, "kind": "changed", "id": str(theirs.pk), "version": 1, "details": {"name": "뺏음"}, "errors": []}
    for kind in ("changed", "new"):
        details = {"name": "뺏음"} if kind == "changed" else _plan(manager, DRILL)["rows"][0]["details"]
        rows: Any = [{**forged, "kind": kind, "details": details}]
        with pytest.raises(ImportRefusedError):
            importing.import_all(rows=rows, manager_id=manager.pk, now=NOW)
    theirs.refresh_from_db()
    assert theirs.name == "남의 것"


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        ("A,드릴,공구,9000.7,,서울,37.5,127", ["daily_price"]),
        ("A,드릴,공구,1_000,,서울,37.5,127", ["daily_price"]),
        ("A,드릴,공구,12.000,,서울,37.5,127", ["daily_price"]),
        ("A,드릴,공구,-5,,서울,37.5,127", ["daily_price"]),
        ('A,드릴,공구,"1,20",,서울,37.5,127', ["daily_price"]),
        ("A,드릴,공구,1만,0.5,서울,37.5,127", ["daily_price", "deposit"]),
        ("A,,,,,,,", ["place", "name", "category", "daily_price"]),
        ("A,드릴,공구,1000,,서울,북쪽,127", ["latitude"]),
        ("A,드릴,공구,1000,,서울,91,127", ["latitude"]),
        ("A,드릴,공구,1000,,서울,7.5,127", ["latitude"]),
        ("A,드릴,공구,1000,,서울,37.5,", ["place"]),
        ("A,ab\u202ec,공구,1000,,서울,37.5,127", ["name"]),
        ("가" * 51 + ",드릴,공구,1000,,서울,37.5,127", ["code"]),
    ],
)
def test_what_is_wrong_stands_beside_its_column(manager: Any, row: str, refused: Sequence[str]) -> None:
    plan = _plan(manager, row)
    assert (_kinds(plan), [column for column, _message in plan["rows"][0]["errors"]]) == (["refused"], refused)
    assert all(message for _column, message in plan["rows"][0]["errors"])


def test_an_unknown_category_is_refused_with_the_nearest(manager: Any) -> None:
    with override("ko"):
        plan = _plan(manager, DRILL.replace("공구", "공구류"), DRILL.replace("공구", "qqq").replace("A-1", "A-2"))
    assert plan["rows"][0]["errors"] == [["category", "고를 수 없는 분류입니다: “공구류”. 가장 가까운 것은 “공구”입니다."]]
    assert [column for column, _ in plan["rows"][1]["errors"]] == ["category"]
    assert _kinds(_plan(manager, DRILL.replace("공구", "Tools"), DRILL.replace("공구", "공 구").replace("A-1", "A-2"))) == ["new"] * 2


def test_a_pickup_place_of_the_manager_is_known_by_its_name(manager: Any) -> None:
    place = _place(manager)
    _place(UserFactory(item_manager=True), "남의 가게")
    headings = "이름,분류,가격,인도 장소"
    _apply(manager, _plan(manager, "드릴,공구,1000,가 게", headings=headings))
    item = Item.objects.get()
    assert (item.pickup_place_id, item.place, item.latitude) == (place.pk, "가게", 37.5)
    refused = _plan(manager, "드릴,공구,1000,남의 가게", headings=headings)["rows"][0]
    assert [column for column, _message in refused["errors"]] == ["place"]
    assert _kinds(_plan(manager, f"{item.pk},가게", headings="id,인도 장소")) == ["unchanged"]
    other = _place(manager, "창고")
    moved = _plan(manager, f"{item.pk},창고", headings="id,인도 장소")
    assert moved["rows"][0]["changes"] == [["pickup_place", "가게", "창고"]]
    _apply(manager, moved)
    item.refresh_from_db()
    assert item.pickup_place_id == other.pk


def test_an_item_that_is_there_twice_is_refused_the_second_time(manager: Any) -> None:
    plan = _plan(manager, DRILL, DRILL)
    assert _kinds(plan) == ["new", "refused"]
    assert plan["rows"][1]["errors"][0] == ["id", "Row 2 is about the same item."]


def test_all_or_nothing_and_row_by_row(manager: Any) -> None:
    plan = _plan(manager, DRILL, TENT)
    ItemFactory(manager_id=manager.pk, code="A-2")  # meanwhile
    with pytest.raises(ImportRefusedError) as refused:
        _apply(manager, plan)
    assert refused.value.details["row"] == 3
    assert _facts() == []
    results = list(importing.import_rows(rows=plan["rows"], manager_id=manager.pk, now=NOW))
    assert [refusal if refusal is None else refusal.code for _row, refusal in results] == [None, "code_taken"]
    assert _facts() == ["ItemRegistered"]


def test_a_formula_without_a_result_is_refused(manager: Any) -> None:
    table = [reading.SheetRow(1, ["id", "이름"]), reading.SheetRow(2, ["", ""], frozenset({1}))]
    row = importing.plan_import(table=table, raw=b"", manager_id=manager.pk)["rows"][0]
    assert row["errors"][0] == ["name", "The cell has a formula without a result, or an error: write the value itself."]


def test_a_file_without_the_columns_or_with_one_twice_is_refused(manager: Any) -> None:
    with pytest.raises(ColumnsMissingError):
        _plan(manager, "1,2", headings="가,나")
    with pytest.raises(ColumnRepeatedError):
        _plan(manager, "1,2", headings="가격,Daily Price")
    assert _plan(manager, "드릴,x", headings="이름,메모")["left_out"] == ["메모"]


def test_what_is_downloaded_is_read_back_as_unchanged(manager: Any) -> None:
    place = _place(manager)
    ItemFactory(manager_id=manager.pk, name="=드릴", description="-5도\n두 줄", latitude=37.56631234567891, code="00123")
    ItemFactory(manager_id=manager.pk, pickup_place=place, place=place.name, latitude=37.5, longitude=127.0)
    items = list(Item.objects.order_by("id"))
    for kind in ("csv", "xlsx"):
        with override("ko"):
            table = ItemTable(with_managers=False)
            raw = b"".join(write(kind=kind, title="물건", headings=table.headings, rows=table.rows_of(items)))
        plan = importing.plan_import(table=reading.read(raw=raw), raw=raw, manager_id=manager.pk)
        assert plan["left_out"] == []
        assert [row["changes"] for row in plan["rows"]] == [[], []]
        assert _kinds(plan) == ["unchanged", "unchanged"]


def test_what_is_withdrawn_or_has_an_old_category_is_read_back_as_unchanged(manager: Any) -> None:
    old = ItemFactory(manager_id=manager.pk, code="A-1")
    services.withdraw_item(item_id=old.pk, by=manager.pk, now=NOW)
    ItemFactory(manager_id=manager.pk, code="A-1", name="새 드릴")
    Category.objects.filter(name_ko=old.category).update(is_active=False)
    known.clear_cache()
    table = ItemTable(with_managers=False)
    raw = b"".join(write(kind="xlsx", title="물건", headings=table.headings, rows=table.rows_of(list(Item.objects.order_by("id")))))
    rows = reading.read(raw=raw)
    plan = importing.plan_import(table=rows, raw=raw, manager_id=manager.pk)
    assert [(row["kind"], row["errors"]) for row in plan["rows"]] == [("unchanged", [])] * 2
    plan = _plan(manager, f"{old.pk},망치", headings="id,이름")
    assert plan["rows"][0]["errors"] == [["id", "There is no such item."]]


def test_an_item_that_was_imported_and_withdrawn_is_not_new(manager: Any) -> None:
    _apply(manager, _plan(manager, DRILL))
    services.withdraw_item(item_id=Item.objects.get().pk, by=manager.pk, now=NOW)
    assert _kinds(_plan(manager, DRILL)) == ["unchanged"]


def test_a_code_is_known_however_its_syllables_are_written(manager: Any) -> None:
    ItemFactory(manager_id=manager.pk, code="드릴", name="전동 드릴")
    rows = [unicodedata.normalize("NFD", "드릴,망치")] * 2
    assert _kinds(_plan(manager, *rows, headings="code,name")) == ["changed", "refused"]


def test_a_file_is_planned_in_few_statements(manager: Any, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    rows = [f"C-{number},드릴 {number},공구,1000,,서울,37.5,127" for number in range(1_000)]
    with django_assert_max_num_queries(12):
        plan = _plan(manager, *rows)
    assert set(_kinds(plan)) == {"new"}


def test_no_two_items_of_a_manager_have_one_code(manager: Any) -> None:
    _apply(manager, _plan(manager, DRILL))
    item = ItemFactory(manager_id=manager.pk)
    with pytest.raises(CodeTakenError):
        services.revise_item(item_id=item.pk, by=manager.pk, now=NOW, code="A-1")
    withdrawn = Item.objects.get(code="A-1")
    services.withdraw_item(item_id=withdrawn.pk, by=manager.pk, now=NOW)
    services.revise_item(item_id=item.pk, by=manager.pk, now=NOW, code="A-1")
    assert UUID(str(Item.objects.get(code="A-1", withdrawn_at=None).pk)) == item.pk
