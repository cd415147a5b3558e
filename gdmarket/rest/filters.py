"""Narrowing a list down by its query string: what is not known is refused, not ignored."""

from typing import Any, TypeVar

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from gdmarket.rest.pagination import PARAMETERS as PAGING

F = TypeVar("F", bound=django_filters.FilterSet)
_UNKNOWN = _("There is no such parameter.")


def filtered(filters: type[F], *, request: Request, queryset: QuerySet[Any, Any]) -> F:
    """Return `filters` bound to what the request's query string asks of `queryset`; its `qs` is the answer.

    :raises ValidationError: naming every parameter that is unknown or not acceptable
    """
    parameters = request.query_params
    bound: F = filters(parameters, queryset=queryset, request=request)
    refusals = {
        name: [ErrorDetail(str(problem.messages[0]), problem.code or "invalid") for problem in problems]
        for name, problems in bound.form.errors.as_data().items()
    }
    for name in parameters.keys() - bound.filters.keys() - PAGING:
        refusals[name] = [ErrorDetail(str(_UNKNOWN), "unknown_parameter")]
    if refusals:
        raise ValidationError(refusals)
    return bound
