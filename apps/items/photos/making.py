"""Making pictures of a file from anybody: one process at a time, whose memory and time are limited."""

import hashlib
import json
import logging
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.items import domain
from apps.items.errors import NotAPictureError, PhotosBusyError, PhotoTooLargeError

MEMORY = 512 * 2**20
"""What a decoder may take: enough for 50 megapixels of most kinds, for 20 of a WebP, and for 210 of a JPEG."""
_TIMEOUT_S = 20.0
# How many wait for each that is at work, with their files in memory.
_WAITING_FOR_EACH = 2
_RETRY_AFTER_S = 3.0
_MAX_ANSWER = 8 * 2**20
_MAX_SIDE, _MAX_TOLD = 1280, 2**16
# Taken by the kernel, for its seconds or for the machine's memory, or given up by a decoder in C++ that gets no memory.
_TOOK_TOO_MUCH = {signal.SIGXCPU, signal.SIGKILL, signal.SIGABRT}
_PROGRAM = Path(__file__).parent / "decoding.py"
_PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Renditions:
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
    """What this process makes: photos that are decoded, and slots for these and those that wait."""

    def __init__(self, *, at_once: int) -> None:
        self.decoders = threading.BoundedSemaphore(at_once)
        self.slots = threading.BoundedSemaphore(at_once * (1 + _WAITING_FOR_EACH))


@cache
def _making() -> _Making:
    return _Making(at_once=settings.GDMARKET_PHOTOS_AT_ONCE)


@contextmanager
def reserve_slot() -> Iterator[None]:
    """Read a file and make pictures of it within this, so that neither threads nor memory are taken by many.

    :raises PhotosBusyError: if too many wait already
    """
    slots = _making().slots
    if not slots.acquire(blocking=False):
        raise PhotosBusyError(retry_after_s=_RETRY_AFTER_S)
    try:
        yield
    finally:
        slots.release()


def make_pictures(*, raw: bytes) -> Renditions:
    """Return the pictures of a photo: sRGB, upright, on white, and nothing but pixels.

    :raises PhotoTooLargeError: if it has more bytes or pixels than may be, or takes too much memory or processor time
    :raises NotAPictureError: if it is no JPEG, PNG, WebP, HEIC or AVIF, or a damaged one
    :raises PhotosBusyError: if the machine is too busy to decode it in time
    """
    if len(raw) > domain.MAX_PHOTO_BYTES:
        raise PhotoTooLargeError
    with _making().decoders:
        died_of, written = _decode(raw)
    if died_of:
        _log.warning("the decoder of photos died of signal %d", died_of)
        raise PhotoTooLargeError if died_of in _TOOK_TOO_MUCH else NotAPictureError
    try:
        return _pictures(written)
    except (ValueError, TypeError, AttributeError, LookupError, struct.error) as error:
        _log.warning("the decoder of photos answered what it never does: %s", error)
        raise NotAPictureError from error


def _decode(raw: bytes) -> tuple[int, bytes]:
    """Return the signal of which the decoder died, or 0, and its answer, of which no more is read than may be.

    :raises PhotosBusyError: if it takes too long
    :raises RuntimeError: if it cannot be started
    """
    command = [sys.executable, "-I", str(_PROGRAM), str(MEMORY)]
    # Nothing of ours: the key and the database's password are variables.
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"MALLOC_ARENA_MAX": "1"}
    pipe, is_late = subprocess.PIPE, threading.Event()
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:

        def give_up() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(_TIMEOUT_S, give_up)
        timer.start()
        try:
            # It reads all before it answers.
            with suppress(BrokenPipeError), process.stdin as into:  # type: ignore[union-attr]  # there is a pipe
                into.write(raw)
            written = process.stdout.read(_MAX_ANSWER + 1)  # type: ignore[union-attr]
            if len(written) > _MAX_ANSWER:
                process.kill()
            told = process.stderr.read(_MAX_TOLD)  # type: ignore[union-attr]
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
    if is_late.is_set():
        raise PhotosBusyError(retry_after_s=_RETRY_AFTER_S)
    if len(written) > _MAX_ANSWER:
        raise NotAPictureError
    if code > 0:
        raise RuntimeError(f"photos cannot be decoded: {told.decode(errors='replace')[-500:]}")
    return -code, written


def _pictures(answer: bytes) -> Renditions:
    """Return the pictures of an answer.

    :raises PhotoTooLargeError, NotAPictureError: if that is the answer
    :raises ValueError, TypeError, AttributeError, LookupError, struct.error: if it is not what a decoder answers that nobody has taken over
    """
    head, _, written = answer.partition(b"\n")
    told: dict[str, Any] = json.loads(head)
    if refused := told.get("refused"):
        raise PhotoTooLargeError if refused == "too_large" else NotAPictureError
    (width, height, length), small = told["sizes"]
    _check_webp(written[:length], width, height)
    _check_webp(written[length:], small[0], small[1])
    return Renditions(large=written[:length], small=written[length:], width=width, height=height)


def _check_webp(content: bytes, width: int, height: int) -> None:
    """Raise ValueError unless this is one whole WebP of the plain kind, and of the size that was told."""
    riff, length, kind, start, *size = struct.unpack_from("<4sI8s7x3sHH", content)
    if (riff, length + 8, kind, start) != (b"RIFF", len(content), b"WEBPVP8 ", b"\x9d\x01\x2a"):
        raise ValueError("no WebP")
    if size != [width, height] or not 0 < max(size) <= _MAX_SIDE:
        raise ValueError("another size")
