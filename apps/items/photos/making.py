"""Making pictures of a file from anybody: one process at a time, whose memory and time are limited."""

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.items import domain
from apps.items.errors import NotAPictureError, PhotosBusyError, PhotoTooLargeError

MEMORY = 512 * 2**20
"""What a decoder may take: enough for 50 megapixels of any kind, and for 200 of a JPEG."""
_TIMEOUT_S = 20.0
# How many wait for each that is at work, with their files in memory.
_WAITING_FOR_EACH = 2
_RETRY_AFTER_S = 3.0
_PROGRAM = Path(__file__).parent / "decoding.py"
_PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """A photo as two files of WebP; `file` is a digest of both, by which they are kept."""

    large: bytes
    small: bytes
    width: int
    height: int

    @property
    def file(self) -> str:
        """The digest, of 32 hexadecimal digits."""
        return hashlib.blake2b(self.large + self.small, digest_size=16).hexdigest()


class _Making:
    """What this process makes: photos at work have a slot, these and those that wait have a place."""

    def __init__(self, *, at_once: int) -> None:
        self.slots = threading.BoundedSemaphore(at_once)
        self.places = threading.BoundedSemaphore(at_once * (1 + _WAITING_FOR_EACH))


@cache
def _making() -> _Making:
    return _Making(at_once=settings.GDMARKET_PHOTOS_AT_ONCE)


@contextmanager
def reserve_place() -> Iterator[None]:
    """Read a file and make pictures of it within this, so that neither threads nor memory are taken by many.

    :raises PhotosBusyError: if too many wait already
    """
    places = _making().places
    if not places.acquire(blocking=False):
        raise PhotosBusyError(retry_after_s=_RETRY_AFTER_S)
    try:
        yield
    finally:
        places.release()


def make_pictures(*, raw: bytes) -> Pictures:
    """Return the pictures of a photo: sRGB, upright, on white, and nothing but pixels.

    :raises PhotoTooLargeError: if it has more bytes or pixels than may be, or takes too much memory or time
    :raises NotAPictureError: if it is no JPEG, PNG, WebP, HEIC or AVIF, or a damaged one
    """
    if len(raw) > domain.MAX_PHOTO_BYTES:
        raise PhotoTooLargeError
    command = [sys.executable, "-I", str(_PROGRAM), str(MEMORY)]
    # Nothing of ours: the key and the database's password are variables.
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"MALLOC_ARENA_MAX": "1"}
    with _making().slots:
        try:
            ran = subprocess.run(command, input=raw, env=environment, capture_output=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as late:
            raise PhotoTooLargeError from late
    head, _, written = ran.stdout.partition(b"\n")
    if ran.returncode < 0:  # by a signal: the decoder crashed, or took too long
        _log.warning("the decoder of photos died of signal %d", -ran.returncode)
        raise NotAPictureError
    if ran.returncode:
        raise RuntimeError(f"photos cannot be decoded: {ran.stderr.decode(errors='replace')[-500:]}")
    answer: dict[str, Any] = json.loads(head)
    if refused := answer.get("refused"):
        raise PhotoTooLargeError if refused == "too_large" else NotAPictureError
    (width, height, length), (_width, _height, _length) = answer["sizes"]
    return Pictures(large=written[:length], small=written[length:], width=width, height=height)
