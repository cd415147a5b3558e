"""Keep the rows of the generation that is read, and let the version before build no other.

It works on beside this: it finds its lease taken for good, so it begins no rebuild, discards nothing and goes back to nothing; facts go
into the one generation that is left. A rebuild of it that is under way stops. The rows of other generations are deleted in chunks.
"""

from datetime import UTC, datetime
from uuid import uuid4

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_CHUNK = 2000
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


def keep_active(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Close the other generations, then delete their rows; repeatable."""
    using = schema_editor.connection.alias
    generations, _ = apps.get_model("status_view", "Generations").objects.using(using).get_or_create(pk=1)
    generations.previous = generations.building = generations.reached = None
    generations.token, generations.leased_until, generations.step = uuid4(), _FOR_EVER, ""
    generations.save(update_fields=["previous", "building", "reached", "token", "leased_until", "step"])
    for name in ("ItemStatus", "RentalStatus"):
        rows = apps.get_model("status_view", name).objects.using(using)
        # Two ranges, so that an index finds them.
        for others in (rows.filter(generation__lt=generations.active), rows.filter(generation__gt=generations.active)):
            while keys := list(others.values_list("key", flat=True)[:_CHUNK]):
                rows.filter(key__in=keys).delete()


def give_lease_back(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let the version before rebuild again."""
    generations = apps.get_model("status_view", "Generations").objects.using(schema_editor.connection.alias)
    generations.update(token=None, leased_until=None)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("status_view", "0002_generations")]

    operations = [migrations.RunPython(keep_active, give_lease_back)]
