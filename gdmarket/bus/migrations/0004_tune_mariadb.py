"""Does nothing: it had tuned MariaDB, which is no longer supported."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("bus", "0003_operating")]

    operations = []
