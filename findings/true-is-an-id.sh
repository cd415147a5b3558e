#!/bin/sh
# djangorestframework 3.18.3: UUIDField takes JSON's `true` and the number 1 for 00000000-0000-0000-0000-000000000001, and the forms
# {…} and urn:uuid:… as well. So a wrong type is answered "not found", and not "that is no id". CharField takes 1000.0 for "1000.0".
# Expected: text alone, as the document that drf-spectacular writes of it says (type string, format uuid).
. "$(dirname "$0")/setup.sh"
with_python Django==5.2.19 djangorestframework==3.18.3

cat > expected <<'END'
UUIDField true: 00000000-0000-0000-0000-000000000001
UUIDField 1: 00000000-0000-0000-0000-000000000001
UUIDField 1.0: refused
UUIDField "{019ae0d1-7a00-7000-8000-000000000001}": 019ae0d1-7a00-7000-8000-000000000001
UUIDField "urn:uuid:019ae0d1-7a00-7000-8000-000000000001": 019ae0d1-7a00-7000-8000-000000000001
CharField 1000.0: 1000.0
CharField true: refused
END
env/bin/python - > seen <<'END'
import json

import django
from django.conf import settings

settings.configure()
django.setup()

from rest_framework import serializers

ID = "019ae0d1-7a00-7000-8000-000000000001"
for field, values in ((serializers.UUIDField, (True, 1, 1.0, f"{{{ID}}}", f"urn:uuid:{ID}")), (serializers.CharField, (1000.0, True))):
    for value in values:
        try:
            read = field().run_validation(value)
        except serializers.ValidationError:
            read = "refused"
        print(f"{field.__name__} {json.dumps(value)}: {read}")
END
compare
