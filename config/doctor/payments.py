"""Money: who the provider is, whether it can be reached, and what is not settled."""

import socket
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models.functions import Now

from apps.payments.domain import UNSETTLED, RefundState
from apps.payments.models import Payment, Refund
from config.doctor.deadline import PATIENCE_S, ask
from config.doctor.findings import Findings, Stance, at, fail, ok, warn
from gdmarket.breaker import store
from gdmarket.breaker.models import State

_LONG = timedelta(hours=1)
_PLAY = {"sandbox", "http"}
_TEST_KEYS = {"stripe": ("sk_test_", "rk_test_"), "toss": ("test_",)}
_PORTS = {"https": 443, "http": 80}


def provider(stance: Stance) -> Findings:
    """Look at which provider it is and by which secrets it is asked and believed."""
    gateway = settings.GDMARKET_PAYMENT_GATEWAY
    if gateway in _PLAY:
        remedy = "set GDMARKET_PAYMENT_GATEWAY: docs/reference/payment-providers.md"
        if stance.deploy:
            yield fail("payment provider", f"{gateway} takes no real money", remedy)
        else:
            yield ok("payment provider", f"{gateway}, which takes no real money")
    else:
        secret = {"stripe": settings.GDMARKET_STRIPE_SECRET_KEY, "toss": settings.GDMARKET_TOSS_SECRET_KEY}[gateway]
        if secret.startswith(_TEST_KEYS[gateway]):
            yield at(
                stance.strict,
                "payment provider",
                f"{gateway} with a key for tests",
                f"set GDMARKET_{gateway.upper()}_SECRET_KEY to a live one",
            )
        else:
            yield ok("payment provider", f"{gateway} with a live key")
    webhooks = {"http": "GDMARKET_PAYMENT_WEBHOOK_SECRETS", "stripe": "GDMARKET_STRIPE_WEBHOOK_SECRETS"}.get(gateway)
    if webhooks and not getattr(settings, webhooks):
        yield warn(
            "webhooks", "are all refused: there is no secret to believe them by", f"set {webhooks}, or settle by asking, which is slower"
        )
    elif webhooks:
        yield ok("webhooks", "are believed by their signature")


def reach(_stance: Stance) -> Findings:
    """Look whether the provider's address takes connections; nothing is asked of it."""
    gateway = settings.GDMARKET_PAYMENT_GATEWAY
    if gateway == "sandbox":
        return
    name = "GDMARKET_PAYMENT_URL" if gateway == "http" else f"GDMARKET_{gateway.upper()}_URL"
    address = urlsplit(getattr(settings, name))
    host, port = str(address.hostname), address.port or _PORTS[address.scheme]
    try:
        ask(lambda: socket.create_connection((host, port), timeout=PATIENCE_S).close())
    except OSError as away:
        remedy = f"is {name} right, does DNS know it, does a firewall or NetworkPolicy let it out?"
        yield fail("payment provider's address", f"{host}:{port} takes no connection: {away}", remedy)
    else:
        yield ok("payment provider's address", f"{host}:{port} takes connections")


def breakers(_stance: Stance) -> Findings:
    """Look whether the dependencies outside are asked."""
    for name, circuit in store.list_circuits().items():
        if circuit.state is State.CLOSED:
            yield ok(f"breaker {name}", "closed: it is asked")
        else:
            remedy = f"mend the cause; it closes by itself, unless by hand: manage.py breaker close {name}"
            yield warn(f"breaker {name}", f"{circuit.state.value}: {circuit.reason}", remedy)


def unsettled(_stance: Stance) -> Findings:
    """Look for payments and refunds whose outcome is not known for too long."""
    remedy = "run manage.py reconcile_payments, and read what it prints"
    payments = Payment.objects.filter(state__in=UNSETTLED, created_at__lt=Now() - _LONG).count()
    refunds = Refund.objects.filter(state=RefundState.PENDING, created_at__lt=Now() - _LONG).count()
    if payments:
        yield fail("unknown payments", f"{payments} are older than an hour: money may be with the provider", remedy)
    if refunds:
        yield fail("refunds due", f"{refunds} are older than an hour: renters wait for their money", remedy)
    if not (payments or refunds):
        yield ok("money in flight", "nothing is unsettled for longer than an hour")
