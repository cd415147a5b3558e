"""The breaker as a Django app: it has a table."""

from django.apps import AppConfig


class BreakerConfig(AppConfig):
    """How dependencies stand, for all processes."""

    name = "gdmarket.breaker"
    label = "breaker"
    verbose_name = "circuit breaker"
