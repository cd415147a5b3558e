"""The items app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ItemsConfig(AppConfig):
    """The catalogue, and when each item is busy."""

    name = "apps.items"
    label = "items"
    verbose_name = _("Items")
