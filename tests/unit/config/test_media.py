"""Files in a bucket: at a server that speaks S3."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from moto.server import ThreadedMotoServer
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.items.services import photo_files
from config import media
from gdmarket import clock
from tests.factories import pictures
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

BUCKET = "market-photos"


@pytest.fixture
def bucket(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client: Any = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    settings.STORAGES = {**settings.STORAGES, "default": media.storage(folder=tmp_path, bucket=BUCKET, endpoint=endpoint)}
    yield client
    server.stop()


@pytest.mark.django_db
def test_photos_are_kept_served_and_swept_in_a_bucket(bucket: Any, as_user: Callable[[Any], APIClient]) -> None:
    manager = UserFactory(item_manager=True)
    item, client = ItemFactory(manager_id=manager.pk), as_user(manager)
    file = SimpleUploadedFile("IMG.HEIC", pictures.heic(), "image/heic")

    answer = client.post(f"/api/v1/items/{item.id}/photos", {"file": file}, format="multipart")

    assert answer.status_code == 201, answer.content
    (photo,) = answer.json()["photos"]
    stored = bucket.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert len(stored) == 2
    held = bucket.get_object(Bucket=BUCKET, Key=photo["url"].partition("/media/")[2])
    assert (held["ContentType"], held["CacheControl"]) == ("image/webp", media.FOR_EVER)
    served = client.get(photo["url"])
    assert (served.status_code, served.content) == (200, held["Body"].read())
    assert client.get(f"/media/photos/{'0' * 32}.webp").status_code == 404

    assert client.delete(f"/api/v1/items/{item.id}/photos/{photo['id']}").status_code == 204
    assert list(photo_files.sweep(now=clock.now())) == []
    assert len(list(photo_files.sweep(now=clock.now() + photo_files.KEPT))) == 1
    assert "Contents" not in bucket.list_objects_v2(Bucket=BUCKET)
    assert client.get(photo["url"]).status_code == 404


def test_without_a_bucket_photos_are_in_the_folder(settings: Settings, tmp_path: Path, client: Client) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": media.storage(folder=tmp_path, bucket="", endpoint="")}
    name = f"photos/{'0' * 32}.webp"
    default_storage.save(name, ContentFile(b"a picture"))
    assert (tmp_path / name).read_bytes() == client.get(f"/media/{name}").content == b"a picture"


def test_a_bucket_that_does_not_answer_holds_a_thread_for_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: Client
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(media, "_READ_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and says nothing
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings.STORAGES = {**settings.STORAGES, "default": media.storage(folder=tmp_path, bucket=BUCKET, endpoint=endpoint)}
        began_s = time.monotonic()
        answer = client.get(f"/media/photos/{'0' * 32}.webp")
        took_s = time.monotonic() - began_s
    assert (answer.status_code, answer["Cache-Control"], answer["Retry-After"]) == (503, "no-store", "5")
    assert took_s < 10  # by itself the library waits for five times a minute


def test_pages_may_show_files_of_the_address_that_is_set_and_of_no_other() -> None:
    assert media.content_security_policy(url="")["DIRECTIVES"]["img-src"] == ["'self'", "data:"]
    elsewhere = media.content_security_policy(url="https://cdn.example.com/market/")
    assert elsewhere["DIRECTIVES"]["img-src"] == ["'self'", "data:", "https://cdn.example.com"]
