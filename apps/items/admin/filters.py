"""What the list of items is narrowed by."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.items.models import Category, Item
from apps.items.queries import categories


class CategoryFilter(admin.SimpleListFilter):
    """Filters by category, however the items write it."""

    title, parameter_name = _("category"), "category"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        """Return the categories there are, also those that can no longer be chosen for items, by their names in the reader's language."""
        return [(category.key, str(category)) for category in Category.objects.order_by("position", "name_ko", "key")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Item]) -> QuerySet[Item]:
        """Keep the items of the chosen category."""
        chosen = self.value()
        return queryset if chosen is None else queryset.filter(category_key=categories.key_of(category=chosen))
