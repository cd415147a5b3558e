"""Copies of photos are made while the sweep may remove some."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from config.backup import media


@pytest.fixture
def photos(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "config.media.MediaFolder", "OPTIONS": {"location": str(tmp_path / "media")}},
    }
    folder = tmp_path / "media" / "photos"
    folder.mkdir(parents=True)
    for name in "abc":
        (folder / f"{name}.webp").write_bytes(name.encode())
    return folder


def test_a_photo_that_is_swept_while_others_are_copied_is_left_out(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copyfile = shutil.copyfile

    def sweep_then_copy(source: Path, target: Path) -> Any:
        (photos / "b.webp").unlink(missing_ok=True)
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", sweep_then_copy)

    copied = media.copy(tmp_path / "copy")

    assert copied is not None
    assert copied.files == 2
    assert sorted(path.name for path in (tmp_path / "copy").rglob("*.webp")) == ["a.webp", "c.webp"]
    media.check_copy(tmp_path / "copy", copied)


def test_no_folder_is_made_where_there_is_no_photo(photos: Path, tmp_path: Path) -> None:
    shutil.rmtree(photos)

    assert media.copy(tmp_path / "copy") is None
    assert not (tmp_path / "copy").exists()
