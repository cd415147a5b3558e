"""The settings themselves: secrets, names, HTTPS, what is shared between processes, time-outs, and the folder of data."""

import difflib
import filecmp
import os
import shutil
from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.cache import cache

from config.doctor.deadline import ask
from config.doctor.findings import Findings, Level, Stance, at, fail, ok, warn
from config.doctor.server import names_read, server_setting
from gdmarket.bus.claims import LEASE_S

KEY_LENGTH = 50
_FEWEST_LETTERS = 12
# Words that stand where a key should: in examples, tests and builds.
_NO_SECRETS = ("unused", "only-for-tests", "django-insecure", "change-me", "changeme", "secret", "example")
# Read by a start, and by those who kill on purpose.
_READ_ELSEWHERE = {"GDMARKET_CRASH_AT", "GDMARKET_RELAY", "GDMARKET_WELCOME"}
_GIGABYTE = 1024**3
_LITTLE_DISK, _NO_DISK = 2 * _GIGABYTE, _GIGABYTE // 5
_LOCAL = {"localhost", "127.0.0.1", "[::1]"}


def secret_key(stance: Stance) -> Findings:
    """Look at the keys that sign tokens, sessions and kept answers."""
    keys = {"secret key": settings.SECRET_KEY} | {
        f"secret key fallback {number}": key for number, key in enumerate(settings.SECRET_KEY_FALLBACKS, 1)
    }
    remedy = "set another: python -c 'import secrets; print(secrets.token_urlsafe(48))', and keep the old one among the fallbacks"
    for what, key in keys.items():
        if any(word in key.lower() for word in _NO_SECRETS):
            yield at(stance.strict, what, "is a word that everybody knows", remedy)
        elif len(key) < KEY_LENGTH or len(set(key)) < _FEWEST_LETTERS:
            yield at(stance.strict, what, f"has {len(key)} characters, {len(set(key))} of them different", remedy)
        else:
            yield ok(what, "is long enough")


def names(_stance: Stance) -> Findings:
    """Look for variables with our name that nothing reads: a mistyped one leaves a default in force."""
    read = set(import_module("config.settings").env.dump()) | names_read() | _READ_ELSEWHERE
    strange = sorted(name for name in os.environ if name.startswith("GDMARKET_") and name not in read and "_TEST_" not in name)
    for name in strange:
        near = difflib.get_close_matches(name, read, n=1)
        yield warn("variables", f"nothing reads {name}", f"name it {near[0]}" if near else "take it out")
    if not strange:
        yield ok("variables", "each GDMARKET_… that is set is read")


def exposure(stance: Stance) -> Findings:
    """Look at what strangers would see and under which names."""
    if settings.DEBUG:
        yield at(stance.strict, "debug mode", "is on: whoever meets an error reads the settings", "unset GDMARKET_DEBUG")
    else:
        yield ok("debug mode", "is off")
    hosts = set(settings.ALLOWED_HOSTS)
    remedy = "set GDMARKET_ALLOWED_HOSTS to the names it is reached by"
    if "*" in hosts:
        yield at(stance.strict, "host names", "any name is answered to", remedy)
    elif stance.deploy and hosts <= _LOCAL:
        yield fail("host names", "it answers to this machine's own names only", remedy)
    else:
        yield ok("host names", ", ".join(sorted(hosts)))
    if "off" in {settings.GDMARKET_THROTTLE_USER, settings.GDMARKET_THROTTLE_ANON} and stance.deploy:
        yield warn("request rates", "are not limited", "set GDMARKET_THROTTLE_USER and GDMARKET_THROTTLE_ANON")


def https(stance: Stance) -> Findings:
    """Look whether HTTPS and the proxies in front fit together."""
    proxies, remedy = settings.GDMARKET_TRUSTED_PROXIES, "set GDMARKET_TRUSTED_PROXIES to the number of proxies in front"
    if settings.GDMARKET_HTTPS and not proxies:
        found = "is on and no proxy is trusted to say so: each request would be sent to HTTPS again, for ever"
        yield fail("HTTPS", found, remedy)
    elif settings.GDMARKET_HTTPS:
        yield ok("HTTPS", f"is on, as {proxies} trusted in front say")
    elif stance.deploy:
        yield fail("HTTPS", "is off: passwords and tokens are read on the way", "end TLS at the gateway and set GDMARKET_HTTPS=true")
    else:
        yield ok("HTTPS", "is off")
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        if settings.GDMARKET_HTTPS and not origin.startswith("https://"):
            yield warn("trusted origins", f"{origin} is no HTTPS address", "mend GDMARKET_CSRF_TRUSTED_ORIGINS")


