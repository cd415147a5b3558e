"""The commands that import items from a file and write tables to files."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.items.models import Item
from gdmarket.sheets import reading
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db

HEADINGS = "내 코드,이름,분류,하루 가격,보증금,장소,위도,경도"
DRILL = 'A-1,전동 드릴,공구,"12,000원",₩30000,서울 중구,37.5663,126.9779'
TENT = "A-2,텐트,캠핑,１５０００,,서울 중구,37.5663,126.9779"


def _command(manager: Any, file: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_items", str(file), "--manager", manager.email, *options, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_shows_and_then_does(manager: Any, tmp_path: Path) -> None:
    file = tmp_path / "물건.csv"
    file.write_bytes(f"{HEADINGS}\r\n{DRILL}\r\n{TENT}".replace("₩", "\\").encode("cp949"))
    shown = _command(manager, file)
    assert "2 new, 0 changed, 0 unchanged, 0 refused" in shown
    assert "Nothing was changed" in shown
    assert not Item.objects.exists()
    assert "Done." in _command(manager, file, "--apply")
    assert Item.objects.count() == 2
    assert "0 new, 0 changed, 2 unchanged" in _command(manager, file, "--apply")


def test_the_command_is_all_or_nothing_unless_it_is_told_otherwise(manager: Any, tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("\n".join([HEADINGS, DRILL, TENT.replace("캠핑", "없는 것")]))
    with pytest.raises(CommandError, match="Row 3"):
        _command(manager, file, "--apply")
    assert not Item.objects.exists()
    with pytest.raises(CommandError, match="Not all rows"):
        _command(manager, file, "--apply", "--per-row")
    assert Item.objects.get().name == "전동 드릴"


def test_the_command_refuses_who_is_no_manager_and_what_is_no_file(manager: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No item manager"):
        _command(UserFactory(), tmp_path / "x.csv")
    with pytest.raises(CommandError, match="cannot be read"):
        _command(manager, tmp_path / "x.csv")


def test_items_are_written_to_a_file_once(manager: Any, tmp_path: Path) -> None:
    ItemFactory(manager_id=manager.pk, name="전동 드릴")
    ItemFactory(name="남의 것")
    file = tmp_path / "items.xlsx"
    call_command("export_items", str(file), "--manager", manager.email)
    assert [row.cells[2] for row in reading.read(raw=file.read_bytes())] == ["name", "전동 드릴"]
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_items", str(file))
    call_command("export_items", str(file), "--overwrite")
    assert len(reading.read(raw=file.read_bytes())) == 3
    call_command("export_rentals", str(tmp_path / "rentals.csv"))
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["items.xlsx", "rentals.csv"]
