"""Hashing of passwords, of which a process does a few at once: each takes most of a second of one core."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from apps.accounts.errors import HashingBusyError

# How many wait for each that is at work: the last waits for two or three hashes.
_WAITING_FOR_EACH = 2
_RETRY_AFTER_S = 2.0


class _Hashing:
    """The hashes of this process: those at work have a slot, these and those that wait have a place."""

    def __init__(self, *, at_once: int) -> None:
        self.slots = threading.BoundedSemaphore(at_once)
        self.places = threading.BoundedSemaphore(at_once * (1 + _WAITING_FOR_EACH))


@cache
def _hashing() -> _Hashing:
    return _Hashing(at_once=settings.GDMARKET_HASHES_AT_ONCE)


class BoundedPasswordHasher(PBKDF2PasswordHasher):
    """Django's own, waiting for its turn."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with _hashing().slots:
            return super().encode(password, salt, iterations)


@contextmanager
def reserve_place() -> Iterator[None]:
    """Do what hashes a password within this, so that not all threads of the process wait for hashes.

    :raises HashingBusyError: if too many wait already
    """
    places = _hashing().places
    if not places.acquire(blocking=False):
        raise HashingBusyError(retry_after_s=_RETRY_AFTER_S)
    try:
        yield
    finally:
        places.release()
