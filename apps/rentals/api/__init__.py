"""Rentals over HTTP."""
