"""Rate limits for people and addresses."""

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle


class UserThrottle(SimpleRateThrottle):
    """At most `GDMARKET_THROTTLE_USER` requests a person; `off` lifts it."""

    scope = "user"

    def get_rate(self) -> str | None:
        return _rate(settings.GDMARKET_THROTTLE_USER)

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return f"throttle:user:{request.user.pk}" if request.user.is_authenticated else None


class AnonThrottle(SimpleRateThrottle):
    """At most `GDMARKET_THROTTLE_ANON` requests an address (IPv6: one /64), of people who are not signed in; `off` lifts it."""

    scope = "anon"

    def get_rate(self) -> str | None:
        return _rate(settings.GDMARKET_THROTTLE_ANON)

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return None if request.user.is_authenticated else f"throttle:anon:{network_of(self.get_ident(request))}"


def _rate(setting: str) -> str | None:
    return None if setting == "off" else setting


def network_of(address: str) -> str:
    """Return what counts as one caller's address: an IPv4 address, or the /64 of an IPv6 one, all of which one customer has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def address_of(request: HttpRequest | Request) -> str:
    """Return the network address a request comes from, according to the trusted proxies (`NUM_PROXIES`)."""
    address: str = BaseThrottle().get_ident(request)  # type: ignore[arg-type]  # it reads `META` alone
    return address
