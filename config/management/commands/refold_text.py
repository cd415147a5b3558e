"""`manage.py refold_text`."""

from typing import Any

from gdmarket import databases, text_columns
from gdmarket.console import OperatorCommand


class Command(OperatorCommand):
    """Fills in what searches compare."""

    help = (
        "Fill in what searches compare, in rows that an older version wrote while this one was rolled out. "
        "Run it where manage.py doctor says so, once no older version runs. It works page by page beside servers, and may be repeated."
    )

    def handle(self, **_: Any) -> None:
        for model in text_columns.folded_models():
            rows = model._default_manager.using(databases.alias_for(model._meta.app_label)).all()  # noqa: SLF001  # Django documents it
            changed = text_columns.refold(rows=rows)
            self.stdout.write(f"{model._meta.db_table}: {changed} changed")  # noqa: SLF001  # Django documents it
