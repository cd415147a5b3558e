"""The search parameters of items in the OpenAPI document."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from apps.items import domain
from apps.items.api.filters import MAX_PRICE, ItemSearch
from gdmarket.rest.pagination import DEFAULT_LIMIT, HIGHEST_LIMIT
from gdmarket.text import MAX_SEARCH

_TEXT, _WHOLE, _INSTANT = {"type": "string"}, {"type": "integer"}, OpenApiTypes.DATETIME
_POINT = {**_TEXT, "pattern": r"^[+-]?\d{1,3}(\.\d{1,15})?,[+-]?\d{1,3}(\.\d{1,15})?$"}
_RADIUS = {**_WHOLE, "minimum": 1, "maximum": domain.MAX_RADIUS_M, "default": domain.DEFAULT_RADIUS_M}
_LIMIT = {**_WHOLE, "minimum": 1, "maximum": HIGHEST_LIMIT, "default": DEFAULT_LIMIT}
_ORDERINGS = [value for value, _ in ItemSearch.base_filters["ordering"].extra["choices"]]

SEARCH_PARAMETERS = [
    OpenApiParameter("q", {**_TEXT, "maxLength": MAX_SEARCH}, description="Words that name, category, place or description must all hold."),
    OpenApiParameter(
        "category", {**_TEXT, "maxLength": domain.MAX_CATEGORY}, description="This category, however it is spaced or capitalised."
    ),
    OpenApiParameter("near", _POINT, description="A place as `latitude,longitude`; items get a `distance_m`."),
    OpenApiParameter("radius_m", _RADIUS, description="How far from `near`, in metres."),
    OpenApiParameter("free_from", _INSTANT, description="Only items free from this moment on …"),
    OpenApiParameter("free_to", _INSTANT, description="… until before this one; one day later when it is not given."),
    OpenApiParameter("max_daily_price", {**_WHOLE, "minimum": 0, "maximum": MAX_PRICE}, description="In minor units."),
    OpenApiParameter("availability", {**_TEXT, "enum": list(domain.Availability)}),
    OpenApiParameter("ordering", {**_TEXT, "enum": _ORDERINGS}, description="`-` turns the order around; `distance` needs `near`."),
    OpenApiParameter("cursor", _TEXT, description="Where the page begins; take `next` or `previous` of an answer as a whole."),
    OpenApiParameter("limit", _LIMIT, description="How many items a page has at most."),
]
