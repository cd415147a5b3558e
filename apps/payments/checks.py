"""Checks of the payment provider and of money that is not settled. Run by `manage.py doctor`."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.db.models.functions import Now

from apps.payments.domain import UNSETTLED, RefundState
from apps.payments.models import Payment, Refund
from gdmarket.checks import DATA, STRICT, finding, register

_TEST_KEYS = {"stripe": ("sk_test_", "rk_test_"), "toss": ("test_",)}
_WEBHOOK_SECRETS = {"http": "GDMARKET_PAYMENT_WEBHOOK_SECRETS", "stripe": "GDMARKET_STRIPE_WEBHOOK_SECRETS"}
_TIMEOUT_S = 2.0


@checks.register(checks.Tags.security, deploy=True)
@register(deploy=True)
def check_insecure_hosts(**_: Any) -> list[CheckMessage]:
    """Look whether payments may go over plain HTTP."""
    hosts = ", ".join(settings.GDMARKET_PAYMENT_INSECURE_HOSTS)
    hint = "Leave GDMARKET_PAYMENT_INSECURE_HOSTS empty: it is for the payment simulator alone."
    return [finding("gdmarket.W001", f"Payments are allowed by plain http:// at {hosts}.", hint)] if hosts else []


@register(STRICT)
def check_keys(**_: Any) -> Iterator[CheckMessage]:
    """Look for a test key of a real provider."""
    gateway = settings.GDMARKET_PAYMENT_GATEWAY
    name = f"GDMARKET_{gateway.upper()}_SECRET_KEY"
    if gateway in _TEST_KEYS and getattr(settings, name).startswith(_TEST_KEYS[gateway]):
        yield finding("payments.W001", f"{gateway} has a test key", f"set {name} to a live one")


@register(deploy=True)
def check_provider(**_: Any) -> Iterator[CheckMessage]:
    """Look whether the provider takes real money."""
    gateway = settings.GDMARKET_PAYMENT_GATEWAY
    if gateway not in _TEST_KEYS:
        yield finding("payments.E001", f"{gateway} takes no real money", "set GDMARKET_PAYMENT_GATEWAY")


@register
def check_reach(**_: Any) -> Iterator[CheckMessage]:
    """Look whether the provider's address takes connections, without a request, and whether its webhooks can be verified."""
    gateway = settings.GDMARKET_PAYMENT_GATEWAY
    secrets = _WEBHOOK_SECRETS.get(gateway)
    if secrets and not getattr(settings, secrets):
        hint = f"set {secrets}; without it payments are settled by polling, which is slower"
        yield finding("payments.W002", "all webhooks are refused: there is no secret to verify them by", hint)
    if gateway == "sandbox":
        return
    name = "GDMARKET_PAYMENT_URL" if gateway == "http" else f"GDMARKET_{gateway.upper()}_URL"
    url = urlsplit(getattr(settings, name))
    host, port = str(url.hostname), url.port or {"https": 443, "http": 80}[url.scheme]
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError as failure:
        hint = f"is {name} right, does DNS know it, does a firewall or NetworkPolicy let it out?"
        yield finding("payments.E002", f"{host}:{port} takes no connection: {failure}", hint)


@register(DATA)
def check_unsettled(**_: Any) -> Iterator[CheckMessage]:
    """Look for payments and refunds whose outcome has not been known for an hour."""
    before, hint = Now() - timedelta(hours=1), "run manage.py reconcile_payments, and read what it prints"
    if payments := Payment.objects.filter(state__in=UNSETTLED, created_at__lt=before).count():
        yield finding("payments.E003", f"{payments} payments are unsettled for over an hour: the provider may have the money", hint)
    if refunds := Refund.objects.filter(state=RefundState.PENDING, created_at__lt=before).count():
        yield finding("payments.E004", f"{refunds} refunds are due for over an hour: renters wait for their money", hint)
