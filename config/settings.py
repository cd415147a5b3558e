"""Every setting, read from the environment; docs/reference/settings.md says what each variable means."""

import importlib.util
import logging
import re
from pathlib import Path
from typing import Any

from environs import Env, ValidationError, validate

from config import logs, media
from config.area import area, check_area
from config.database_urls import databases
from config.installed import INSTALLED_APPS, MIDDLEWARE, TEMPLATES  # noqa: F401  # Django looks for them here
from config.payment_amounts import check_amounts, spans
from config.schema import SPECTACULAR_SETTINGS  # noqa: F401  # Django looks for it here

ROOT = Path(__file__).resolve().parent.parent

env = Env(eager=False)

# -- General ----------------------------------------------------------------------------------------------------------------------
#: Django's debug mode. Error pages show the settings: refused where it is reached from beyond this machine.
DEBUG = env.bool("GDMARKET_DEBUG", False)
#: The data folder: the SQLite file, the sandbox provider's file.
GDMARKET_DATA_DIR = env.path("GDMARKET_DATA_DIR", ROOT / "var")
#: Where `manage.py collectstatic` puts the static files, named by their content and compressed. Without it they are served from
#: the source tree; the container image sets it.
GDMARKET_STATIC_DIR = env.str("GDMARKET_STATIC_DIR", "")
#: Signs tokens, sessions and cursors, and encrypts kept answers: 50 or more random characters. `./dev` creates one in the data folder.
#: A server that is reached from beyond this machine does not start with one that can be guessed.
SECRET_KEY = env.str("GDMARKET_SECRET_KEY", validate=validate.Length(min=1))
#: Earlier secret keys whose signatures are still accepted: with them a key is replaced without signing everybody out.
SECRET_KEY_FALLBACKS: list[str] = env.list("GDMARKET_SECRET_KEY_FALLBACKS", [])
#: The host names it answers to; `*`, any, is refused where it is reached from beyond this machine.
ALLOWED_HOSTS = env.list("GDMARKET_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
#: The market is a demo whose key and passwords everybody knows: it starts with that key, and `load_demo` makes those people, though it
#: listens beyond this machine. Only in a network of your own; never on the internet.
GDMARKET_PUBLIC_DEMO = env.bool("GDMARKET_PUBLIC_DEMO", False)
#: Other origins whose forms are accepted, as in `https://admin.example.com`.
CSRF_TRUSTED_ORIGINS: list[str] = env.list("GDMARKET_CSRF_TRUSTED_ORIGINS", [])
#: Whether it is reached by HTTPS: secure cookies, redirects from HTTP, and HSTS for a year.
GDMARKET_HTTPS = env.bool("GDMARKET_HTTPS", False)
#: How many proxies are in front. With 1 or more, `X-Forwarded-For` and `X-Forwarded-Proto` are trusted that far.
GDMARKET_TRUSTED_PROXIES = env.int("GDMARKET_TRUSTED_PROXIES", 0, validate=validate.Range(min=0))
#: `DEBUG`, `INFO`, `WARNING` or `ERROR`.
LOG_LEVEL = env.log_level("GDMARKET_LOG_LEVEL", logging.INFO)
#: `text`: lines for people. `json`: [one JSON object a line](observability.md#logs), for a log collector.
GDMARKET_LOG_FORMAT = env.str("GDMARKET_LOG_FORMAT", "text", validate=validate.OneOf(["text", "json"]))
#: The bearer token that a scrape of [`/metrics`](observability.md#metrics) must send. Without it, anyone who can reach the server
#: without passing the gateway can read them.
GDMARKET_METRICS_TOKEN = env.str("GDMARKET_METRICS_TOKEN", "")

# -- Databases and cache ----------------------------------------------------------------------------------------------------------
#: The database, as in `postgresql://user:password@host/name`. Without it: SQLite, in the data folder. A pooler that keeps no prepared
#: statements needs `?prepared_statements=false` at the end.
_URL = env.str("DATABASE_URL", "")
_URLS = {
    #: The items' database, if it is not `DATABASE_URL`: [several databases](../how-to/operate.md#several-databases).
    "items": env.str("GDMARKET_ITEMS_DATABASE_URL", ""),
    #: The same for rentals.
    "rentals": env.str("GDMARKET_RENTALS_DATABASE_URL", ""),
    #: The same for payments.
    "payments": env.str("GDMARKET_PAYMENTS_DATABASE_URL", ""),
    #: The same for the status view.
    "status_view": env.str("GDMARKET_STATUS_VIEW_DATABASE_URL", ""),
}
DATABASES, GDMARKET_CONTEXT_DATABASES = databases(url=_URL, urls=_URLS, data_dir=GDMARKET_DATA_DIR)
DATABASE_ROUTERS = ["gdmarket.databases.ContextRouter"]
#: The cache that counts requests for the rates, one entry a caller. In memory it is per process: with several, name a shared one.
CACHES = {"default": env.dj_cache_url("GDMARKET_CACHE_URL", "locmem://?max_entries=10000")}

# -- The bus ----------------------------------------------------------------------------------------------------------------------
GDMARKET_SUBSCRIPTIONS = "config.subscriptions.SUBSCRIPTIONS"
GDMARKET_TRACED = "config.tracing"
#: How the process that published events delivers them: `inline` at the end of the request or right after the commit, `thread` in a
#: background thread, `off` not at all. The relay delivers the rest in any case.
GDMARKET_DISPATCH = env.str("GDMARKET_DISPATCH", "inline", validate=validate.OneOf(["inline", "thread", "off"]))
#: How long one request may spend on `inline` delivery.
GDMARKET_DISPATCH_BUDGET_MS = env.int("GDMARKET_DISPATCH_BUDGET_MS", 250, validate=validate.Range(min=0, max=5000))
GDMARKET_HOST = env.str("GDMARKET_HOST", "127.0.0.1")
GDMARKET_THREADS = env.int("GDMARKET_THREADS", 16, validate=validate.Range(min=1))
#: The port on which a relay serves [`/health/live` and `/metrics`](commands.md#the-relay), on `GDMARKET_HOST`; `0`: none.
GDMARKET_RELAY_PORT = env.int("GDMARKET_RELAY_PORT", 0, validate=validate.Range(0, 65535))

# -- Traces -----------------------------------------------------------------------------------------------------------------------


def _libraries_for_traces(endpoint: str) -> None:
    if endpoint and importlib.util.find_spec("opentelemetry") is None:
        raise ValidationError("OpenTelemetry's libraries are missing: pip install --require-hashes -r requirements/full.lock")


#: Where [traces](observability.md#traces) are sent by OTLP over HTTP: `http://collector:4318`. Needs `requirements/full.lock`.
#: OpenTelemetry's other variables, such as `OTEL_SERVICE_NAME` (`gdmarket`) and `OTEL_TRACES_SAMPLER`, work as documented there.
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "", validate=_libraries_for_traces)

