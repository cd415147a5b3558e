"""The payment provider behind a port; the setting GDMARKET_PAYMENT_GATEWAY names the adapter."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import PaymentGateway
from apps.payments.gateways.sandbox import SandboxGateway
from apps.payments.gateways.toss import TossGateway


def _sandbox() -> PaymentGateway:
    return SandboxGateway(store=settings.GDMARKET_DATA_DIR / "sandbox.sqlite3")


def _http() -> PaymentGateway:
    secrets, insecure = settings.GDMARKET_PAYMENT_WEBHOOK_SECRETS, settings.GDMARKET_PAYMENT_INSECURE_HOSTS
    return _http_at(settings.GDMARKET_PAYMENT_URL, tuple(secrets), tuple(insecure))


@cache  # one a process, so that its connections are used again
def _http_at(url: str, webhook_secrets: tuple[str, ...], insecure_hosts: tuple[str, ...]) -> PaymentGateway:
    return HttpGateway(base_url=url, webhook_secrets=webhook_secrets, insecure_hosts=insecure_hosts)


def _stripe() -> PaymentGateway:
    return _stripe_at(settings.GDMARKET_STRIPE_URL, settings.GDMARKET_STRIPE_SECRET_KEY, tuple(settings.GDMARKET_STRIPE_WEBHOOK_SECRETS))


@cache
def _stripe_at(url: str, secret_key: str, webhook_secrets: tuple[str, ...]) -> PaymentGateway:
    try:
        from apps.payments.gateways.stripe import StripeGateway  # noqa: PLC0415  # its library is an extra
    except ModuleNotFoundError as missing:
        raise ImproperlyConfigured("Stripe's library is missing: pip install --require-hashes -r requirements/stripe.lock") from missing
    return StripeGateway(base_url=url, secret_key=secret_key, webhook_secrets=webhook_secrets)


def _toss() -> PaymentGateway:
    return _toss_at(settings.GDMARKET_TOSS_URL, settings.GDMARKET_TOSS_SECRET_KEY)


@cache
def _toss_at(url: str, secret_key: str) -> PaymentGateway:
    return TossGateway(base_url=url, secret_key=secret_key)


GATEWAYS: dict[str, Callable[[], PaymentGateway]] = {"sandbox": _sandbox, "http": _http, "stripe": _stripe, "toss": _toss}


def current() -> PaymentGateway:
    """Return the gateway that the settings name.

    :raises ImproperlyConfigured: if there is none of that name
    """
    name: str = settings.GDMARKET_PAYMENT_GATEWAY
    if name not in GATEWAYS:
        raise ImproperlyConfigured(f"GDMARKET_PAYMENT_GATEWAY={name!r} is not a gateway; choose from: {', '.join(sorted(GATEWAYS))}.")
    return GATEWAYS[name]()