def shared_cache(stance: Stance) -> Findings:
    """Look whether all processes count requests in one place."""
    backend = settings.CACHES["default"]["BACKEND"].rpartition(".")[2]
    try:
        ask(lambda: cache.get("gdmarket.doctor"))
    except Exception as wrong:  # noqa: BLE001  # each backend fails in its own way
        yield fail("cache", f"{backend} cannot be used: {wrong}", "mend GDMARKET_CACHE_URL, or start what it names")
        return
    several = server_setting("workers", 1) > 1
    if backend == "LocMemCache" and (several or stance.deploy):
        found = "is each process's own: a request rate is counted once for every process"
        yield warn("cache", found, "with several processes name a shared one in GDMARKET_CACHE_URL, or divide the rates")
    else:
        yield ok("cache", backend)


def time_outs(_stance: Stance) -> Findings:
    """Look whether what waits for something waits longer than that may take."""
    payment_s = settings.GDMARKET_PAYMENT_TIMEOUT_MS / 1000
    request_s = payment_s + settings.GDMARKET_DISPATCH_BUDGET_MS / 1000
    graceful_s = server_setting("graceful_timeout", 0)
    if graceful_s == 0:
        yield fail("server", "its settings cannot be read", "python -m gunicorn --check-config -c python:config.server config.wsgi")
    elif not payment_s < LEASE_S < graceful_s:
        found = f"payment {payment_s:g} s, lease {LEASE_S} s, graceful stop {graceful_s} s are not in rising order"
        yield fail("time-outs", found, "lower GDMARKET_PAYMENT_TIMEOUT_MS")
    elif request_s >= graceful_s:
        found = f"a request may take {request_s:g} s and a server that stops waits {graceful_s} s for it"
        yield warn("time-outs", found, "lower GDMARKET_DISPATCH_BUDGET_MS")
    else:
        yield ok("time-outs", f"payment {payment_s:g} s < lease {LEASE_S} s < graceful stop {graceful_s} s")


def data_folder(_stance: Stance) -> Findings:
    """Look whether the folder of data can be written to, and whether there is room."""
    folder = Path(settings.GDMARKET_DATA_DIR)
    remedy = "give the folder named by GDMARKET_DATA_DIR to the user that runs the market"
    if not folder.is_dir():
        yield fail("data folder", f"{folder} is not there", remedy)
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield fail("data folder", f"{folder} cannot be written to", remedy)
        return
    free = shutil.disk_usage(folder).free
    found = f"{free / _GIGABYTE:.1f} GB are free in {folder}"
    if free < _LITTLE_DISK:
        level = Level.WARN if free > _NO_DISK else Level.FAIL
        yield at(level, "disk", found, "make room: bus purge, older backups; or give it a larger disk")
    else:
        yield ok("disk", found)


def static_files(stance: Stance) -> Findings:
    """Look whether the files that the admin needs were collected from this very version."""
    remedy = "set GDMARKET_STATIC_DIR, then run manage.py collectstatic --noinput"
    root = getattr(settings, "STATIC_ROOT", None)
    collected = Path(root) if root else None
    if collected is None or (not collected.is_dir() and settings.WHITENOISE_USE_FINDERS):
        yield at(Level.WARN if stance.deploy else Level.OK, "static files", "are not collected: each process looks them up", remedy)
        return
    if not collected.is_dir():
        yield fail("static files", f"{collected} is not there: the admin has no styles", remedy)
        return
    for name in ("market/admin.css", "admin/css/base.css"):
        source = finders.find(name)
        if source and not ((collected / name).is_file() and filecmp.cmp(source, collected / name, shallow=False)):
            yield fail("static files", f"{name} is another version's", remedy)
            return
    yield ok("static files", f"collected in {collected}")


def korean(_stance: Stance) -> Findings:
    """Look whether the Korean words are there in the form that is read."""
    root = Path(settings.ROOT)
    missing = [str(po.relative_to(root)) for po in root.glob("*/**/locale/ko/LC_MESSAGES/*.po") if not po.with_suffix(".mo").is_file()]
    if missing:
        yield warn(
            "Korean", f"not compiled: {', '.join(sorted(missing))}", "take the files of the release, or run manage.py compilemessages"
        )
    else:
        yield ok("Korean", "compiled")


CHECKS = (names, secret_key, exposure, https, shared_cache, time_outs, data_folder, static_files, korean)