# -- Payments ---------------------------------------------------------------------------------------------------------------------
_address = validate.Regexp(
    r"(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)/?\Z", error="Must be https://host, or http:// on this machine."
)


def _installed(gateway: str) -> None:
    if gateway == "stripe" and importlib.util.find_spec("stripe") is None:
        raise ValidationError("Stripe's library is missing: pip install --require-hashes -r requirements/stripe.lock")


# An empty webhook secret would let anybody sign.
_SECRETS: dict[str, Any] = {"subcast": str.strip, "validate": validate.ContainsNoneOf([""], error="One of them is empty.")}


def _secret_of(gateway: str) -> dict[str, Any]:
    """Return the options of a gateway's secret: it is needed if that gateway is selected. Errors do not show its value."""
    if gateway != GDMARKET_PAYMENT_GATEWAY:
        return {"default": ""}
    return {"validate": validate.Regexp(r"[\x21-\x7e]+\Z", error="Must be printable characters without a space.")}


#: The payment provider: `sandbox`, which is built in; `http`, the [payment simulator](payment-simulator.md); [`stripe` or
#: `toss`](payment-providers.md).
GDMARKET_PAYMENT_GATEWAY = env.str(
    "GDMARKET_PAYMENT_GATEWAY", "sandbox", validate=[validate.OneOf(["http", "sandbox", "stripe", "toss"]), _installed]
)
#: Hosts that payments may be sent to by plain `http://`, as the payment simulator in a container of its own is: anybody on the way can
#: read and change them.
GDMARKET_PAYMENT_INSECURE_HOSTS: list[str] = env.list("GDMARKET_PAYMENT_INSECURE_HOSTS", [], subcast=str.strip)


