"""The gateway that the settings name, made once a process."""

import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from apps.payments import gateways
from apps.payments.gateways.stripe.gateway import StripeGateway
from apps.payments.gateways.toss.gateway import TossGateway


def test_stripe_and_toss_are_made_once_so_that_their_connections_are_used_again(settings: Settings) -> None:
    settings.GDMARKET_STRIPE_SECRET_KEY = settings.GDMARKET_TOSS_SECRET_KEY = "sk_test_7"
    for name, kind in (("stripe", StripeGateway), ("toss", TossGateway)):
        settings.GDMARKET_PAYMENT_GATEWAY = name

        assert isinstance(gateways.current(), kind)
        assert gateways.current() is gateways.current()


def test_stripe_without_its_library_says_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GDMARKET_PAYMENT_GATEWAY = "stripe"
    settings.GDMARKET_STRIPE_SECRET_KEY = "sk_test_another"
    for name in [name for name in sys.modules if name.startswith("apps.payments.gateways.stripe")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "stripe", None)

    with pytest.raises(ImproperlyConfigured, match=r"requirements/stripe\.lock"):
        gateways.current()
