#!/bin/sh
# django-import-export 4.4.3: `BooleanWidget`, which it takes for every BooleanField, knows six ways to write true; everything else that is not
# empty is False, without an error: 예, Y, yes, O, "1.0" and " true" as well. A column of 예 and 아니오 so imports as "no" throughout, and the preview
# shows no fault. The widgets of numbers and dates refuse what they do not know.
# Expected: yes, or an error in that row. Cure: a widget of one's own that raises ValueError.
. "$(dirname "$0")/setup.sh"
with_python Django==5.2.19 django-import-export==4.4.3 tablib==3.10.0

cat > expected <<'END'
예: imported as False
아니오: imported as False
Y: imported as False
yes: imported as False
1.0: imported as False
 true: imported as False
TRUE: imported as True
1: imported as True
: imported as None
END
mkdir shop
touch shop/__init__.py
cat > shop/models.py <<'END'
from django.db import models


class Item(models.Model):
    delivered = models.BooleanField(null=True)
END
env/bin/python - > seen <<'END'
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "import_export", "shop"],
)
django.setup()

import tablib
from django.db import connection
from import_export.resources import modelresource_factory
from shop.models import Item

with connection.schema_editor() as schema:
    schema.create_model(Item)
words = ("예", "아니오", "Y", "yes", "1.0", " true", "TRUE", "1", "")
rows = tablib.Dataset(*enumerate(words, start=1), headers=["id", "delivered"])
result = modelresource_factory(Item)().import_data(rows)
imported = dict(Item.objects.values_list("id", "delivered"))
faults = {number for number, _ in result.row_errors()} | {row.number for row in result.invalid_rows}
for number, word in enumerate(words, start=1):
    print(f"{word}: {'refused' if number in faults else f'imported as {imported[number]}'}")
END
compare
