"""Stripe, through its own library, which requirements/stripe.lock installs."""

from apps.payments.gateways.stripe.gateway import StripeGateway

__all__ = ["StripeGateway"]