def _payment_address(url: str) -> None:
    plain = re.fullmatch(r"http://([^\s/?#@:\[\]]+)(:[0-9]+)?/?", url)
    if plain is None or plain[1] not in GDMARKET_PAYMENT_INSECURE_HOSTS:
        _address(url)


#: Where `http` finds the payment simulator: an `https://` address, or `http://` on this machine.
GDMARKET_PAYMENT_URL = env.str("GDMARKET_PAYMENT_URL", "http://127.0.0.1:8700", validate=_payment_address)
#: The secrets that verify webhooks for `http`, separated by commas. One that matches is enough, so that they can be rotated; without any,
#: every webhook is refused.
GDMARKET_PAYMENT_WEBHOOK_SECRETS: list[str] = env.list("GDMARKET_PAYMENT_WEBHOOK_SECRETS", [], **_SECRETS)
#: Stripe's secret or restricted key, `sk_…` or `rk_…`. Needed by `stripe`.
GDMARKET_STRIPE_SECRET_KEY = env.str("GDMARKET_STRIPE_SECRET_KEY", **_secret_of("stripe"))
#: The signing secrets that verify webhooks for `stripe`, `whsec_…`, separated by commas. One that matches is enough; without any, every
#: webhook is refused.
GDMARKET_STRIPE_WEBHOOK_SECRETS: list[str] = env.list("GDMARKET_STRIPE_WEBHOOK_SECRETS", [], **_SECRETS)
#: Where `stripe` finds Stripe.
GDMARKET_STRIPE_URL = env.str("GDMARKET_STRIPE_URL", "https://api.stripe.com", validate=_address)
#: Toss Payments' secret key, `live_sk_…` or `test_sk_…`. Needed by `toss`.
GDMARKET_TOSS_SECRET_KEY = env.str("GDMARKET_TOSS_SECRET_KEY", **_secret_of("toss"))
#: Where `toss` finds Toss Payments.
GDMARKET_TOSS_URL = env.str("GDMARKET_TOSS_URL", "https://api.tosspayments.com", validate=_address)
# The breaker gives up a probe after 10 s.
#: How long the provider may take to answer, for all requests of one call together; at most 9000.
GDMARKET_PAYMENT_TIMEOUT_MS = env.int("GDMARKET_PAYMENT_TIMEOUT_MS", 3000, validate=validate.Range(min=1, max=9000))
#: The sums that the provider takes, `CURRENCY=SMALLEST-LARGEST` in minor units, separated by commas; either end may be left out. Another
#: sum is refused before anything is held. A currency that is not named has the limits that the provider documents, if any.
_AMOUNTS: dict[str, str] = env.dict("GDMARKET_PAYMENT_AMOUNTS", {}, validate=check_amounts)

