"""Files that people sent: where they are kept, and how they are served. They are named by their content, and never change."""

import importlib.util
import logging
import os
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.files.storage import FileSystemStorage, default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseNotFound
from environs import ValidationError

FOR_EVER = "public, max-age=31536000, immutable"
# Of a bucket, each time.
_CONNECT_S, _READ_S, _ATTEMPTS = 2, 5, 2
_log = logging.getLogger(__name__)
_NAME = re.compile(r"photos/([0-9a-f]{32}(?:-small)?)\.webp")
_HEADERS = {
    "Cache-Control": FOR_EVER,
    # What is opened by itself is a picture and nothing else.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # A page of another origin may show it.
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def check_bucket(bucket: str) -> None:
    """Refuse a bucket without the libraries for it.

    :raises environs.ValidationError: then
    """
    if bucket and importlib.util.find_spec("storages") is None:
        raise ValidationError("S3's libraries are missing: pip install --require-hashes -r requirements/s3.lock")


class MediaFolder(FileSystemStorage):
    """A folder in which a file is either whole or not there, and one that is saved again is replaced."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # Django's hook
        """Return the name itself, which the content has."""
        return name

    def _save(self, name: str, content: Any) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name that is nobody else's: two processes may save the same file.
        partial = path.with_name(f".{path.name}.{os.getpid()}.{id(content)}")
        try:
            with partial.open("wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name, too, is there after a power failure
        finally:
            os.close(folder)
        return name


def storage(*, folder: Path, bucket: str, endpoint: str) -> dict[str, Any]:
    """Return the entry of STORAGES for these files."""
    if not bucket:
        return {"BACKEND": "config.media.MediaFolder", "OPTIONS": {"location": folder}}
    from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415  # installed for a bucket alone

    options = {
        "bucket_name": bucket,
        "endpoint_url": endpoint or None,
        # A thread that answers a request waits for it: by itself it would, five times, for a minute.
        "client_config": Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"total_max_attempts": _ATTEMPTS},
            s3={"addressing_style": "path"} if endpoint else None,
        ),
        "querystring_auth": False,
        "object_parameters": {"CacheControl": FOR_EVER, "ContentType": "image/webp"},
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def content_security_policy(*, url: str) -> dict[str, Any]:
    """Return the policy of pages, which show files from the market itself, or from `url`."""
    parts = urlsplit(url)
    images = [SELF, "data:", f"{parts.scheme}://{parts.netloc}"] if parts.netloc else [SELF, "data:"]
    return {
        "DIRECTIVES": {
            "default-src": [SELF],
            "img-src": images,
            "object-src": [NONE],
            "base-uri": [SELF],
            "form-action": [SELF],
            "frame-ancestors": [NONE],
        },
    }


def serve_media(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Serve files below `/media/`, wherever they are kept: to anybody, without a session or a language."""

    def respond(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/media/"):
            return get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return _file(request, request.path_info.removeprefix("/media/"))

    return respond


def _file(request: HttpRequest, name: str) -> HttpResponse:
    known = _NAME.fullmatch(name)
    if known is None:
        return _not_found()
    etag = f'"{known[1]}"'
    if etag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers={**_HEADERS, "ETag": etag}, content_type="image/webp")
    try:
        with default_storage.open(name) as file:
            content = file.read()
    except FileNotFoundError:
        return _not_found()
    except Exception:  # noqa: BLE001  # whatever a storage raises: a bucket that does not answer, or refuses
        _log.exception("a photo could not be read")
        return HttpResponse(status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Cache-Control": "no-store", "Retry-After": "5"})
    return HttpResponse(content, headers={**_HEADERS, "ETag": etag}, content_type="image/webp")


def _not_found() -> HttpResponse:
    return HttpResponseNotFound(headers={"Cache-Control": "no-store"})
