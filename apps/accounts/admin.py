"""Screens on which operators manage people."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, ReadOnlyPasswordHashField, ReadOnlyPasswordHashWidget, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts import queries, services
from apps.accounts.models import User
from gdmarket import clock
from gdmarket.admin import ReadOnlyAdmin, is_operator

_PERMISSIONS = ("is_staff", "is_superuser", "groups", "user_permissions")


class PasswordWidget(ReadOnlyPasswordHashWidget):
    """Whether there is a password, and the button to set one; Django's says of it the algorithm, the salt and the hash as well."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return what the template shows."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        if any("value" in line for line in context["summary"]):
            context["summary"] = [{"label": _("Set")}]
        return context


class PersonForm(UserChangeForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """What operators change of a person."""

    password = ReadOnlyPasswordHashField(label=_("Password"), widget=PasswordWidget)


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """What operators enter of a person."""

    usable_password = AdminUserCreationForm.create_usable_password_field(_("Without a password the person cannot sign in."))


@admin.register(User)
class PersonAdmin(ReadOnlyAdmin, UserAdmin):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """People, managed by operators. Only a superuser changes operators, or makes somebody one."""

    form = PersonForm
    add_form = NewPersonForm
    ordering = ("email",)
    list_display = ("email", "display_name", "is_renter", "is_item_manager", "is_staff", "is_active", "registered_at")
    list_filter = ("is_renter", "is_item_manager", "is_staff", "is_active")
    search_fields = ("search_text",)
    search_help_text = _("Words in name or e-mail address")
    readonly_fields = ("registered_at", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "display_name", "password")}),
        (_("Roles"), {"fields": ("is_renter", "is_item_manager", "is_active")}),
        (_("Powers"), {"fields": _PERMISSIONS, "classes": ("collapse",)}),
        (_("Dates"), {"fields": ("registered_at", "last_login")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "display_name", "usable_password", "password1", "password2", "is_renter", "is_item_manager")}),
    )

    def search(self, request: HttpRequest, rows: QuerySet[User], words: str) -> QuerySet[User]:
        return rows & queries.search_users(words=words)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        own = super().get_readonly_fields(request, obj)
        return own if _is_superuser(request) else (*own, *_PERMISSIONS)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001  # Django's hook
        """Save a change through the service, which publishes who may manage items."""
        if change:
            services.change_person(person=obj, now=clock.now())
        else:
            super().save_model(request, obj, form, change)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return is_operator(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_powerful = isinstance(obj, User) and (obj.is_staff or obj.is_superuser)
        return _is_superuser(request) if is_powerful else is_operator(request.user)


# Permissions follow from the roles: there is no page for groups.
admin.site.unregister(Group)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)
