#!/bin/sh
# Python's codec `idna` is IDNA 2003: straße.de, a name of its own since IDNA 2008 (xn--strae-oqa.de), becomes strasse.de, another domain, and
# reading its Punycode raises UnicodeError; the package idna 3.20 is right. Django 5.2.19 takes u@한글.kr and its Punycode as two addresses.
# Expected: one domain, one name.
. "$(dirname "$0")/setup.sh"
with_python Django==5.2.19 idna==3.20

cat > expected <<'END'
codec: strasse.de; xn--strae-oqa.de UnicodeError
idna: xn--strae-oqa.de; straße.de
Django: u@한글.kr and u@xn--bj0bj06e.kr are valid; the same once normalized: False
END
env/bin/python - > seen <<'END'
import django
import idna
from django.conf import settings

settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
django.setup()

from django.contrib.auth.base_user import BaseUserManager
from django.core.validators import validate_email

try:
    read = b"xn--strae-oqa.de".decode("idna")
except UnicodeError as raised:
    read = f"xn--strae-oqa.de {type(raised).__name__}"
print(f"codec: {'straße.de'.encode('idna').decode()}; {read}")
print(f"idna: {idna.encode('straße.de').decode()}; {idna.decode('xn--strae-oqa.de')}")
emails = ("u@한글.kr", "u@xn--bj0bj06e.kr")
for email in emails:
    validate_email(email)
normalized = {BaseUserManager.normalize_email(email) for email in emails}
print(f"Django: {' and '.join(emails)} are valid; the same once normalized: {len(normalized) == 1}")
END
compare
