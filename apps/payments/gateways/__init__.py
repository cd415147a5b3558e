"""The payment provider behind a port; the setting GDMARKET_PAYMENT_GATEWAY names the adapter."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.payments.gateways.port import PaymentGateway
from apps.payments.gateways.sandbox import SandboxGateway


def _sandbox() -> PaymentGateway:
    return SandboxGateway(book=settings.GDMARKET_DATA_DIR / "sandbox.sqlite3")


GATEWAYS: dict[str, Callable[[], PaymentGateway]] = {"sandbox": _sandbox}


def current() -> PaymentGateway:
    """Return the gateway that the settings name.

    :raises ImproperlyConfigured: if there is none of that name
    """
    name: str = settings.GDMARKET_PAYMENT_GATEWAY
    if name not in GATEWAYS:
        raise ImproperlyConfigured(f"GDMARKET_PAYMENT_GATEWAY={name!r} is not a gateway; choose from: {', '.join(sorted(GATEWAYS))}.")
    return GATEWAYS[name]()
