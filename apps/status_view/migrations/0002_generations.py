"""Give every row a generation, so that the view can be built anew beside the one being read.

The rows there are become the first generation. While they are copied, a second or so for each hundred thousand, readers of the view wait.
The previous version of the program works on beside this: to it the columns are what they were, and what it writes is of the first
generation by default. It would see every row twice once a second generation is built: not before it is gone.
"""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def take_over(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Copy the rows, column by column of the same name, however long that takes."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET LOCAL statement_timeout = 0")
    for name in ("ItemStatus", "RentalStatus"):
        former = apps.get_model("status_view", f"Former{name}")._meta  # noqa: SLF001  # Django documents it
        into, out_of = schema_editor.quote_name(f"status_view_{name.lower()}"), schema_editor.quote_name(former.db_table)
        columns = ", ".join(schema_editor.quote_name(field.column) for field in former.concrete_fields)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {into} ({columns}) SELECT {columns} FROM {out_of}")  # noqa: S608  # our own names


def give_back(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Copy the rows of the generation that is read, for a version of the program that knows no generations."""
    generations = apps.get_model("status_view", "Generations").objects.using(schema_editor.connection.alias)
    active = generations.values_list("active", flat=True).first() or 1
    for name in ("ItemStatus", "RentalStatus"):
        former = apps.get_model("status_view", f"Former{name}")._meta  # noqa: SLF001  # Django documents it
        into, out_of = schema_editor.quote_name(former.db_table), schema_editor.quote_name(f"status_view_{name.lower()}")
        columns = ", ".join(schema_editor.quote_name(field.column) for field in former.concrete_fields)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {into} ({columns}) SELECT {columns} FROM {out_of} WHERE generation = %s", [active])  # noqa: S608  # the same


class Migration(migrations.Migration):
    dependencies = [("status_view", "0001_initial")]

    operations = [
        migrations.RenameModel("ItemStatus", "FormerItemStatus"),
        migrations.RenameModel("RentalStatus", "FormerRentalStatus"),
        migrations.CreateModel(
            name="Generations",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("active", models.PositiveIntegerField(default=1)),
                ("previous", models.PositiveIntegerField(null=True)),
                ("building", models.PositiveIntegerField(null=True)),
                ("newest", models.PositiveIntegerField(default=1)),
                ("step", models.CharField(default="", max_length=20)),
                ("reached", models.UUIDField(null=True)),
                ("built", models.PositiveIntegerField(default=0)),
                ("token", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ItemStatus",
            fields=[
                ("key", models.BigAutoField(primary_key=True, serialize=False)),
                ("generation", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(verbose_name="item")),
                ("version", models.PositiveIntegerField(default=0)),
                ("manager_id", models.UUIDField(null=True, verbose_name="item manager")),
                ("name", models.CharField(default="", max_length=100, verbose_name="name")),
                ("category", models.CharField(default="", max_length=40, verbose_name="category")),
                ("place", models.CharField(default="", max_length=100, verbose_name="place")),
                ("daily_price", models.BigIntegerField(default=0, verbose_name="daily price")),
                ("deposit", models.BigIntegerField(default=0, verbose_name="deposit")),
                ("currency", models.CharField(default="", max_length=3, verbose_name="currency")),
                ("state", models.CharField(default="", max_length=20, verbose_name="state")),
                ("availability", models.CharField(default="available", max_length=20, verbose_name="availability")),
                ("current_rental_id", models.UUIDField(null=True, verbose_name="current rental")),
                ("current_state", models.CharField(max_length=20, null=True, verbose_name="rental state")),
                ("current_renter_id", models.UUIDField(null=True, verbose_name="renter")),
                ("current_starts_at", models.DateTimeField(null=True, verbose_name="from")),
                ("current_ends_at", models.DateTimeField(null=True, verbose_name="to")),
                ("current_overdue", models.BooleanField(null=True, verbose_name="overdue")),
                ("payment_id", models.UUIDField(null=True, verbose_name="payment")),
                ("payment_state", models.CharField(max_length=20, null=True, verbose_name="payment state")),
                ("revision", models.PositiveIntegerField(default=0)),
                ("updated_at", models.DateTimeField(null=True, verbose_name="updated")),
            ],
            options={
                "default_manager_name": "objects",
                "verbose_name": "item status",
                "verbose_name_plural": "item statuses",
                "indexes": [models.Index(fields=["generation", "manager_id", "-id"], name="status_view_item_managed")],
                "constraints": [
                    models.UniqueConstraint(fields=("id", "generation"), name="status_view_item_once"),
                    models.CheckConstraint(
                        condition=models.Q(("version", 0), ("manager_id__isnull", False), _connector="OR"),
                        name="status_view_item_is_somebodys",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RentalStatus",
            fields=[
                ("key", models.BigAutoField(primary_key=True, serialize=False)),
                ("generation", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(verbose_name="rental")),
                ("version", models.PositiveIntegerField(default=0)),
                ("item_id", models.UUIDField(null=True, verbose_name="item")),
                ("item_name", models.CharField(default="", max_length=100, verbose_name="item")),
                ("renter_id", models.UUIDField(null=True, verbose_name="renter")),
                ("manager_id", models.UUIDField(null=True, verbose_name="item manager")),
                ("starts_at", models.DateTimeField(null=True, verbose_name="from")),
                ("ends_at", models.DateTimeField(null=True, verbose_name="to")),
                ("price", models.BigIntegerField(default=0, verbose_name="price")),
                ("currency", models.CharField(default="", max_length=3, verbose_name="currency")),
                ("state", models.CharField(default="", max_length=20, verbose_name="state")),
                ("overdue", models.BooleanField(default=False, verbose_name="overdue")),
                ("cancel_requested", models.BooleanField(default=False, verbose_name="cancel requested")),
                ("payment_id", models.UUIDField(null=True, verbose_name="payment")),
                ("payment_state", models.CharField(max_length=20, null=True, verbose_name="payment state")),
                ("payment_due_at", models.DateTimeField(null=True, verbose_name="payment due")),
                ("requested_at", models.DateTimeField(null=True, verbose_name="requested")),
                ("paid_at", models.DateTimeField(null=True, verbose_name="paid on")),
                ("handed_over_at", models.DateTimeField(null=True, verbose_name="handed over")),
                ("returned_at", models.DateTimeField(null=True, verbose_name="returned")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                ("payments", models.JSONField(default=dict)),
                ("paid", models.BigIntegerField(default=0, verbose_name="paid")),
                ("refunded", models.BigIntegerField(default=0, verbose_name="refunded")),
                ("timeline", models.JSONField(default=list, verbose_name="timeline")),
                ("revision", models.PositiveIntegerField(default=0)),
                ("updated_at", models.DateTimeField(null=True, verbose_name="updated")),
            ],
            options={
                "default_manager_name": "objects",
                "verbose_name": "rental status",
                "verbose_name_plural": "rental statuses",
                "indexes": [
                    models.Index(fields=["generation", "renter_id", "-requested_at", "id"], name="status_view_rental_rented"),
                    models.Index(fields=["generation", "manager_id", "-requested_at", "id"], name="status_view_rental_managed"),
                    models.Index(
                        condition=models.Q(("state__in", ("requested", "paying", "paid", "refunding", "rented"))),
                        fields=["generation", "item_id"],
                        name="status_view_rental_holding",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("id", "generation"), name="status_view_rental_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("version", 0),
                            models.Q(
                                ("ends_at__isnull", False),
                                ("item_id__isnull", False),
                                ("manager_id__isnull", False),
                                ("payment_due_at__isnull", False),
                                ("renter_id__isnull", False),
                                ("requested_at__isnull", False),
                                ("starts_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="status_view_rental_is_whole",
                    ),
                ],
            },
        ),
        migrations.RunPython(take_over, give_back),
        migrations.DeleteModel("FormerItemStatus"),
        migrations.DeleteModel("FormerRentalStatus"),
    ]
