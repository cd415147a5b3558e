"""The composition root as a Django app, and its admin site."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin
from django.db.backends.signals import connection_created

from gdmarket import spans


class ConfigConfig(AppConfig):
    """The commands and checks that need several contexts."""

    name = "config"
    default = True

    def ready(self) -> None:
        """Register checks, and trace statements if traces are exported."""
        import_module("apps.payments.checks")  # `check --deploy` runs one of them
        if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
            connection_created.connect(spans.watch_statements)


class AdminConfig(admin.AdminConfig):
    """Replaces Django's admin site by `MarketAdminSite`."""

    default = False
    default_site = "config.admin_site.MarketAdminSite"
