"""Let the ledger post cash that item managers take at the desk, and give back.

The rows of before stand as they are; they are read once, to check them. SQLite makes the table anew for that, and with it goes the guard of
the ledger: it is written again, in the same transaction.
"""

from importlib import import_module
from typing import ClassVar

from django.db import migrations, models

_guard = import_module("apps.payments.migrations.0006_posting_guard_by_payment")

_NAMES = {
    "renter_receivable": "renters owe us",
    "provider_clearing": "with the provider",
    "manager_cash": "cash that managers took",
    "manager_payable": "we owe managers",
    "refunds": "we owe renters back",
}
_ENTRIES = {
    "earned": "earned",
    "charged": "charged",
    "refund_due": "refund due",
    "refunded": "refunded",
    "cash_taken": "cash taken",
    "cash_given": "cash given back",
}
_ACCOUNTS = {
    "earned": ("renter_receivable", "manager_payable"),
    "charged": ("provider_clearing", "renter_receivable"),
    "refund_due": ("manager_payable", "refunds"),
    "refunded": ("refunds", "provider_clearing"),
    "cash_taken": ("manager_cash", "renter_receivable"),
    "cash_given": ("refunds", "manager_cash"),
}
_ACCOUNTS_OF_ENTRY = models.Q(
    *(models.Q(credit=credit, debit=debit, entry=entry) for entry, (debit, credit) in _ACCOUNTS.items()), _connector="OR"
)


class Migration(migrations.Migration):
    """The version before posts none of it, and reads it as any other sum."""

    dependencies: ClassVar = [("payments", "0006_posting_guard_by_payment")]
    operations: ClassVar = [
        # Undone from below: the guard is there again once the table has been made anew.
        migrations.RunPython(migrations.RunPython.noop, _guard.write_guard),
        migrations.RemoveConstraint("posting", "payments_posting_accounts_of_entry"),
        *(
            migrations.AlterField("posting", side, models.CharField(choices=list(_NAMES.items()), max_length=20, verbose_name=side))
            for side in ("debit", "credit")
        ),
        migrations.AlterField("posting", "entry", models.CharField(choices=list(_ENTRIES.items()), max_length=10, verbose_name="entry")),
        migrations.AddConstraint(
            "posting", models.CheckConstraint(condition=_ACCOUNTS_OF_ENTRY, name="payments_posting_accounts_of_entry")
        ),
        migrations.RunPython(_guard.write_guard, migrations.RunPython.noop),
    ]
