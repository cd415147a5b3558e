"""Checks of the deployment: variables, secrets, host names, HTTPS, cache, files, people. Run by `manage.py doctor`."""

import difflib
import filecmp
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.contrib.staticfiles import finders
from django.core.cache import cache
from django.core.checks import CheckMessage
from django.db.models.functions import Now

from apps.accounts import queries as accounts
from config import demo, exposure
from gdmarket.checks import DATA, STRICT, finding, register

_READ_ELSEWHERE = {"GDMARKET_CRASH_AT", "GDMARKET_RELAY", "GDMARKET_WELCOME"}
_STATIC = ("market/admin.css", "admin/css/base.css")
_MEGABYTE = 1024**2
_RATES = [f"GDMARKET_THROTTLE_{whose}" for whose in ("USER", "ANON", "AUTH", "REGISTER", "UPLOADS", "WALK_INS")]
_HOLDS = (
    "GDMARKET_UNPAID_HOLDS",
    "GDMARKET_UNPAID_HOLDS_PER_ITEM",
    "GDMARKET_DECLINES_PER_RENTAL",
    "GDMARKET_DECLINES_PER_RENTER",
    "GDMARKET_CANCELLED_PAYMENTS",
)
_HOSTS, _COLLECT = "set GDMARKET_ALLOWED_HOSTS to the names it is reached by", "set GDMARKET_STATIC_DIR, then run manage.py collectstatic"
_NEW_KEY = "set another: python -c 'import secrets; print(secrets.token_urlsafe(48))', and keep the old one among the fallbacks"


@register
def check_variables(**_: Any) -> Iterator[CheckMessage]:
    """Look for GDMARKET_ variables that nothing reads: a mistyped one leaves a default in force."""
    read = set(import_module("config.settings").env.dump()) | _READ_ELSEWHERE
    try:
        read |= set(import_module("config.server").env.dump())
    except SystemExit as invalid:
        yield finding("config.E001", f"the server cannot start. {invalid}", "set what it names")
    for name in sorted(os.environ):
        if name.startswith("GDMARKET_") and name not in read and "_TEST_" not in name:
            near = difflib.get_close_matches(name, read, n=1)
            yield finding("config.W001", f"nothing reads {name}", f"name it {near[0]}" if near else "remove it")


@register(STRICT)
def check_secrecy(**_: Any) -> Iterator[CheckMessage]:
    """Look for keys that can be guessed, debug mode, and host names that are not limited."""
    for number, key in enumerate([settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]):
        name = f"secret key fallback {number}" if number else "the secret key"
        if exposure.has_known_word(key):
            yield finding("config.W002", f"{name} contains a well-known word", _NEW_KEY)
        elif exposure.is_short(key):
            yield finding("config.W003", f"{name} has {len(key)} characters, {len(set(key))} of them different", _NEW_KEY)
    if settings.DEBUG:
        yield finding("config.W004", "debug mode is on: error pages show the settings", "unset GDMARKET_DEBUG")
    if settings.GDMARKET_PUBLIC_DEMO:
        found = "it is a public demo: everybody may know its key and its people's passwords"
        yield finding("config.W012", found, "unset GDMARKET_PUBLIC_DEMO")
    if "*" in settings.ALLOWED_HOSTS:
        yield finding("config.W005", "any host name is answered to", _HOSTS)


@register(deploy=True)
def check_exposure(**_: Any) -> Iterator[CheckMessage]:
    """Look at what production needs: host names, HTTPS, limited request rates, a shared cache, collected static files."""
    if set(settings.ALLOWED_HOSTS) <= {"localhost", "127.0.0.1", "[::1]"}:
        yield finding("config.E002", "it answers to this machine's own names only", _HOSTS)
    if not settings.GDMARKET_HTTPS:
        hint = "end TLS at the gateway and set GDMARKET_HTTPS=true"
        yield finding("config.E003", "HTTPS is off: passwords and tokens can be read on the way", hint)
    if lifted := [name for name in _RATES if getattr(settings, name) == "off"]:
        yield finding("config.W006", f"request rates are not limited: {', '.join(lifted)}", "set a rate, or unset it for the default")
    if lifted := [name for name in _HOLDS if getattr(settings, name) == 0]:
        found = f"one renter may hold everything unpaid, or try any number of cards: {', '.join(lifted)}"
        yield finding("config.W013", found, "unset it for the default")
    if settings.CACHES["default"]["BACKEND"].endswith("LocMemCache"):
        found = "each process has a cache of its own: a request rate is counted once in every process"
        yield finding("config.W008", found, "with several processes name a shared one in GDMARKET_CACHE_URL, or divide the rates")
    collected = Path(settings.STATIC_ROOT) if settings.STATIC_ROOT else None
    if collected is None or not collected.is_dir():
        yield finding("config.W007", "static files are not collected", _COLLECT)
        return
    for name, source in ((name, finders.find(name)) for name in _STATIC):
        if source and not ((collected / name).is_file() and filecmp.cmp(source, collected / name, shallow=False)):
            yield finding("config.E004", f"{collected / name} is another version's", _COLLECT)


@register
def check_proxies(**_: Any) -> Iterator[CheckMessage]:
    """Look whether HTTPS and the proxies in front fit together."""
    if settings.GDMARKET_HTTPS and not settings.GDMARKET_TRUSTED_PROXIES:
        found = "HTTPS is on and no proxy is trusted to report it: each request would be redirected to HTTPS again and again"
        yield finding("config.E005", found, "set GDMARKET_TRUSTED_PROXIES to the number of proxies in front")


@register
def check_cache(**_: Any) -> Iterator[CheckMessage]:
    """Look whether the cache answers."""
    try:
        cache.get("gdmarket.doctor")
    except Exception as failure:  # noqa: BLE001  # each backend fails in its own way
        yield finding("config.E006", f"the cache cannot be used: {failure}", "change GDMARKET_CACHE_URL, or start what it names")


@register
def check_data_folder(**_: Any) -> Iterator[CheckMessage]:
    """Look whether the data folder can be written to and has room."""
    folder = Path(settings.GDMARKET_DATA_DIR)
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        yield finding("config.E007", f"{folder} is missing or cannot be written to", "give it to the user that runs the server")
    elif (free := shutil.disk_usage(folder).free // _MEGABYTE) < 2000:  # noqa: PLR2004  # 2 GB: time to act; 200 MB: none is left
        hint = "make room: bus purge, older backups; or use a larger disk"
        yield finding("config.W009" if free > 200 else "config.E008", f"{free} MB are free in {folder}", hint)  # noqa: PLR2004  # see above


@register(DATA)
def check_sessions(**_: Any) -> Iterator[CheckMessage]:
    """Look whether expired sessions are deleted daily."""
    if expired := Session.objects.filter(expire_date__lt=Now() - timedelta(days=1)).count():
        yield finding("config.W010", f"{expired} sessions expired more than a day ago", "run manage.py clearsessions daily")


@register(DATA, deploy=True)
def check_people(**_: Any) -> Iterator[CheckMessage]:
    """Look for a way in by the demo's password, and for an operator."""
    if not accounts.has_operator():
        yield finding("config.W011", "there is no operator", "run manage.py createsuperuser")
    if email := accounts.find_email_with_password(emails=demo.PEOPLE, password=demo.PASSWORD):
        hint = "change the demo people's passwords or deactivate them, in the admin: the demo's password is public"
        yield finding("config.E009", f"{email} can sign in with the demo's password", hint)
