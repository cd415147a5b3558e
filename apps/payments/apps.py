"""Payments as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    """Payments: its tables and admin screens."""

    name = "apps.payments"
    label = "payments"
    verbose_name = _("payments")
    default_auto_field = "django.db.models.BigAutoField"
