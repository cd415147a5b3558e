"""The forms of the web admin: what is typed is checked as the services check it, and shown beside its field."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.items import domain
from apps.items.admin.service_backed import ServiceBackedForm
from apps.items.errors import CategoryNameTakenError
from apps.items.models import Category, Item, PickupPlace
from apps.items.queries import categories, places
from apps.items.services.places import check_in_area
from gdmarket.errors import DomainError, InvalidError
from gdmarket.text import tidy

_WHERE = ("place", "latitude", "longitude")
_WRITABLE = ("name", "category", "description", "pickup_place", *_WHERE, "daily_price", "deposit")
_TEXTS = ("name", "category", "description", "place")
_LOCATED = {
    "latitude": forms.NumberInput(
        attrs={
            "step": "any",
            # What `items/location.js` calls its button, and says where the device does not tell.
            "data-locate": _("Use this device's location"),
            "data-locate-failed": _("This device does not tell where it is."),
        }
    ),
    "longitude": forms.NumberInput(attrs={"step": "any"}),
}


class LocatedMedia:
    """The script of a form that has a latitude and a longitude; without it they are typed."""

    js = ("items/location.js",)


class ItemForm(ServiceBackedForm):
    """The editable fields of an item."""

    manager_id: ClassVar[UUID | None] = None
    category = forms.ChoiceField(label=_("Category"))
    pickup_place = forms.ModelChoiceField(
        PickupPlace.objects.none(), required=False, label=_("Pickup place"), empty_label=_("Somewhere else, as typed below")
    )

    class Meta:
        model = Item
        fields = _WRITABLE
        widgets = _LOCATED
        help_texts = {
            "daily_price": _("In won, for each started day."),
            "deposit": _("In won; 0 for none."),
            "place": _("Where people fetch it, as neighbours would say."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the categories there are and the manager's places."""
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        if self.is_of_a_row:
            self.initial["category"] = self.instance.category_key
        if "place" not in fields:
            return  # the item is only shown
        choices = {category.key: str(category) for category in categories.list_categories()}
        if self.is_of_a_row:
            choices.setdefault(self.instance.category_key, self.instance.category)
        fields["category"].choices = [("", "---------"), *choices.items()]
        if self.manager_id is not None:
            fields["pickup_place"].queryset = places.list_places(manager_id=self.manager_id)
        for name in _WHERE:
            fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """Check all of it; a pickup place says where it is."""
        cleaned: dict[str, Any] = super().clean() or {}
        cleaned.update({field: tidy(text=cleaned[field]) for field in _TEXTS if field in cleaned})
        if place := cleaned.get("pickup_place"):
            cleaned |= {"place": place.name, "latitude": place.latitude, "longitude": place.longitude}
            for name in _WHERE:
                self.errors.pop(name, None)
        for field in (name for name in _WRITABLE if name != "pickup_place"):
            _check(self, field, lambda field=field: domain.check(details={field: cleaned[field]} if field in cleaned else {}))
        is_typed = not place and {"latitude", "longitude"} & set(self.changed_data)
        if is_typed and not {"latitude", "longitude"} & self.errors.keys():
            _check_area(self, cleaned)
        return cleaned

    def details(self) -> dict[str, Any]:
        """Return the details of the item as entered."""
        given = {field: self.cleaned_data[field] for field in _WRITABLE if field != "pickup_place"}
        place = self.cleaned_data["pickup_place"]
        if place is None:
            return given | {"pickup_place": None}
        return {name: value for name, value in given.items() if name not in _WHERE} | {"pickup_place": place.pk}


class PlaceForm(ServiceBackedForm):
    """The fields of a pickup place."""

    class Meta:
        model = PickupPlace
        fields = ("name", "address", "latitude", "longitude")
        widgets = _LOCATED
        help_texts = {
            "name": _("As neighbours would say. Everybody sees it."),
            "address": _("For yourself; renters do not see it."),
        }

    def clean(self) -> dict[str, Any]:
        """Check all of it."""
        cleaned: dict[str, Any] = super().clean() or {}
        for field in self.details_of(cleaned):
            cleaned[field] = tidy(text=cleaned[field]) if isinstance(cleaned[field], str) else cleaned[field]
            _check(self, field, lambda field=field: domain.check(details={"place" if field == "name" else field: cleaned[field]}))
        if not {"latitude", "longitude"} & self.errors.keys():
            _check_area(self, cleaned)
        return cleaned

    def details(self) -> dict[str, Any]:
        """Return the details of the place as entered."""
        return self.details_of(self.cleaned_data)

    def details_of(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return the details among what was entered."""
        return {name: cleaned[name] for name in ("name", "address", "latitude", "longitude") if name in cleaned}


class CategoryForm(ServiceBackedForm):
    """The fields of a category."""

    icon = forms.ChoiceField(label=_("icon"), choices=[(name, name) for name in domain.ICONS], initial=domain.ICONS[-1])

    class Meta:
        model = Category
        fields = ("name_ko", "name_en", "icon", "position", "is_active")
        help_texts = {"is_active": _("Whether items can be given this category. Those that have it keep it, and are found by it.")}

    def details(self) -> Any:
        """Return the details of the category as entered."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen_version"}

    def clean(self) -> dict[str, Any]:
        """Check the names; whether another category is known by one of them, the service knows."""
        cleaned: dict[str, Any] = super().clean() or {}
        for field in ("name_ko", "name_en"):
            if field in cleaned:
                cleaned[field] = tidy(text=cleaned[field])
                _check(self, field, lambda field=field: domain.check(details={"category": cleaned[field]}))
        return cleaned

    def field_of(self, refused: DomainError) -> str | None:
        """Return the name that is taken."""
        named = (field for field in ("name_ko", "name_en") if self.cleaned_data.get(field) == refused.details.get("name"))
        return next(named, super().field_of(refused)) if isinstance(refused, CategoryNameTakenError) else super().field_of(refused)


def _check(form: Any, field: str, rule: Any) -> None:
    try:
        rule()
    except InvalidError as refused:
        form.add_error(field, refused.message)


def _check_area(form: Any, cleaned: dict[str, Any]) -> None:
    where = {name: cleaned[name] for name in ("latitude", "longitude")}
    _check(form, "latitude", lambda: check_in_area(**where))
