"""Settings of the OpenAPI description."""

from apps.items import domain as items
from apps.rentals import domain as rentals

SPECTACULAR_SETTINGS = {
    "TITLE": "GDmarket",
    "DESCRIPTION": "근대마켓: rent what your neighbours own, by the day.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {
        "ItemState": [state.value for state in items.ItemState],
        "RentalState": [state.value for state in rentals.RentalState],
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "gdmarket.rest.schema.add_common_responses"],
}