# -- Holds ------------------------------------------------------------------------------------------------------------------------
#: How many rentals of one renter may [wait to be paid](rental-rules.md#unpaid-holds) at a time; `0`: as many as they like.
GDMARKET_UNPAID_HOLDS = env.int("GDMARKET_UNPAID_HOLDS", 3, validate=validate.Range(min=0))
#: How often within a day one renter may hold one item and not keep it; `0`: as often as they like, and for several periods at once.
GDMARKET_UNPAID_HOLDS_PER_ITEM = env.int("GDMARKET_UNPAID_HOLDS_PER_ITEM", 2, validate=validate.Range(min=0))
#: How long a rental may hold its period unpaid in all, [however often it is prolonged](rental-rules.md#unpaid-holds). The time while it
#: is paid does not count.
GDMARKET_LONGEST_HOLD_S = env.int("GDMARKET_LONGEST_HOLD_S", 3600, validate=validate.Range(min=900))
#: How many payments of one rental may be declined in an hour; after that, attempts are answered 429 for a while. `0`: no limit.
GDMARKET_DECLINES_PER_RENTAL = env.int("GDMARKET_DECLINES_PER_RENTAL", 5, validate=validate.Range(min=0))
#: The same for all payments of one renter.
GDMARKET_DECLINES_PER_RENTER = env.int("GDMARKET_DECLINES_PER_RENTER", 10, validate=validate.Range(min=0))
#: How many rentals one renter may pay and [cancel again](rental-rules.md#payments-that-are-cancelled) within a day; after that, requests
#: are answered 429 for a while. `0`: no limit.
GDMARKET_CANCELLED_PAYMENTS = env.int("GDMARKET_CANCELLED_PAYMENTS", 5, validate=validate.Range(min=0))

# -- Rentals ----------------------------------------------------------------------------------------------------------------------
#: The shortest time for which an item is rented, in seconds.
GDMARKET_SHORTEST_RENTAL_S = env.int("GDMARKET_SHORTEST_RENTAL_S", 3600, validate=validate.Range(min=1, max=2592000))
#: The market's area, `south,west,north,east` in degrees: pickup places lie in it, and, in the admin, items whose place is typed.
_AREA: list[str] = env.list("GDMARKET_AREA", ["33", "124.5", "38.7", "132"], validate=check_area)

# -- Photos -----------------------------------------------------------------------------------------------------------------------

#: How many photos one process decodes at once, each with up to 512 MiB and most of a core for a second or two. A few more wait; who comes
#: then gets 503.
GDMARKET_PHOTOS_AT_ONCE = env.int("GDMARKET_PHOTOS_AT_ONCE", 1, validate=validate.Range(min=1))
#: The bucket in which [photos](../how-to/deploy.md#photos) are kept, at any service that speaks S3. Without one they are in the folder
#: `media` of the data folder. Keys and region are those of the AWS SDK: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`.
#: Needs `requirements/s3.lock`.
GDMARKET_MEDIA_BUCKET = env.str("GDMARKET_MEDIA_BUCKET", "", validate=media.check_bucket)
#: The address of that service, if it is not Amazon's.
GDMARKET_MEDIA_ENDPOINT = env.str(
    "GDMARKET_MEDIA_ENDPOINT", "", validate=validate.Regexp(r"(https?://[^\s?#]+)?\Z", error="Must be http:// or https://.")
)
#: Where clients fetch photos, if not from the market itself, at `/media/`: the address of the bucket, or of a CDN in front of either.
GDMARKET_MEDIA_URL = env.str(
    "GDMARKET_MEDIA_URL", "", validate=validate.Regexp(r"(https://[^\s?#]+)?\Z", error="Must be https://host, perhaps with a path.")
)

# -- Signing in -------------------------------------------------------------------------------------------------------------------
#: How many passwords one process hashes at once: each takes most of a second of one core. A few more wait; who comes then gets 503.
GDMARKET_HASHES_AT_ONCE = env.int("GDMARKET_HASHES_AT_ONCE", 2, validate=validate.Range(min=1))
#: How long an access token is valid.
GDMARKET_ACCESS_TOKEN_LIFETIME_S = env.int("GDMARKET_ACCESS_TOKEN_LIFETIME_S", 3600, validate=validate.Range(min=1))
#: How long a refresh token is valid (30 days).
GDMARKET_REFRESH_TOKEN_LIFETIME_S = env.int("GDMARKET_REFRESH_TOKEN_LIFETIME_S", 30 * 24 * 3600, validate=validate.Range(min=1))

