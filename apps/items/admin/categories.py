"""The screens on which operators keep the categories of items."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.items.admin.forms import CategoryForm
from apps.items.admin.service_backed import ServiceBackedAdmin
from apps.items.models import Category
from apps.items.services import categories
from gdmarket.admin import is_operator


@admin.register(Category)
class CategoryAdmin(ServiceBackedAdmin):
    """The categories that items can have. None is deleted: one that is not active can no longer be chosen."""

    form = CategoryForm
    list_display = ("picture", "name_ko", "name_en", "key", "position", "is_active")
    list_display_links = ("picture", "name_ko", "name_en")
    list_filter = ("is_active",)
    ordering = ("position", "name_ko", "key")
    search_fields = ("name_ko", "name_en", "key")
    actions = None
    fields = ("name_ko", "name_en", "icon", "position", "is_active", "key", "seen_version")
    readonly_fields = ("key",)

    @admin.display(description=_("icon"))
    def picture(self, category: Category) -> SafeString:
        return format_html('<img src="{}" alt="{}" width="20" height="20">', static(f"items/icons/{category.icon}.svg"), category.icon)

    def save_model(self, request: HttpRequest, obj: Category, form: CategoryForm, change: bool) -> None:  # noqa: FBT001  # Django's hook
        """Add or revise through the services."""
        if change:
            form.saved = categories.revise_category(key=obj.key, expected_version=form.expected_version, **form.details())
        else:
            obj.key = categories.add_category(**form.details()).key

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_operator(request.user)

    has_change_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user)
