"""Rate limits for people and addresses."""

import ipaddress
import time
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from gdmarket import clock
from gdmarket.rest import request_counts

_SECONDS = {"sec": 1, "min": 60, "hour": 3600, "day": 86400}
# How long a process refuses by itself whom the database has refused.
_REMEMBERED_S = 60.0


class _CacheThrottle(BaseThrottle, ABC):
    """Counts in the cache, in windows of the clock: quick, and right across processes if they share it.

    The number of the window is in the key. So a clock that is set back, or a cache that keeps a key for too long, makes nobody wait for
    a window that is over.
    """

    setting: str

    def __init__(self) -> None:
        self._wait_s = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        rate = getattr(settings, self.setting)
        caller = None if rate == "off" else self.key_of(request)
        if caller is None:
            return True
        number, window_s = _number_and_seconds(rate)
        window, passed_s = divmod(time.time(), window_s)
        if _count(f"{caller}:{window_s}:{window:.0f}", window_s) <= number:
            return True
        self._wait_s = window_s - passed_s
        return False

    @abstractmethod
    def key_of(self, request: Request) -> str | None:
        """Return under which key a request is counted, but for the window; None if it is not."""

    def wait(self) -> float:
        return self._wait_s


class UserThrottle(_CacheThrottle):
    """At most `GDMARKET_THROTTLE_USER` requests a person; `off` lifts it."""

    setting = "GDMARKET_THROTTLE_USER"

    def key_of(self, request: Request) -> str | None:
        """Return the person's key."""
        return f"rate:user:{request.user.pk}" if request.user.is_authenticated else None


class AnonThrottle(_CacheThrottle):
    """At most `GDMARKET_THROTTLE_ANON` requests an address (IPv6: one /64), of people who are not signed in; `off` lifts it."""

    setting = "GDMARKET_THROTTLE_ANON"

    def key_of(self, request: Request) -> str | None:
        """Return the address's key."""
        return None if request.user.is_authenticated else f"rate:anon:{address_of(request)}"


class UploadThrottle(_CacheThrottle):
    """At most `GDMARKET_THROTTLE_UPLOADS` files a person; `off` lifts it."""

    setting = "GDMARKET_THROTTLE_UPLOADS"

    def key_of(self, request: Request) -> str | None:
        """Return the person's key; what only reads is not counted."""
        return f"rate:upload:{request.user.pk}" if request.method == "POST" and request.user.is_authenticated else None


class WalkInThrottle(_CacheThrottle):
    """At most `GDMARKET_THROTTLE_WALK_INS` bookings at the desk a person, refused ones among them; `off` lifts it."""

    setting = "GDMARKET_THROTTLE_WALK_INS"

    def key_of(self, request: Request) -> str | None:
        """Return the person's key."""
        return f"rate:walk-in:{request.user.pk}" if request.user.is_authenticated else None


class AddressThrottle(BaseThrottle):
    """Counts an address's requests in the database: slower, and always right across processes. For what is rare and costly.

    A subclass names its `scope` and the `setting` that limits it: `20/hour`, or `off`.
    """

    scope: str
    setting: str

    def __init__(self) -> None:
        self._wait_s = 0.0

    def allow_request(self, request: HttpRequest | Request, view: Any) -> bool:
        rate = getattr(settings, self.setting)
        if rate == "off":
            return True
        number, window_s = _number_and_seconds(rate)
        subject = request_counts.subject_of(scope=self.scope, value=address_of(request))
        now, key, window = clock.now(), f"throttle:{self.scope}:{subject}", timedelta(seconds=window_s)
        ends_at: datetime | None = cache.get(key)  # it was over the limit a moment ago: nothing need be written
        if ends_at is None or not now < ends_at <= now + window + request_counts.CLOCK_SKEW:
            ends_at = request_counts.add(subject=subject, limit=number, window=window, now=now)
        if ends_at is None:
            return True
        self._wait_s = max(0.0, (ends_at - now).total_seconds())
        cache.set(key, ends_at, timeout=min(self._wait_s, _REMEMBERED_S))
        return False

    def wait(self) -> float:
        return self._wait_s


class AuthThrottle(AddressThrottle):
    """At most `GDMARKET_THROTTLE_AUTH` requests an address to register and sign in, by the API and in the admin."""

    scope, setting = "auth", "GDMARKET_THROTTLE_AUTH"


class RegistrationThrottle(AddressThrottle):
    """At most `GDMARKET_THROTTLE_REGISTER` requests an address to register."""

    scope, setting = "register", "GDMARKET_THROTTLE_REGISTER"


def _count(key: str, window_s: int) -> int:
    """Count a request in the cache, and return how many there are with it."""
    try:
        return cache.incr(key)
    except ValueError:  # it is the first of its window
        if cache.add(key, 1, timeout=window_s):
            return 1
    try:
        return cache.incr(key)  # another process was faster
    except ValueError:  # and the cache has forgotten it already
        return 1


@lru_cache(maxsize=32)
def _number_and_seconds(rate: str) -> tuple[int, int]:
    number, _, unit = rate.partition("/")
    return int(number), _SECONDS[unit]


@lru_cache(maxsize=1024)
def network_of(address: str | None) -> str:
    """Return what counts as one caller's address: an IPv4 address, or the /64 of an IPv6 one, all of which one customer has.

    A server without an address, as behind a Unix socket, has one caller: the empty one.
    """
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def address_of(request: HttpRequest | Request) -> str:
    """Return the network address a request comes from, according to the trusted proxies (`NUM_PROXIES`), as `network_of` has it."""
    return network_of(BaseThrottle().get_ident(request))  # type: ignore[arg-type]  # it reads headers and META, which both have
