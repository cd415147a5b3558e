"""The items app."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _


class ItemsConfig(AppConfig):
    """The catalogue, and when each item is busy."""

    name = "apps.items"
    label = "items"
    verbose_name = _("Items")

    def ready(self) -> None:
        """Make the SQL functions of searches with each connection."""
        from apps.items import queries  # noqa: PLC0415  # models are there only now

        connection_created.connect(queries.make_functions, dispatch_uid="items.make_functions")
