"""Status view as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StatusViewConfig(AppConfig):
    """Names the context; its handlers are connected by `config.subscriptions`."""

    name = "apps.status_view"
    label = "status_view"
    verbose_name = _("status")
