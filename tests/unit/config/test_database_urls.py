"""The databases that the environment configures, and which contexts use them."""

from pathlib import Path

import pytest

from config.database_urls import databases

CONTEXTS = ("items", "rentals", "payments", "status_view")
HERE = "postgresql://market:secret@db.example.com/market"
THERE = "postgresql://market:secret@db.example.com/money"
VIEW = "postgresql://market:secret@db.example.com/view"


def configured(data_dir: Path, *, url: str = "", **urls: str) -> tuple[list[str], dict[str, str]]:
    found, at = databases(url=url, urls=dict.fromkeys(CONTEXTS, "") | urls, data_dir=data_dir)
    return list(found), at


def test_all_contexts_share_one_database_by_default(tmp_path: Path) -> None:
    everybody = dict.fromkeys(CONTEXTS, "default")

    assert configured(tmp_path) == (["default"], everybody)
    assert configured(tmp_path, url=HERE) == (["default"], everybody)


def test_a_context_with_a_url_of_its_own_has_a_database_named_after_it(tmp_path: Path) -> None:
    assert configured(tmp_path, url=HERE, payments=THERE) == (
        ["default", "payments"],
        {"items": "default", "rentals": "default", "payments": "payments", "status_view": "default"},
    )


@pytest.mark.parametrize("other", [HERE, "postgres://market@db.example.com:5432/market", f"{HERE}?sslmode=require"])
def test_another_way_to_write_one_database_makes_no_second(tmp_path: Path, other: str) -> None:
    assert configured(tmp_path, url=HERE, items=other)[0] == ["default"]


def test_one_sqlite_file_is_one_database_however_its_path_is_written(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()

    assert configured(tmp_path, rentals=f"sqlite:///{tmp_path}/sub/../gdmarket.sqlite3")[0] == ["default"]
    assert configured(tmp_path, rentals=f"sqlite:///{tmp_path}/rentals.sqlite3")[0] == ["default", "rentals"]


def test_contexts_with_one_url_share_a_database_named_after_the_first(tmp_path: Path) -> None:
    names, at = configured(tmp_path, rentals=THERE, payments=THERE, status_view=VIEW)

    assert names == ["default", "rentals", "status_view"]
    assert at == {"items": "default", "rentals": "rentals", "payments": "rentals", "status_view": "status_view"}


def test_an_engine_that_is_not_supported_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^A database's URL begins with one of postgresql, postgres, sqlite"):
        configured(tmp_path, status_view="mysql://market@db.example.com/view")
