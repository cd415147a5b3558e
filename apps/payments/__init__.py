"""Payments: the money of a rental, and everything said to the payment provider."""
