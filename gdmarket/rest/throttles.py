"""Rate limits for people and addresses."""

import ipaddress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from gdmarket import clock
from gdmarket.rest import request_counts

_SECONDS = {"sec": 1, "min": 60, "hour": 3600, "day": 86400}
# How long a process refuses by itself whom the database has refused.
_REMEMBERED_S = 60.0


class _CacheThrottle(SimpleRateThrottle):
    """Counts in the cache: quick, and right across processes if they share it."""

    duration: int
    num_requests: int

    def allow_request(self, request: Request, view: Any) -> bool:
        key = self.get_cache_key(request, view) if self.rate is not None else None
        if key is None:
            return True
        self.key, self.now, self.history = key, self.timer(), self.cache.get(key, [])
        if self.history and self.history[0] > self.now + 1:
            self.history = []  # the clock was set back: nobody waits until it is there again
        while self.history and self.history[-1] <= self.now - self.duration:
            self.history.pop()
        return bool(self.throttle_failure() if len(self.history) >= self.num_requests else self.throttle_success())


class UserThrottle(_CacheThrottle):
    """At most `GDMARKET_THROTTLE_USER` requests a person; `off` lifts it."""

    scope = "user"

    def get_rate(self) -> str | None:
        return _rate(settings.GDMARKET_THROTTLE_USER)

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return f"throttle:user:{request.user.pk}" if request.user.is_authenticated else None


class AnonThrottle(_CacheThrottle):
    """At most `GDMARKET_THROTTLE_ANON` requests an address (IPv6: one /64), of people who are not signed in; `off` lifts it."""

    scope = "anon"

    def get_rate(self) -> str | None:
        return _rate(settings.GDMARKET_THROTTLE_ANON)

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return None if request.user.is_authenticated else f"throttle:anon:{address_of(request)}"


class AddressThrottle(BaseThrottle):
    """Counts an address's requests in the database: slower, and always right across processes. For what is rare and costly.

    A subclass names its `scope` and the `setting` that limits it: `20/hour`, or `off`.
    """

    scope: str
    setting: str

    def __init__(self) -> None:
        self._wait_s = 0.0

    def allow_request(self, request: HttpRequest | Request, view: Any) -> bool:
        rate = _rate(getattr(settings, self.setting))
        if rate is None:
            return True
        number, _, unit = rate.partition("/")
        subject = request_counts.subject_of(scope=self.scope, value=address_of(request))
        now, key, window = clock.now(), f"throttle:{self.scope}:{subject}", timedelta(seconds=_SECONDS[unit])
        ends_at: datetime | None = cache.get(key)  # it was over the limit a moment ago: nothing need be written
        if ends_at is None or not now < ends_at <= now + window + request_counts.CLOCK_SKEW:
            ends_at = request_counts.add(subject=subject, limit=int(number), window=window, now=now)
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


def _rate(setting: str) -> str | None:
    return None if setting == "off" else setting


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
    return network_of(BaseThrottle().get_ident(request))  # type: ignore[arg-type]  # it reads `META` alone
