"""Rentals as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RentalsConfig(AppConfig):
    """The rentals context."""

    name = "apps.rentals"
    label = "rentals"
    verbose_name = _("rentals")
