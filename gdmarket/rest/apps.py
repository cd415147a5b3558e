"""What Django calls this part of the kernel."""

from django.apps import AppConfig


class RestConfig(AppConfig):
    """How the contexts speak HTTP."""

    name = "gdmarket.rest"
    label = "rest"
