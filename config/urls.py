"""Every route on one page."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from gdmarket.rest import health

api: list[URLPattern | URLResolver] = [
    path("auth/", include("apps.accounts.api.urls")),
    path("", include("apps.items.api.urls")),
    path("", include("apps.rentals.api.urls")),
    path("payments/", include("apps.payments.api.urls")),
    path("status/", include("apps.status_view.api.urls")),
    # Pages, which `config.api.PAGES` names.
    path("schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("api/v1/", include(api)),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

handler400 = "gdmarket.rest.problems.bad_request"
handler403 = "gdmarket.rest.problems.forbidden"
handler404 = "gdmarket.rest.problems.not_found"
handler500 = "gdmarket.rest.problems.internal_error"
