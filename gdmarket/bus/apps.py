"""The bus as a Django app."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string

from gdmarket.bus import registry


class BusConfig(AppConfig):
    """Connects the handlers when Django starts, and writes the subscriptions to the database after `migrate`."""

    name = "gdmarket.bus"
    label = "bus"
    verbose_name = "event bus"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect every handler in `config/subscriptions.py`, and the fast path."""
        registry.connect(import_string(settings.GDMARKET_SUBSCRIPTIONS))
        import_module("gdmarket.bus.checks")
        import_module("gdmarket.bus.fast_path")
        post_migrate.connect(import_string("gdmarket.bus.subscriptions.after_migrate"), sender=self)
