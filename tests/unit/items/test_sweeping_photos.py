"""Files of photos that no item has any more."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connections

from apps.items import domain, queries, services
from apps.items.errors import PhotosBusyError, VersionMismatchError
from apps.items.models import Item, PhotoFile
from apps.items.photos import making, storing
from apps.items.services import photo_files, photographing
from gdmarket import databases
from gdmarket.errors import DomainError
from tests.factories import pictures
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2036, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "config.media.MediaFolder", "OPTIONS": {"location": tmp_path}}}
    return tmp_path


def add(item: Item, *, now: datetime = NOW, raw: bytes | None = None) -> Any:
    made = photographing.add_photo(item_id=item.id, by=item.manager_id, photo_id=uuid4(), raw=raw or pictures.jpeg(), now=now)
    return (made.photos or [])[-1]


def remove(item: Item, photo: Any, *, now: datetime = NOW) -> None:
    photographing.remove_photo(item_id=item.id, by=item.manager_id, photo_id=UUID(photo["id"]), now=now)


def sweep(now: datetime, **options: Any) -> list[str]:
    return list(photo_files.sweep(now=now, **options))


def test_files_go_a_day_after_the_last_item_let_go_of_them() -> None:
    items = [ItemFactory(), ItemFactory()]
    photos = [add(item) for item in items]
    file = photos[0]["file"]
    assert photos[1]["file"] == file
    remove(items[0], photos[0])
    assert sweep(NOW + 9 * DAY) == []
    remove(items[1], photos[1], now=NOW + 9 * DAY)
    assert sweep(NOW + 9.5 * DAY) == []
    assert storing.is_whole(file)
    assert sweep(NOW + 10 * DAY, dry_run=True) == [file]
    assert storing.is_whole(file)
    assert sweep(NOW + 10 * DAY) == [file]
    assert not any(default_storage.exists(name) for name in domain.photo_names(file=file))
    assert sweep(NOW + 10 * DAY) == []
    assert not PhotoFile.objects.exists()


def test_a_withdrawn_item_keeps_its_photos() -> None:
    item = ItemFactory()
    photo = add(item)
    Item.objects.filter(id=item.id).update(state="withdrawn", withdrawn_at=NOW)
    assert sweep(NOW + 9 * DAY) == []
    assert storing.is_whole(photo["file"])


def test_files_that_nobody_knows_of_are_kept_a_day_and_then_go() -> None:
    default_storage.save("photos/" + "a" * 32 + ".webp", ContentFile(b"x"))
    assert sweep(NOW, dry_run=True) == []
    assert not PhotoFile.objects.exists()
    assert sweep(NOW) == []
    assert sweep(NOW + DAY) == ["a" * 32]
    assert list(storing.list_files()) == []


def test_what_is_interrupted_before_the_commit_leaves_a_file_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    item = ItemFactory()
    monkeypatch.setattr(services, "publish_revision", _fail)
    with pytest.raises(ZeroDivisionError):
        add(item)
    (file,) = storing.list_files()
    assert Item.objects.get(id=item.id).photos is None
    assert sweep(NOW + DAY) == [file]


def test_a_photo_that_is_added_again_while_files_are_swept_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    item = ItemFactory()
    photo = add(item)
    remove(item, photo)
    looked: Callable[[], set[str]] = queries.list_photo_files

    def looked_just_before_it_was_added() -> set[str]:
        seen = looked()
        add(item, now=NOW + 2 * DAY)
        return seen

    monkeypatch.setattr(queries, "list_photo_files", looked_just_before_it_was_added)
    assert sweep(NOW + 2 * DAY) == []
    assert storing.is_whole(photo["file"])


def test_a_photo_whose_files_were_swept_meanwhile_is_refused_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    item = ItemFactory()

    def put_and_lose(*, pictures: making.Renditions) -> None:
        PhotoFile.objects.filter(file=pictures.file).delete()

    monkeypatch.setattr(storing, "put", put_and_lose)
    with pytest.raises(PhotosBusyError):
        add(item)
    assert Item.objects.get(id=item.id).photos is None


@pytest.mark.postgresql
@pytest.mark.parametrize("is_claimed", [True, False], ids=["claimed", "control: not claimed"])
@pytest.mark.django_db(transaction=True)
def test_files_that_a_row_is_about_to_name_are_not_removed(is_claimed: bool) -> None:
    item, later = ItemFactory(), NOW + 2 * DAY
    photo = add(item)
    remove(item, photo)
    swept: list[str] = []

    def sweep_meanwhile() -> None:
        swept.extend(sweep(later))
        connections.close_all()

    sweeper = Thread(target=sweep_meanwhile)
    with databases.transaction_for("items"):
        if is_claimed:
            photo_files.claim(files={photo["file"]}, now=later)
        sweeper.start()
        sweeper.join(timeout=0.5)
        Item.objects.filter(id=item.id).update(photos=[photo])
    sweeper.join()

    assert storing.is_whole(photo["file"]) is is_claimed
    assert swept == ([] if is_claimed else [photo["file"]])


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_photo_that_is_added_while_others_are_arranged_stays() -> None:
    item = ItemFactory()
    photo = add(item)
    refused: list[DomainError] = []

    def arrange(expected_version: int | None) -> None:
        given: Any = {"item_id": item.id, "by": item.manager_id, "positions": {}, "removed": [], "now": NOW}
        try:
            photographing.arrange_photos(alts={photo["id"]: "앞"}, expected_version=expected_version, **given)
        except DomainError as refusal:
            refused.append(refusal)
        finally:
            connections.close_all()

    arrangers = [Thread(target=arrange, args=(version,)) for version in (None, 2)]
    with databases.transaction_for("items"):
        add(item, raw=pictures.png())
        for arranger in arrangers:
            arranger.start()
            arranger.join(timeout=0.5)
            assert arranger.is_alive()
    for arranger in arrangers:
        arranger.join()

    assert [one["alt"] for one in Item.objects.get(id=item.id).photos or []] == ["앞", ""]
    assert [refusal.code for refusal in refused] == [VersionMismatchError.code]


def test_no_item_gets_files_that_are_being_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    item = ItemFactory()
    photo = add(item)
    remove(item, photo)
    removed = storing.remove

    def remove_while_it_is_added(*, file: str) -> None:
        with pytest.raises(PhotosBusyError):
            add(item, now=NOW + 2 * DAY)
        with pytest.raises(PhotosBusyError), databases.transaction_for("items"):
            photo_files.claim(files={file}, now=NOW + 2 * DAY)
        removed(file=file)

    monkeypatch.setattr(storing, "remove", remove_while_it_is_added)
    assert sweep(NOW + 2 * DAY) == [photo["file"]]
    assert Item.objects.get(id=item.id).photos is None
    assert add(item, now=NOW + 2 * DAY)["file"] == photo["file"]
    assert storing.is_whole(photo["file"])


def test_a_removal_that_was_interrupted_is_done_by_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    item = ItemFactory()
    photo = add(item)
    remove(item, photo)
    with monkeypatch.context() as broken:
        broken.setattr(storing, "remove", _fail)
        with pytest.raises(ZeroDivisionError):
            sweep(NOW + 2 * DAY)
    assert PhotoFile.objects.get().removing_at == NOW + 2 * DAY
    assert sweep(NOW + 3 * DAY) == [photo["file"]]
    assert not PhotoFile.objects.exists()


def test_files_with_other_names_are_left_alone(folder: Path) -> None:
    for name in ("a" * 33 + ".webp", "A" * 32 + ".webp", "map.webp", "a" * 32 + "-large.webp"):
        default_storage.save(f"photos/{name}", ContentFile(b"x"))
    assert sweep(NOW) == []
    assert sweep(NOW + 2 * DAY) == []
    assert not PhotoFile.objects.exists()
    assert len(list((folder / "photos").iterdir())) == 4


def test_what_was_begun_and_never_finished_goes_after_a_day(folder: Path) -> None:
    (folder / "photos").mkdir()
    old, new, other = (folder / "photos" / name for name in (f".{'a' * 32}.webp.12.345", f".{'b' * 32}-small.webp.12.345", ".gitkeep"))
    for path, age in ((old, DAY), (new, DAY / 2), (other, 9 * DAY)):
        path.write_bytes(b"half")
        os.utime(path, times=((NOW - age).timestamp(),) * 2)
    assert sweep(NOW, dry_run=True) == []
    assert old.exists()
    assert sweep(NOW) == []
    assert [path.exists() for path in (old, new, other)] == [False, True, True]


def test_the_command_says_what_it_removed(capsys: pytest.CaptureFixture[str]) -> None:
    item = ItemFactory()
    remove(item, add(item, now=NOW - 9000 * DAY), now=NOW - 9000 * DAY)
    call_command("sweep_photos", "--dry-run")
    call_command("sweep_photos")
    call_command("sweep_photos")
    assert capsys.readouterr().out.splitlines() == ["1 photo would be removed.", "1 photo was removed.", "0 photos were removed."]


def test_a_folder_has_whole_files_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ContentFile):  # type: ignore[type-arg]  # not generic at run time
        def chunks(self, chunk_size: int | None = None) -> Any:
            yield b"half"
            raise ZeroDivisionError

    default_storage.save("photos/one.webp", ContentFile(b"old"))
    with pytest.raises(ZeroDivisionError):
        default_storage.save("photos/one.webp", Broken(b""))
    assert [path.read_bytes() for path in (folder / "photos").iterdir()] == [b"old"]
    assert default_storage.save("photos/one.webp", ContentFile(b"new")) == "photos/one.webp"
    assert [path.read_bytes() for path in (folder / "photos").iterdir()] == [b"new"]


def _fail(**_: Any) -> None:
    raise ZeroDivisionError
