"""Keep what each manager's places are blurred with, so that no change of the secret key moves them."""

from importlib import import_module
from typing import Any, ClassVar

from django.db import migrations, models

before = import_module("apps.items.migrations.0006_blur_places")
_PAGE = 1_000


def keep(apps: Any, schema_editor: Any) -> None:
    """Keep the seeds that the places of before were blurred with: what strangers are shown stays where it is."""
    alias = schema_editor.connection.alias
    managers = apps.get_model("items", "Item").objects.using(alias).order_by("manager_id").values_list("manager_id", flat=True).distinct()
    seeds = apps.get_model("items", "PlaceSeed")
    page = list(managers[:_PAGE])
    while page:
        rows = [seeds(manager_id=manager_id, seed=before.seed_of(manager_id).hex()) for manager_id in page]
        seeds.objects.using(alias).bulk_create(rows, ignore_conflicts=True)
        page = list(managers.filter(manager_id__gt=page[-1])[:_PAGE])


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("items", "0006_blur_places")]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            "PlaceSeed",
            [
                ("manager_id", models.UUIDField(primary_key=True, serialize=False)),
                ("seed", models.CharField(max_length=32)),
            ],
        ),
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
