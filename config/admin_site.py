"""The web admin: item managers see their own things, operators everything."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class MarketAdminSite(AdminSite):
    """Django's admin, open to item managers as well as to operators."""

    site_header = site_title = _("GDmarket")
    index_title = _("Your items and rentals")

    def has_permission(self, request: HttpRequest) -> bool:
        """Let active operators and item managers in."""
        user = request.user
        return bool(user.is_active and (user.is_staff or getattr(user, "is_item_manager", False)))
