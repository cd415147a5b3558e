"""The search parameters of the list of items."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions

from apps.items import domain, queries
from apps.items.models import Item
from gdmarket import clock
from gdmarket.rest import instants, pagination
from gdmarket.rest.numbers import integer_from_query
from gdmarket.text import MAX_SEARCH

MAX_PRICE = 1_000_000_000
_DEGREES = re.compile(r"[+\- ]?\d{1,3}(\.\d{1,15})?", re.ASCII)
_ORDERINGS = {"name": "name", "daily_price": "daily_price", "registered_at": "registered_at", "distance": "distance_m"}


class InstantFormField(forms.Field):
    """An instant in RFC 3339, converted to UTC."""

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            return instants.parse_instant(value, in_query=True)
        except instants.UnreadableInstantError as unreadable:
            raise ValidationError(unreadable.reason, code="invalid") from unreadable


class WholeNumberFormField(forms.IntegerField):
    """A whole number in a query string."""

    def to_python(self, value: Any) -> int | None:
        if value in self.empty_values:
            return None
        try:
            return integer_from_query(value)
        except ValueError as unreadable:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from unreadable


class PointField(forms.Field):
    """A place on Earth as `latitude,longitude` in degrees."""

    default_error_messages = {"invalid": _("Give a place as latitude,longitude in degrees, as in 37.5663,126.9779.")}

    def to_python(self, value: Any) -> tuple[float, float] | None:
        if value in self.empty_values:
            return None
        parts = [part.strip() for part in value.split(",")]
        if len(parts) != 2 or not all(_DEGREES.fullmatch(part) for part in parts):  # noqa: PLR2004  # a point has two coordinates
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        latitude, longitude = (float(part) for part in parts)
        if abs(latitude) > domain.MAX_LATITUDE or abs(longitude) > domain.MAX_LONGITUDE:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return latitude, longitude


class SearchForm(forms.Form):
    """Validates the parameters that depend on one another."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("near") is None and "near" not in self.errors:
            self._require_near(given)
        self._complete_period(given)
        return given

    def _require_near(self, given: dict[str, Any]) -> None:
        # A generated client may send what the document calls the default as if its caller had given it.
        if given.get("radius_m") not in {None, domain.DEFAULT_RADIUS_M}:
            self.add_error("radius_m", ValidationError(_("A radius needs a place: give near, too."), code="needs_near"))
        if given.get("ordering", "").removeprefix("-") == "distance":
            self.add_error("ordering", ValidationError(_("A distance needs a place: give near, too."), code="needs_near"))

    def _complete_period(self, given: dict[str, Any]) -> None:
        starts_at, ends_at = given.get("free_from"), given.get("free_to")
        if ends_at is not None and starts_at is None and "free_from" not in self.errors:
            self.add_error("free_from", ValidationError(_("Give free_from beside free_to."), code="required"))
        if starts_at is None or "free_to" in self.errors:
            return
        if ends_at is None:
            given["free_to"] = ends_at = min(starts_at, datetime.max.replace(tzinfo=UTC) - timedelta(days=1)) + timedelta(days=1)
        if ends_at <= starts_at:
            self.add_error("free_to", ValidationError(_("free_to must be after free_from."), code="ends_before_it_starts"))


class _InstantFilter(django_filters.Filter):  # type: ignore[misc]  # django-filter ships no types
    field_class = InstantFormField


class _PointFilter(django_filters.Filter):  # type: ignore[misc]  # django-filter ships no types
    field_class = PointField


class _WholeNumberFilter(django_filters.Filter):  # type: ignore[misc]  # django-filter ships no types
    field_class = WholeNumberFormField


class ItemSearch(django_filters.FilterSet):  # type: ignore[misc]  # django-filter ships no types
    """The listed items that match all parameters."""

    q = django_filters.CharFilter(max_length=MAX_SEARCH, method="_with_words")
    category = django_filters.CharFilter(max_length=domain.MAX_CATEGORY, method="_in_category")
    near = _PointFilter(method="_near")
    radius_m = _WholeNumberFilter(min_value=1, max_value=domain.MAX_RADIUS_M, method="_with_another")
    free_from = _InstantFilter(method="_free")
    free_to = _InstantFilter(method="_with_another")
    max_daily_price = _WholeNumberFilter("daily_price", "lte", min_value=0, max_value=MAX_PRICE)
    availability = django_filters.ChoiceFilter(choices=[(value, value) for value in domain.Availability])
    ordering = django_filters.ChoiceFilter(
        choices=[(sign + name, sign + name) for name in _ORDERINGS for sign in ("", "-")], method="_with_another"
    )

    class Meta:
        model = Item
        fields: list[str] = []
        form = SearchForm

    @property
    def order(self) -> tuple[str, ...]:
        """The columns to order by: the nearest first when `near` is given, else the newest."""
        ordering: str = self.form.cleaned_data["ordering"]
        if not ordering:
            return ("distance_m", "id") if self.form.cleaned_data["near"] else ("-registered_at", "id")
        sign = "-" if ordering.startswith("-") else ""
        return (sign + _ORDERINGS[ordering.removeprefix("-")], "id")

    def _with_words(self, items: QuerySet[Item], name: str, words: str) -> QuerySet[Item]:
        return queries.matching(items=items, words=words)

    def _in_category(self, items: QuerySet[Item], name: str, category: str) -> QuerySet[Item]:
        return queries.in_category(items=items, category=category)

    def _near(self, items: QuerySet[Item], name: str, place: tuple[float, float]) -> QuerySet[Item]:
        radius_m = self.form.cleaned_data["radius_m"] or domain.DEFAULT_RADIUS_M
        return queries.near(items=items, latitude=place[0], longitude=place[1], radius_m=radius_m)

    def _free(self, items: QuerySet[Item], name: str, starts_at: datetime) -> QuerySet[Item]:
        return queries.free(items=items, starts_at=starts_at, ends_at=self.form.cleaned_data["free_to"], now=clock.now())

    def _with_another(self, items: QuerySet[Item], name: str, value: object) -> QuerySet[Item]:
        """Leave the items unchanged: another parameter's filter reads this one."""
        return items


def search(*, parameters: Any) -> ItemSearch:
    """Return the search for a query string.

    :raises rest_framework.exceptions.ValidationError: naming every parameter that is unknown or not acceptable
    """
    found = ItemSearch(parameters, queryset=queries.list_listed_items())
    refusals = {
        name: [exceptions.ErrorDetail(problem.messages[0], problem.code or "invalid") for problem in problems]
        for name, problems in found.form.errors.as_data().items()
    }
    for name in parameters.keys() - found.filters.keys() - pagination.PARAMETERS:
        refusals[name] = [exceptions.ErrorDetail(str(_("There is no such parameter.")), "unknown_parameter")]
    if refusals:
        raise exceptions.ValidationError(refusals)
    return found
