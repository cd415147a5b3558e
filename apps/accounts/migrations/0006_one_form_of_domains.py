"""Give e-mail addresses their one form: domains as people read them, not in Punycode.

The version before looks for an address as it is typed; people whose address changes here sign in with the other form there. Where both forms
are people already, both stay: each is found by the form that is typed.
"""

from typing import Any

from django.db import IntegrityError, migrations, transaction

from apps.accounts import domain
from gdmarket import text_columns

_PAGE = 1000


def normalize(apps: Any, schema_editor: Any) -> None:
    """Rewrite the addresses that have another form, page by page; repeatable."""
    using = schema_editor.connection.alias
    people = apps.get_model("accounts", "User").objects.using(using)
    changed, last = [], None
    while page := list((people if last is None else people.filter(pk__gt=last)).order_by("pk").values_list("pk", "email")[:_PAGE]):
        for key, email in page:
            normalized = domain.normalize_email(email=email)
            if normalized != email and _rewrite(people.filter(pk=key, email=email), normalized, using=using):
                changed.append(key)
        last = page[-1][0]
    if changed:
        text_columns.refold(rows=people.filter(pk__in=changed))


def _rewrite(person: Any, email: str, *, using: str) -> bool:
    try:
        with transaction.atomic(using=using):
            return bool(person.update(email=email))
    except IntegrityError:
        return False


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0005_manager_standing")]

    operations = [migrations.RunPython(normalize, migrations.RunPython.noop)]
