"""Stripe, through its own library, which requirements/stripe.lock installs."""
