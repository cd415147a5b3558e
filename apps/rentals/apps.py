"""Rentals as a Django app."""

from django.apps import AppConfig


class RentalsConfig(AppConfig):
    """Who has what, when."""

    name = "apps.rentals"
    label = "rentals"
