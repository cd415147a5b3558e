"""What must be right before the market is reached from beyond this machine: it refuses to start otherwise."""

import ipaddress
from collections.abc import Collection, Iterator
from typing import Any

# Words of keys in examples, tests and builds.
_WELL_KNOWN = ("unused", "only-for-tests", "django-insecure", "change-me", "changeme", "secret", "example", "everybody-knows")
_NEW_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
_SHORTEST_KEY, _FEWEST_CHARACTERS = 50, 12  # as Django's security.W009, and harder to guess


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on `host` can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def has_known_word(key: str) -> bool:
    """Return whether a secret key is one of examples, tests or the demo."""
    return any(word in key.lower() for word in _WELL_KNOWN)


def is_short(key: str) -> bool:
    """Return whether a secret key has fewer than 50 characters, or fewer than 12 different ones."""
    return len(key) < _SHORTEST_KEY or len(set(key)) < _FEWEST_CHARACTERS


def list_insecure_settings(settings: Any) -> Iterator[str]:
    """Yield why a market with these settings must not be reached from beyond this machine, each with what to set."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        name = "GDMARKET_SECRET_KEY" if key == settings.SECRET_KEY else "a key of GDMARKET_SECRET_KEY_FALLBACKS"
        if is_short(key) or (has_known_word(key) and not settings.GDMARKET_PUBLIC_DEMO):
            yield f"{name} can be guessed: set another, from {_NEW_KEY}"
    if settings.DEBUG:
        yield "GDMARKET_DEBUG is on, and error pages show the settings: unset it"
    if "*" in settings.ALLOWED_HOSTS:
        yield "GDMARKET_ALLOWED_HOSTS is *: set the names it is reached by"


def refusal(settings: Any, *, hosts: Collection[str] = ()) -> str | None:
    """Return the words with which a server refuses to start; None if it may. It listens on `hosts`; without any, on `GDMARKET_HOST`.

    One that listens on this machine alone and trusts no proxy may always.
    """
    beyond = [host for host in hosts or [settings.GDMARKET_HOST] if not is_loopback(host)]
    if not beyond and not settings.GDMARKET_TRUSTED_PROXIES:
        return None
    found = list(list_insecure_settings(settings))
    how = f"listens on {', '.join(beyond)}" if beyond else "is behind a proxy"
    return "\n".join([f"It {how} and is not secure:", *(f"  - {reason}" for reason in found)]) if found else None


def may_load_demo(settings: Any) -> bool:
    """Return whether people may be made whose password everybody knows: on this machine alone, or where the operator says so."""
    is_here = is_loopback(settings.GDMARKET_HOST) and not settings.GDMARKET_TRUSTED_PROXIES
    return is_here or bool(settings.GDMARKET_PUBLIC_DEMO)
