#!/bin/sh
# drf-spectacular 0.30.0 describes `SlugField(allow_unicode=True)` by the pattern ^[-\w]+$, in Python's meaning of \w. In JSON Schema's (ECMA 262) it
# has no Hangul: Ajv 8.20.0, and every client or mock that checks by it, refuses 전동-드릴, which the server takes. Its pattern for a
# `DecimalField` accepts "" and "-", which the server refuses.
# Expected: the document and the server agree. Cure: \p{L}\p{N}, or no pattern.
. "$(dirname "$0")/setup.sh"
with_python Django==5.2.19 djangorestframework==3.18.3 drf-spectacular==0.30.0
with_node ajv@8.20.0

cat > expected <<'END'
slug ^[-\w]+$ "전동-드릴": server true, Ajv false
slug ^[-\w]+$ "drill": server true, Ajv true
price ^-?\d{0,4}(?:\.\d{0,2})?$ "12.50": server true, Ajv true
price ^-?\d{0,4}(?:\.\d{0,2})?$ "": server false, Ajv true
price ^-?\d{0,4}(?:\.\d{0,2})?$ "-": server false, Ajv true
END
env/bin/python - > asked <<'END'
import json

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["rest_framework", "drf_spectacular"],
    REST_FRAMEWORK={"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"},
)
django.setup()

from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.views import APIView


class Item(serializers.Serializer):
    slug = serializers.SlugField(allow_unicode=True)
    price = serializers.DecimalField(6, 2)


class View(APIView):
    @extend_schema(request=Item, responses=Item)
    def post(self, request): ...


document = SchemaGenerator(patterns=[path("items", View.as_view())]).get_schema(request=None, public=True)
properties = document["components"]["schemas"]["Item"]["properties"]
for name, values in {"slug": ["전동-드릴", "drill"], "price": ["12.50", "", "-"]}.items():
    for value in values:
        try:
            Item().fields[name].run_validation(value)
        except serializers.ValidationError:
            taken = False
        else:
            taken = True
        print(json.dumps([name, properties[name]["pattern"], value, taken]))
END
cat > check.js <<'END'
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';

for (const line of readFileSync('asked', 'utf8').trim().split('\n')) {
    const [name, pattern, value, taken] = JSON.parse(line);
    const byAjv = new Ajv.default().validate({ type: 'string', pattern }, value);
    console.log(`${name} ${pattern} "${value}": server ${taken}, Ajv ${byAjv}`);
}
END
node check.js > seen
compare
