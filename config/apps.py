"""The composition root as a Django app, and which admin site is ours."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin


class ConfigConfig(AppConfig):
    """Holds the commands that need every context: the demo data."""

    name = "config"
    default = True


class AdminConfig(admin.AdminConfig):
    """Puts the market's own admin site where Django's would stand."""

    default = False
    default_site = "config.admin_site.MarketAdminSite"
