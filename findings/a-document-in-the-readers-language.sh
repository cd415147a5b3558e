#!/bin/sh
# drf-spectacular 0.30.0: with a serializer of a translated model, the OpenAPI document depends on Accept-Language: title and description are
# Korean for one reader and English for the next, so generators that name types by the title make other names.
# Expected: one document. Cure: override the language while it is made.
. "$(dirname "$0")/setup.sh"
with_python Django==5.2.19 djangorestframework==3.18.3 drf-spectacular==0.30.0

cat > expected <<'END'
en: Active
ko: 활성
END
env/bin/python - > seen <<'END'
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_spectacular"],
    REST_FRAMEWORK={"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"},
    LANGUAGES=[("en", "English"), ("ko", "한국어")],
)
django.setup()

from django.contrib.auth.models import User
from django.urls import path
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from rest_framework import generics, serializers


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["is_active"]


class View(generics.ListAPIView):
    queryset = User.objects.all()
    serializer_class = UserSerializer


for language in ("en", "ko"):
    with translation.override(language):
        document = SchemaGenerator(patterns=[path("users", View.as_view())]).get_schema(request=None, public=True)
    print(f"{language}: {document['components']['schemas']['User']['properties']['is_active']['title']}")
END
compare