# -- Request rates ----------------------------------------------------------------------------------------------------------------
_rate = validate.Regexp(r"(off|[1-9][0-9]*/(sec|min|hour|day))\Z", error='Must be "off", or a number per sec, min, hour or day: 3000/min.')
#: How many requests one user may send: a number per `sec`, `min`, `hour` or `day`, or `off`.
GDMARKET_THROTTLE_USER = env.str("GDMARKET_THROTTLE_USER", "3000/min", validate=_rate)
#: The same, for one IP address (of IPv6: one /64), without signing in.
GDMARKET_THROTTLE_ANON = env.str("GDMARKET_THROTTLE_ANON", "3000/min", validate=_rate)
#: How many requests one address may send to register and to sign in, in the admin too; counted for all processes together.
GDMARKET_THROTTLE_AUTH = env.str("GDMARKET_THROTTLE_AUTH", "60/min", validate=_rate)
#: How many of them may be registrations.
GDMARKET_THROTTLE_REGISTER = env.str("GDMARKET_THROTTLE_REGISTER", "20/hour", validate=_rate)
#: How many photos one item manager may add.
GDMARKET_THROTTLE_UPLOADS = env.str("GDMARKET_THROTTLE_UPLOADS", "60/min", validate=_rate)
#: For how many days after a rental is over the name and contact of a guest, who booked at the desk without an account, are kept.
GDMARKET_GUEST_RETENTION_DAYS = env.int("GDMARKET_GUEST_RETENTION_DAYS", 90, validate=validate.Range(min=1))
#: How many bookings at the desk one item manager may try: each tells whether an e-mail address has an account.
GDMARKET_THROTTLE_WALK_INS = env.str("GDMARKET_THROTTLE_WALK_INS", "120/hour", validate=_rate)

env.seal()

GDMARKET_PAYMENT_AMOUNTS, GDMARKET_AREA = spans(_AMOUNTS), area(_AREA)

# -- Apps and middleware ----------------------------------------------------------------------------------------------------------
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Users ------------------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["apps.accounts.hashing.BoundedPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# -- The API ----------------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["gdmarket.rest.parsers.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.accounts.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["gdmarket.rest.throttles.UserThrottle", "gdmarket.rest.throttles.AnonThrottle"],
    "EXCEPTION_HANDLER": "gdmarket.rest.problems.problem_handler",
    "NUM_PROXIES": GDMARKET_TRUSTED_PROXIES,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

# -- Language and time ------------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("ko", "한국어"), ("en", "English")]
LOCALE_PATHS = [ROOT / "config" / "locale"]
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = True
USE_TZ = True
GDMARKET_TIME_ZONE = "Asia/Seoul"  # In the admin; the API uses UTC.
TIME_ZONE = "UTC"

# -- Static files -----------------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(GDMARKET_STATIC_DIR) if GDMARKET_STATIC_DIR else None
STATICFILES_DIRS = [ROOT / "config" / "static"]
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ("gif", "gz", "jpg", "map", "png", "woff", "woff2", "zip")  # source maps
_STATIC_BACKEND = "django.contrib.staticfiles.storage.StaticFilesStorage"
_HASHED_BACKEND = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": media.storage(folder=GDMARKET_DATA_DIR / "media", bucket=GDMARKET_MEDIA_BUCKET, endpoint=GDMARKET_MEDIA_ENDPOINT),
    "staticfiles": {"BACKEND": _STATIC_BACKEND if STATIC_ROOT is None else _HASHED_BACKEND},
}
MEDIA_URL = f"{GDMARKET_MEDIA_URL.rstrip('/')}/" if GDMARKET_MEDIA_URL else "/media/"

# -- Security ---------------------------------------------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
SESSION_COOKIE_AGE = 8 * 3600
LOGIN_REDIRECT_URL = "admin:index"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = GDMARKET_HTTPS
SECURE_SSL_REDIRECT = GDMARKET_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if GDMARKET_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = GDMARKET_HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if GDMARKET_TRUSTED_PROXIES else None
CSRF_FAILURE_VIEW = "gdmarket.rest.problems.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = media.content_security_policy(url=GDMARKET_MEDIA_URL)

# -- Logs -------------------------------------------------------------------------------------------------------------------------
LOGGING_CONFIG = "config.logs.configure"
LOGGING = logs.settings_for(form=GDMARKET_LOG_FORMAT, level=LOG_LEVEL)
