"""Where each context's tables are: all in one database, or each in one of its own, with a log of the bus beside them.

`DATABASES` and `GDMARKET_HOMES` say so; config/databases.py makes both from the environment. A database goes by Django's word for it, its
alias. What is no context's, people and sessions among it, is in `default`.
"""

from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models, transaction

EVERYWHERE = "bus"
"""The app whose tables are in every database."""


def of(context: str) -> str:
    """Return the alias of the database that a context's tables are in."""
    home: str = settings.GDMARKET_HOMES.get(context, DEFAULT_DB_ALIAS)
    return home


def aliases() -> list[str]:
    """Return the alias of every database in use, `default` first."""
    return list(dict.fromkeys([DEFAULT_DB_ALIAS, *settings.GDMARKET_HOMES.values()]))


def atomic(context: str, **options: Any) -> transaction.Atomic:
    """Return a transaction on a context's database; `options` are those of `transaction.atomic`."""
    return transaction.atomic(using=of(context), **options)


class Router:
    """Sends each context's models home. The bus says itself which log it means; relations stay in one database, as Django has it anyway."""

    def db_for_read(self, model: type[models.Model], **_: Any) -> str | None:
        """Return the alias to read from; None leaves it to Django: where the row at hand came from, else `default`."""
        return settings.GDMARKET_HOMES.get(model._meta.app_label)  # noqa: SLF001  # Django documents it

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        """Say whether an app's tables belong into a database."""
        return app_label == EVERYWHERE or db == of(app_label)
