"""A django-oscar shop in one file, run in a venv of its own; `python oscar_shop.py PRODUCTS BUYERS` makes its tables and fills it.

As its documentation sets it up, with oscarapi's token authentication. DATABASE_URL is `postgresql://user:password@host:port/name`.
"""
# mypy: ignore-errors
# ruff: noqa: E402, PLC0415  # Django is set up in between

import json
import os
import sys
from urllib.parse import urlsplit

from django.conf import settings

_DATABASE = urlsplit(os.environ["DATABASE_URL"])
_CONTRIB = [
    f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles", "sites", "flatpages")
]
_CONFIGS = {"analytics", "address", "shipping", "catalogue", "communication", "partner", "basket", "payment", "offer", "order", "customer"}
_CONFIGS |= {"search", "voucher", "wishlists", "checkout"}
_DASHBOARDS = {
    "reports",
    "users",
    "orders",
    "catalogue",
    "offers",
    "partners",
    "pages",
    "ranges",
    "reviews",
    "vouchers",
    "communications",
    "shipping",
}


def _app(name: str) -> str:
    return f"oscar.apps.{name}.apps.{name.rpartition('.')[2].capitalize()}Config"


if not settings.configured:
    from oscar import defaults

    settings.configure(
        **{name: value for name, value in vars(defaults).items() if name.isupper()}
        | {
            "SECRET_KEY": "x" * 50,
            "ALLOWED_HOSTS": ["*"],
            "ROOT_URLCONF": "oscar_shop",
            "DATABASES": {
                "default": {
                    "ENGINE": "django.db.backends.postgresql",
                    "NAME": _DATABASE.path.strip("/"),
                    "USER": _DATABASE.username,
                    "PASSWORD": _DATABASE.password,
                    "HOST": _DATABASE.hostname,
                    "PORT": _DATABASE.port,
                    "CONN_MAX_AGE": None,
                    "ATOMIC_REQUESTS": True,
                }
            },
            "INSTALLED_APPS": [
                *_CONTRIB,
                "oscar.config.Shop",
                *sorted(map(_app, _CONFIGS)),
                "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
                "oscar.apps.dashboard.apps.DashboardConfig",
                *sorted(f"oscar.apps.dashboard.{name}.apps.{name.capitalize()}DashboardConfig" for name in _DASHBOARDS),
                *("widget_tweaks", "haystack", "treebeard", "django_tables2", "rest_framework", "rest_framework.authtoken", "oscarapi"),
            ],
            "MIDDLEWARE": [
                "django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.common.CommonMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware",
                "oscarapi.middleware.ApiBasketMiddleWare",
            ],
            "TEMPLATES": [
                {
                    "BACKEND": "django.template.backends.django.DjangoTemplates",
                    "APP_DIRS": True,
                    "OPTIONS": {
                        "context_processors": [
                            "django.template.context_processors.request",
                            "django.contrib.auth.context_processors.auth",
                            "django.contrib.messages.context_processors.messages",
                        ]
                    },
                }
            ],
            "REST_FRAMEWORK": {
                "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
                "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
                "PAGE_SIZE": 20,
                "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
            },
            "HAYSTACK_CONNECTIONS": {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}},
            "SITE_ID": 1,
            "USE_TZ": True,
            "STATIC_URL": "/static/",
            "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
            "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
            "OSCAR_DEFAULT_CURRENCY": "KRW",
            "OSCAR_INITIAL_ORDER_STATUS": "Pending",
            "OSCAR_INITIAL_LINE_STATUS": "Pending",
        }
    )
    import django

    django.setup()

from django.core.handlers.wsgi import WSGIHandler
from django.urls import include, path

urlpatterns = [path("api/", include("oscarapi.urls"))]
application = WSGIHandler()


def fill(*, products: int, buyers: int) -> None:
    """Make the tables, products in stock, and buyers; print their tokens and the country's number as JSON."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from oscar.core.loading import get_model

    call_command("migrate", verbosity=0)
    kind = get_model("catalogue", "ProductClass").objects.create(name="Thing", requires_shipping=False)
    category = get_model("catalogue", "Category").add_root(name="Things")
    partner = get_model("partner", "Partner").objects.create(name="Neighbour")
    for number in range(products):
        product = get_model("catalogue", "Product").objects.create(
            product_class=kind, title=f"충전 드릴 {number}", upc=str(number), description="배터리 2개와 비트 세트가 함께 있습니다."
        )
        product.categories.add(category)
        get_model("partner", "StockRecord").objects.create(
            product=product, partner=partner, partner_sku=str(number), price=8000, num_in_stock=10_000_000
        )
    country = get_model("address", "Country").objects.create(
        iso_3166_1_a2="KR", iso_3166_1_a3="KOR", iso_3166_1_numeric="410", printable_name="Korea", name="Korea", is_shipping_country=True
    )
    people = [get_user_model().objects.create_user(f"buyer{number}", f"buyer{number}@example.com", "password") for number in range(buyers)]
    print(
        json.dumps(
            {"tokens": [get_model("authtoken", "Token").objects.create(user=person).key for person in people], "country": country.pk}
        )
    )


if __name__ == "__main__":
    fill(products=int(sys.argv[1]), buyers=int(sys.argv[2]))
