"""The web admin: item managers see their own items and rentals, operators everything."""

import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.accounts import hashing
from apps.accounts.errors import HashingBusyError
from config.desk import menu
from gdmarket import clock
from gdmarket.admin import may_use_admin
from gdmarket.errors import DomainError, TooOftenError
from gdmarket.rest.throttles import AuthThrottle, address_of

_DEVICE, _DEVICE_KNOWN_FOR = "gdmarket_device", timedelta(days=180)


class SignInForm(AdminAuthenticationForm):
    """Signs in item managers and operators, and limits wrong passwords: Django's own form admits staff only, and any number of tries."""

    error_messages = {"no_screens": _("Only item managers and operators have screens here. Renters use the market's API.")}

    def clean(self) -> dict[str, Any]:
        """Authenticate as the API does, with the same limits on an address's attempts and on failures.

        Browsers have a cookie: whoever signed in with one is not kept out by strangers at the same address who guess.
        """
        # Models cannot be imported yet when Django creates the site.
        from apps.accounts import services as accounts  # noqa: PLC0415

        try:
            if self.request:
                _count_sign_in(self.request)
            user = accounts.check_credentials(
                email=self.cleaned_data.get("username", ""),
                password=self.cleaned_data.get("password", ""),
                address=address_of(self.request) if self.request else "",
                device=device_of(self.request) if self.request else "",
                now=clock.now(),
            )
        except DomainError as refused:
            raise ValidationError(refused.message, code=refused.code) from refused
        self.confirm_login_allowed(user)
        self.user_cache = user
        return self.cleaned_data

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """Refuse people who have no screens.

        :raises ValidationError: if they are neither operators nor item managers
        """
        if not may_use_admin(user):
            raise ValidationError(self.error_messages["no_screens"], code="no_screens")


def _count_sign_in(request: HttpRequest) -> None:
    """Count an attempt to sign in, together with those by the API.

    :raises TooOftenError: if it is one too many from its address
    """
    throttle = AuthThrottle()
    if not throttle.allow_request(request, view=None):
        raise TooOftenError(retry_after_s=throttle.wait())


def device_of(request: HttpRequest) -> str:
    """Return what identifies the browser, a random text in its cookie; for one that has none, what it will get."""
    if _DEVICE not in request.COOKIES:
        request.COOKIES[_DEVICE] = secrets.token_urlsafe(24)
    return request.COOKIES[_DEVICE][:100]


class MarketAdminSite(AdminSite):
    """Django's admin, open to item managers as well as to operators."""

    site_header = site_title = _("GDmarket")
    index_title = _("Today")
    site_url = None
    enable_nav_sidebar = False
    login_form = SignInForm

    def has_permission(self, request: HttpRequest) -> bool:
        """Admit active operators and item managers."""
        return may_use_admin(request.user)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign in, and let the browser be known the next time."""
        from apps.accounts import services as accounts  # noqa: PLC0415  # see above

        response = super().login(request, extra_context)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND and request.user.is_authenticated:
            accounts.remember_device(email=request.user.email, device=device_of(request), now=clock.now())
            response.set_cookie(
                _DEVICE,
                device_of(request),
                max_age=_DEVICE_KNOWN_FOR,
                path=reverse("admin:index"),
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response

    def password_change(  # type: ignore[override]  # Django's redirects as well
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Change the password; 503 while the process hashes as many as it may."""
        if request.method != "POST":
            return super().password_change(request, extra_context)
        try:
            with hashing.reserve_place():
                return super().password_change(request, extra_context)
        except HashingBusyError as busy:
            return HttpResponse(busy.message, status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain; charset=utf-8")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what is to be done today."""
        from config.desk import today  # noqa: PLC0415  # see above

        opened_at = clock.now()  # before the rows are read: what is requested meanwhile is new
        return super().index(request, {**(extra_context or {}), **today.context(request), "opened_at": opened_at})

    def app_index(self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        """Redirect to the entry of the menu, which has a list instead of a list of models."""
        return HttpResponseRedirect(menu.address_under(app_label, user=request.user))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page needs: the menu too."""
        return {**super().each_context(request), "menu": menu.menu_of(request), "opened_at": clock.now()}

    def get_urls(self) -> list[Any]:
        """Return the admin's patterns, and before them the desk's."""
        from config.desk import urls  # noqa: PLC0415  # see above

        return [*urls.patterns(self.admin_view), *super().get_urls()]
