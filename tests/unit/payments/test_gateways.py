"""The gateway that the settings name, created once in a process."""

import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from apps.payments import gateways
from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import PaymentGateway
from apps.payments.gateways.sandbox import SandboxGateway
from apps.payments.gateways.stripe.gateway import StripeGateway
from apps.payments.gateways.toss.gateway import TossGateway


@pytest.mark.parametrize(("name", "kind"), [("http", HttpGateway), ("stripe", StripeGateway), ("toss", TossGateway)])
def test_a_process_has_one_gateway_so_that_connections_are_reused(settings: Settings, name: str, kind: type[PaymentGateway]) -> None:
    settings.GDMARKET_STRIPE_SECRET_KEY = settings.GDMARKET_TOSS_SECRET_KEY = "sk_test_7"
    settings.GDMARKET_PAYMENT_GATEWAY = name

    assert isinstance(gateways.current(), kind)
    assert gateways.current() is gateways.current()


def test_the_sandbox_is_the_default_and_an_unknown_name_is_refused(settings: Settings) -> None:
    assert isinstance(gateways.current(), SandboxGateway)
    settings.GDMARKET_PAYMENT_GATEWAY = "none"
    with pytest.raises(ImproperlyConfigured, match="choose from: http, sandbox"):
        gateways.current()


def test_stripe_without_its_library_names_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GDMARKET_PAYMENT_GATEWAY = "stripe"
    for name in [name for name in sys.modules if name.startswith("apps.payments.gateways.stripe")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "stripe", None)

    with pytest.raises(ImproperlyConfigured, match=r"requirements/stripe\.lock"):
        gateways.current()
