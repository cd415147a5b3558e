"""The history of items, categories and pickup places: what was changed, from what to what, in the reader's language.

An entry of Django's log keeps the names of the fields, as Django writes them, and beside them `values`, from what to what, and the
`version` that came of it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.admin.utils import label_for_field
from django.db.models import Model
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from apps.items.models import Category, Item, PickupPlace
from gdmarket.admin import format_money

Values = Mapping[str, Any]
MAX_TEXT = 200
"""How many characters of a text an entry keeps, around where it differs."""
_BEFORE_DIFFERENCE = 20
_MAX_ENTRIES = 50
_FIELDS: Mapping[type[Model], tuple[str, ...]] = {
    Item: ("code", "name", "category", "description", "daily_price", "deposit", "pickup_place", "place", "latitude", "longitude", "state"),
    Category: ("name_ko", "name_en", "icon", "position", "is_active"),
    PickupPlace: ("name", "address", "latitude", "longitude"),
}
# What entries of before say in one word.
_WORDS = {"withdrawn": _("Withdrawn"), "paused": _("Paused"), "resumed": _("Resumed")}


class HistoryLine(NamedTuple):
    """What an entry says of one field; a text without values, which an entry of before has, is a label alone."""

    label: str
    before: str = ""
    after: str = ""


def values_of(row: Any) -> dict[str, Any]:
    """Return what a row has, as its history keeps it: a category by its key, a pickup place by its name."""
    values = {name: getattr(row, name) for name in _FIELDS[type(row)] if name not in {"category", "pickup_place"}}
    if isinstance(row, Item):
        values |= {"category": row.category_key or row.category, "pickup_place": row.place if row.pickup_place_id else None}
    return values


def changes(*, before: Values, after: Values, model: type[Model], version: int | None = None) -> list[dict[str, Any]]:
    """Return an entry of Django's log with the fields that differ; nothing, where none does."""
    differing = [name for name in _FIELDS[model] if name in before and before[name] != after[name]]
    if not differing:
        return []
    with override(None):  # translated when it is read
        labels = [str(_label(model, name)) for name in differing]
    values = {name: _shortened(before[name], after[name]) for name in differing}
    return [{"changed": {"fields": labels, "values": values, "version": version}}]


def name_changers(*, row: Model, since: int) -> dict[str, str]:
    """Return by whom each field was changed after the version `since`, as far as the history has it."""
    entries = LogEntry.objects.filter(content_type=get_content_type_for_model(row), object_id=str(row.pk))
    who: dict[str, str] = {}
    for entry in entries.select_related("user").order_by("-action_time", "-pk")[:_MAX_ENTRIES]:
        changer: Any = entry.user
        for changed in _changed(entry):
            if (changed.get("version") or 0) > since:
                who = dict.fromkeys(changed["values"], changer.display_name) | who
    return who


def tell(*, entries: Sequence[Any], model: type[Model]) -> None:
    """Give each entry its `lines`."""
    categories = {}
    if any('"category"' in entry.change_message for entry in entries):
        categories = {category.key: str(category) for category in Category.objects.all()}
    for entry in entries:
        entry.lines = [
            HistoryLine(str(_label(model, name)), *(categories.get(value) or shown(name, value) for value in pair))
            if name == "category"
            else HistoryLine(str(_label(model, name)), *(shown(name, value) for value in pair))
            for changed in _changed(entry)
            for name, pair in changed["values"].items()
        ] or [HistoryLine(str(_WORDS.get(entry.change_message) or entry.get_change_message()))]


def shown(name: str, value: Any) -> str:
    """Return a value as people read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if name in {"daily_price", "deposit"}:
        return format_money(value, "KRW")
    if name == "state":
        return Item(state=value).get_state_display()
    return str(value)


def _label(model: type[Model], name: str) -> Any:
    if name == "photos":
        return gettext("photos")
    return label_for_field(name, model) if name in _FIELDS[model] else name  # a field of a version to come


def _changed(entry: LogEntry) -> list[dict[str, Any]]:
    """Return what an entry says was changed, with values; nothing of an entry of before."""
    if not entry.change_message.startswith("["):
        return []
    try:
        parts = json.loads(entry.change_message)
    except json.JSONDecodeError:
        return []
    return [part["changed"] for part in parts if "values" in (part.get("changed") or {})]


def _shortened(before: Any, after: Any) -> list[Any]:
    """Return two values, of long texts what is around their first difference."""
    if not (isinstance(before, str) and isinstance(after, str)) or max(len(before), len(after)) <= MAX_TEXT:
        return [before, after]
    pairs = enumerate(zip(before, after, strict=False))
    at = next((place for place, (old, new) in pairs if old != new), min(len(before), len(after)))
    start = max(0, at - _BEFORE_DIFFERENCE)
    return [f"{'…' * (start > 0)}{text[start : start + MAX_TEXT]}{'…' * (len(text) > start + MAX_TEXT)}" for text in (before, after)]
