"""The payment provider behind a port; the setting GDMARKET_PAYMENT_GATEWAY names the adapter."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.payments.gateways.port import PaymentGateway
from apps.payments.gateways.sandbox import SandboxGateway


def _sandbox() -> PaymentGateway:
    return SandboxGateway(store=settings.GDMARKET_DATA_DIR / "sandbox.sqlite3")


def _http() -> PaymentGateway:
    from apps.payments.gateways.http import HttpGateway  # noqa: PLC0415  # an HTTP client takes a while to import

    secrets, insecure = settings.GDMARKET_PAYMENT_WEBHOOK_SECRETS, settings.GDMARKET_PAYMENT_INSECURE_HOSTS
    return _once(HttpGateway, base_url=settings.GDMARKET_PAYMENT_URL, webhook_secrets=tuple(secrets), insecure_hosts=tuple(insecure))


def _stripe() -> PaymentGateway:
    try:
        from apps.payments.gateways.stripe.gateway import StripeGateway  # noqa: PLC0415  # its library is an extra
    except ModuleNotFoundError as missing:
        raise ImproperlyConfigured("Stripe's library is missing: pip install --require-hashes -r requirements/stripe.lock") from missing
    url, secrets = settings.GDMARKET_STRIPE_URL, tuple(settings.GDMARKET_STRIPE_WEBHOOK_SECRETS)
    return _once(StripeGateway, base_url=url, secret_key=settings.GDMARKET_STRIPE_SECRET_KEY, webhook_secrets=secrets)


def _toss() -> PaymentGateway:
    from apps.payments.gateways.toss.gateway import TossGateway  # noqa: PLC0415  # the same

    return _once(TossGateway, base_url=settings.GDMARKET_TOSS_URL, secret_key=settings.GDMARKET_TOSS_SECRET_KEY)


@cache  # one a process, so that its connections are used again
def _once(adapter: Callable[..., PaymentGateway], **arguments: Any) -> PaymentGateway:
    return adapter(**arguments)


GATEWAYS: dict[str, Callable[[], PaymentGateway]] = {"sandbox": _sandbox, "http": _http, "stripe": _stripe, "toss": _toss}


def current() -> PaymentGateway:
    """Return the gateway that the settings name.

    :raises ImproperlyConfigured: if there is none of that name
    """
    name: str = settings.GDMARKET_PAYMENT_GATEWAY
    if name not in GATEWAYS:
        raise ImproperlyConfigured(f"GDMARKET_PAYMENT_GATEWAY={name!r} is not a gateway; choose from: {', '.join(sorted(GATEWAYS))}.")
    return GATEWAYS[name]()
