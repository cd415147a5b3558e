"""Which database holds each context's tables: one for all contexts, or several, each with an event log.

config/database_urls.py makes `DATABASES` and `GDMARKET_CONTEXT_DATABASES` from the environment. Tables of no context, such as sessions,
are in `default`; those of the bus are in every database.
"""

from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models, transaction


def alias_for(context: str) -> str:
    """Return the alias of the database that a context's tables are in."""
    alias: str = settings.GDMARKET_CONTEXT_DATABASES.get(context, DEFAULT_DB_ALIAS)
    return alias


def aliases() -> list[str]:
    """Return the alias of every database in use, `default` first."""
    return list(dict.fromkeys([DEFAULT_DB_ALIAS, *settings.GDMARKET_CONTEXT_DATABASES.values()]))


def transaction_for(context: str, **options: Any) -> transaction.Atomic:
    """Return a transaction on a context's database; `options` are those of `transaction.atomic`."""
    return transaction.atomic(using=alias_for(context), **options)


class ContextRouter:
    """Routes each context's models to its database. The bus names its database itself; relations stay within one, as Django's default."""

    def db_for_read(self, model: type[models.Model], **_: Any) -> str | None:
        """Return the alias to read from; None leaves it to Django: the database the row came from, else `default`."""
        return settings.GDMARKET_CONTEXT_DATABASES.get(model._meta.app_label)  # noqa: SLF001  # Django documents it

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        """Return whether an app's tables belong in a database."""
        return app_label == "bus" or db == alias_for(app_label)
