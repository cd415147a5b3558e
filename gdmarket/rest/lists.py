"""What lists take and give: parameters read strictly, and a page of results, both known to the schema."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

from gdmarket.rest.pagination import PARAMETERS
from gdmarket.rest.serializers import StrictSerializer


class ListParameters(StrictSerializer):
    """The query string of a list; a subclass adds what narrows it down. `pagination.page` reads and judges the two below."""

    unknown_code = "unknown_parameter"

    cursor = serializers.CharField(required=False, help_text="Where to go on, from `next` or `previous`.")
    limit = serializers.CharField(required=False, help_text="How many, 1 to 100; 20 when not given.")

    @classmethod
    def asked(cls, request: Request) -> dict[str, Any]:
        """Return what the request asks for, apart from the page.

        :raises ValidationError: naming every parameter that is unknown or not acceptable
        """
        parameters = cls(data=request.query_params.dict())
        parameters.is_valid(raise_exception=True)
        return {name: value for name, value in parameters.validated_data.items() if name not in PARAMETERS}


def page_of(result: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """Return the schema of a page of results."""
    return inline_serializer(
        name=result.__name__.removesuffix("Serializer").removesuffix("Schema") + "Page",
        fields={
            "results": result(many=True),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
        },
    )
