"""The forms of the web admin: what is typed is checked as the services check it, and shown beside its field."""

import unicodedata
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.items import domain
from apps.items.errors import CategoryNameTakenError
from apps.items.models import Category, CategoryName, Item, PickupPlace
from apps.items.queries import categories, places
from gdmarket import text
from gdmarket.errors import InvalidError

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


class ItemForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """The editable fields of an item, and the version that the manager saw."""

    manager_id: ClassVar[UUID | None] = None
    category = forms.ChoiceField(label=_("Category"))
    pickup_place = forms.ModelChoiceField(
        PickupPlace.objects.none(), required=False, label=_("Pickup place"), empty_label=_("Somewhere else, as typed below")
    )
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

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
        """Offer the categories there are and the manager's places, and fill in the item's version."""
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        if self.instance.registered_at is not None:
            self.initial.update({"seen_version": self.instance.version, "category": self.instance.category_key})
        if "place" not in fields:
            return  # the item is only shown
        choices = {category.key: str(category) for category in categories.list_categories()}
        if self.instance.registered_at is not None:
            choices.setdefault(self.instance.category_key, self.instance.category)
        fields["category"].choices = [("", "---------"), *choices.items()]
        if self.manager_id is not None:
            fields["pickup_place"].queryset = places.list_places(manager_id=self.manager_id)
        for name in _WHERE:
            fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """Check all of it; a pickup place says where it is."""
        cleaned: dict[str, Any] = super().clean() or {}
        cleaned.update({field: _tidy(cleaned[field]) for field in _TEXTS if field in cleaned})
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


class PlaceForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """The fields of a pickup place, and the version that the manager saw."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = PickupPlace
        fields = ("name", "address", "latitude", "longitude")
        widgets = _LOCATED
        help_texts = {
            "name": _("As neighbours would say. Everybody sees it."),
            "address": _("For yourself; renters do not see it."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Fill in the place's version."""
        super().__init__(*args, **kwargs)
        if self.instance.registered_at is not None:
            self.initial["seen_version"] = self.instance.version

    def clean(self) -> dict[str, Any]:
        """Check all of it."""
        cleaned: dict[str, Any] = super().clean() or {}
        for field in self.details_of(cleaned):
            cleaned[field] = _tidy(cleaned[field]) if isinstance(cleaned[field], str) else cleaned[field]
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


class CategoryForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """The fields of a category, and the version that the operator saw."""

    icon = forms.ChoiceField(label=_("icon"), choices=[(name, name) for name in domain.ICONS], initial=domain.ICONS[-1])
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Category
        fields = ("name_ko", "name_en", "icon", "position", "is_active")
        help_texts = {"is_active": _("Whether items can be given this category. Those that have it keep it, and are found by it.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Fill in the category's version."""
        super().__init__(*args, **kwargs)
        if self.instance.key:
            self.initial["seen_version"] = self.instance.version

    def details(self) -> Any:
        """Return the details of the category as entered."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen_version"}

    def clean(self) -> dict[str, Any]:
        """Check the names: no other category is known by one of them."""
        cleaned: dict[str, Any] = super().clean() or {}
        for field in ("name_ko", "name_en"):
            if field in cleaned:
                cleaned[field] = _tidy(cleaned[field])
                _check(self, field, lambda field=field: domain.check(details={"category": cleaned[field]}))
                taken = CategoryName.objects.filter(folded=text.folded(text=cleaned[field])).exclude(category=self.instance.pk)
                if taken.exists():
                    self.add_error(field, CategoryNameTakenError(name=cleaned[field]).message)
        return cleaned


def _check(form: Any, field: str, rule: Any) -> None:
    try:
        rule()
    except InvalidError as refused:
        form.add_error(field, refused.message)


def _check_area(form: Any, cleaned: dict[str, Any]) -> None:
    where = {name: cleaned[name] for name in ("latitude", "longitude")}
    _check(form, "latitude", lambda: domain.check_in_area(area=settings.GDMARKET_AREA, **where))


def _tidy(text: str) -> str:
    """Return a text in NFC, with the plain line breaks that browsers turn into carriage returns."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n")
