"""Disabling the ledger's trigger, to empty a demo or test database: otherwise postings can be neither changed nor deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from django.db import connections

from gdmarket import databases

_TRIGGERS = "apps.payments.migrations.0003_book_the_past"


@contextmanager
def ledger_guard_disabled() -> Iterator[None]:
    """Let postings be changed and deleted within the block, in one transaction; other connections never see the trigger missing."""
    triggers, connection = import_module(_TRIGGERS), connections[databases.alias_for("payments")]
    with databases.transaction_for("payments"), connection.cursor() as cursor:
        for statement in triggers.UNGUARD[connection.vendor]:
            cursor.execute(statement)
        yield
        for statement in triggers.GUARD[connection.vendor]:
            cursor.execute(statement)
