"""The apps and the middleware, in their order, and the templates."""

from pathlib import Path
from typing import Any

INSTALLED_APPS = [
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "gdmarket.rest",
    "apps.accounts",
    "apps.items",
    "apps.rentals",
    "apps.payments",
    "apps.status_view",
    "config",
    "gdmarket.breaker",
    "gdmarket.bus",
]

MIDDLEWARE = [
    "config.metrics.answer_metrics",
    "gdmarket.rest.middleware.CorrelationMiddleware",
    "config.api.ApiMiddleware",  # it answers the API and the probes: what follows is for pages alone
    "config.middleware.refuse_nul_in_url",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.media.serve_media",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gdmarket.rest.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.middleware.use_local_time_in_admin",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
