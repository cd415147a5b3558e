"""Give items photos."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "0008_search")]

    operations = [
        migrations.AddField("item", "photos", models.JSONField(editable=False, null=True)),
        migrations.CreateModel(
            name="PhotoFile",
            fields=[
                ("file", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("touched_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
