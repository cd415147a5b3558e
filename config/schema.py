"""Settings of the OpenAPI description."""

from apps.accounts import domain as accounts
from apps.items import domain as items
from apps.rentals import domain as rentals
from apps.status_view import domain as status_view

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
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "string", "format": "uuid"}},
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # One name for each set of values, wherever it stands: clients get one type for it.
    "ENUM_NAME_OVERRIDES": {
        "Availability": [value.value for value in items.Availability],
        "Currency": [items.KRW],
        "FactSource": ["rental", "payment"],
        "ItemOrdering": [sign + name for name in ("name", "daily_price", "registered_at", "distance") for sign in ("", "-")],
        "ItemState": [state.value for state in items.ItemState],
        "NextActor": [actor.value for actor in status_view.NextActor],
        "PersonRole": [role.value for role in accounts.Role],
        "RentalParty": [party.value for party in rentals.RentalParty],
        "RentalRole": ["renter", "manager"],
        "RentalTerm": list(rentals.TERMS),
        "RentalState": [state.value for state in rentals.RentalState],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "gdmarket.rest.schema.share_parameter_enums",
        "gdmarket.rest.schema.describe_defaults",
        "gdmarket.rest.schema.add_common_responses",
    ],
}
