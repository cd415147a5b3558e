"""An item as a renter sees it: what the API tells those who are not its manager."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from apps.items import queries
from apps.items.admin import item_badge
from apps.items.api.serializers import item_json
from gdmarket.admin import format_money, is_operator


def show(request: HttpRequest, item_id: UUID) -> HttpResponse:
    """Show an item of the person's own, or to operators anybody's, and whether renters find it.

    :raises Http404: if there is none
    """
    items = queries.list_items(item_ids=[item_id])
    person: Any = request.user
    own = items if is_operator(person) else items.filter(manager_id=person.pk)
    row = own.first()
    if row is None:
        raise Http404
    item = item_json(vars(row), viewer=None, origin="")
    shown = {
        "title": _("“%(name)s” as renters see it") % {"name": item["name"]},
        "item": item,
        "price": format_money(item["daily_price"], item["currency"]),
        "deposit": format_money(item["deposit"], item["currency"]) if item["deposit"] else "",
        "badge": item_badge(row),
        "is_found": queries.list_listed_items().filter(id=item_id).exists(),
    }
    return TemplateResponse(request, "desk/item_preview.html", {**admin.site.each_context(request), **shown})
