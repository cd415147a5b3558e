"""The search parameters of the list of items."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions

from apps.items import domain
from apps.items.models import Item
from apps.items.queries import categories, searching
from apps.items.queries.searching import Search
from gdmarket import clock, text
from gdmarket.rest import instants, pagination
from gdmarket.rest.numbers import integer_from_query
from gdmarket.text import MAX_SEARCH

MAX_PRICE = 1_000_000_000
_DEGREES = re.compile(r"[+\- ]?\d{1,3}(\.\d{1,15})?", re.ASCII)
_ORDERINGS = {"name": "name", "daily_price": "daily_price", "registered_at": "registered_at", "distance": "distance_m"}
# The form's own rules are about these, and about these where no place is given.
_TOGETHER, _WITH_PLACE = frozenset({"free_from", "free_to"}), frozenset({"radius_m", "ordering"})


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
    """The parameters of a search. All are read together, by `search`."""

    q = django_filters.CharFilter(max_length=MAX_SEARCH)
    category = django_filters.CharFilter(max_length=domain.MAX_CATEGORY)
    near = _PointFilter()
    radius_m = _WholeNumberFilter(min_value=1, max_value=domain.MAX_RADIUS_M)
    free_from = _InstantFilter()
    free_to = _InstantFilter()
    max_daily_price = _WholeNumberFilter(min_value=0, max_value=MAX_PRICE)
    availability = django_filters.ChoiceFilter(choices=[(value, value) for value in domain.Availability])
    ordering = django_filters.ChoiceFilter(choices=[(sign + name, sign + name) for name in _ORDERINGS for sign in ("", "-")])

    class Meta:
        model = Item
        fields: list[str] = []
        form = SearchForm


def search(*, parameters: Any) -> tuple[Search, tuple[str, ...]]:
    """Return the search for a query string, and its order.

    :raises rest_framework.exceptions.ValidationError: naming every parameter that is unknown or not acceptable
    """
    if parameters.keys() <= pagination.PARAMETERS:
        return Search(), searching.NEWEST  # nothing for the form to read, which costs more than the list itself
    given = _read_quickly(parameters)
    given = _read(parameters) if given is None else given
    found = _search(given)
    return found, _order(given["ordering"], is_near=given["near"] is not None, has_words=bool(found.words))


def _read_quickly(parameters: Any) -> dict[str, Any] | None:
    """Return what the form reads, without the form, which takes as long as the search; None where it has a word to say."""
    fields = _form_class().base_fields
    names = parameters.keys() - pagination.PARAMETERS
    if not names <= fields.keys() or not names.isdisjoint(_TOGETHER):
        return None
    try:
        given = _blank() | {name: fields[name].clean(parameters[name]) for name in names}
    except ValidationError:
        return None
    return None if given["near"] is None and not names.isdisjoint(_WITH_PLACE) else given


@cache
def _blank() -> dict[str, Any]:
    return {name: field.clean(None) for name, field in _form_class().base_fields.items()}


def _read(parameters: Any) -> dict[str, Any]:
    form = _form_class()(parameters)
    refusals = {
        name: [exceptions.ErrorDetail(problem.messages[0], problem.code or "invalid") for problem in problems]
        for name, problems in form.errors.as_data().items()
    }
    for name in parameters.keys() - form.fields.keys() - pagination.PARAMETERS:
        refusals[name] = [exceptions.ErrorDetail(str(_("There is no such parameter.")), "unknown_parameter")]
    if refusals:
        raise exceptions.ValidationError(refusals)
    return form.cleaned_data


class _SharedFields(dict[str, forms.Field]):
    """The fields of a form, shared by all who fill it in: none keeps what it reads, and copies cost more than the search."""

    def __deepcopy__(self, _memo: Any) -> "_SharedFields":
        return self


@cache
def _form_class() -> type[SearchForm]:
    form: type[SearchForm] = ItemSearch(queryset=Item.objects.none()).get_form_class()
    form.base_fields = _SharedFields(form.base_fields)
    return form


def _search(given: Mapping[str, Any]) -> Search:
    values: dict[str, Any] = {}
    if given["category"]:
        values["category_key"] = categories.key_of(category=given["category"])
    if given["max_daily_price"] is not None:
        values["daily_price"] = given["max_daily_price"]
    if given["availability"]:
        values["availability"] = given["availability"]
    if given["near"] is not None:
        values["latitude"], values["longitude"] = given["near"]
        values["radius_m"] = given["radius_m"] or domain.DEFAULT_RADIUS_M
    if given["free_from"] is not None:
        values |= {"free_from": given["free_from"], "free_to": given["free_to"], "now": clock.now()}
    words = text.words(text=given["q"])
    return Search(values=values, words=words, finds_nothing=not words and text.shows_something(text=given["q"]))


def _order(ordering: str, *, is_near: bool, has_words: bool) -> tuple[str, ...]:
    """Return the columns to order by: the nearest first when there is a place, else the best, else the newest."""
    if ordering:
        sign = "-" if ordering.startswith("-") else ""
        return (sign + _ORDERINGS[ordering.removeprefix("-")], sign + "id")
    if is_near:
        return searching.NEAREST
    return searching.BEST if has_words else searching.NEWEST
