"""The payment provider behind a port; the setting GDMARKET_PAYMENT_GATEWAY names the adapter."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import PaymentGateway
from apps.payments.gateways.sandbox import SandboxGateway


def _sandbox() -> PaymentGateway:
    return SandboxGateway(book=settings.GDMARKET_DATA_DIR / "sandbox.sqlite3")


def _http() -> PaymentGateway:
    return _http_at(settings.GDMARKET_PAYMENT_URL, tuple(settings.GDMARKET_PAYMENT_WEBHOOK_SECRETS))


@cache  # one a process, so that its connections are used again
def _http_at(url: str, webhook_secrets: tuple[str, ...]) -> PaymentGateway:
    return HttpGateway(base_url=url, webhook_secrets=webhook_secrets)


GATEWAYS: dict[str, Callable[[], PaymentGateway]] = {"sandbox": _sandbox, "http": _http}


def current() -> PaymentGateway:
    """Return the gateway that the settings name.

    :raises ImproperlyConfigured: if there is none of that name
    """
    name: str = settings.GDMARKET_PAYMENT_GATEWAY
    if name not in GATEWAYS:
        raise ImproperlyConfigured(f"GDMARKET_PAYMENT_GATEWAY={name!r} is not a gateway; choose from: {', '.join(sorted(GATEWAYS))}.")
    return GATEWAYS[name]()
