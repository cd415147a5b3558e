import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bus", "0002_tune_postgresql"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name="event",
            name="due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("version", 0), models.Q(("token__isnull", False), ("attempts__gt", 0), _connector="OR")),
                fields=["subscriber"],
                name="bus_delivery_tried",
            ),
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("relay", models.UUIDField()),
                ("subscriber", models.CharField(max_length=64)),
                ("process", models.CharField(max_length=128)),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "bus_heartbeat",
                "constraints": [models.UniqueConstraint(fields=("relay", "subscriber"), name="bus_heartbeat_relay_subscriber")],
            },
        ),
    ]
