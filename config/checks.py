"""What `manage.py check --deploy` says of our own settings."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004  # Django's own name


@register(Tags.security, deploy=True)
def money_goes_over_tls(**_: Any) -> list[CheckMessage]:
    """Warn where the payment provider may be asked for money over plain HTTP."""
    hosts = ", ".join(settings.GDMARKET_PAYMENT_INSECURE_HOSTS)
    if not hosts:
        return []
    said = f"GDMARKET_PAYMENT_INSECURE_HOSTS lets money be asked for by plain http:// at {hosts}."
    return [Warning(said, hint="Leave it empty: it is for the fake provider alone.", id="gdmarket.W001")]
