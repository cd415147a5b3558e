"""What is typed to change several items at once, and what becomes of one of them by it."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib.admin.utils import label_for_field
from django.utils.translation import gettext_lazy as _

from apps.items import domain
from apps.items.admin.history import HistoryLine, shown
from apps.items.models import Item, PickupPlace
from apps.items.queries import places

_ROUNDED_TO = 100


class _BulkForm(forms.Form):
    """A form for items of one or more managers."""

    columns: ClassVar[Mapping[str, str]] = {}
    """The columns of details that are called otherwise."""

    def __init__(self, *args: Any, manager_id: UUID, **kwargs: Any) -> None:
        """Take what was typed; `manager_id` is the manager of the first item."""
        super().__init__(*args, **kwargs)
        self.manager_id = manager_id

    @property
    def typed(self) -> str:
        """All that is typed, by which it is known whether it was changed since its preview."""
        # Without line breaks, which browsers send as two characters.
        return json.dumps([self[name].data for name in self.fields])

    def lines_of(self, item: Item, changes: Mapping[str, Any]) -> Iterator[HistoryLine]:
        """Yield from what to what an item changes."""
        for name, value in changes.items():
            yield HistoryLine(str(label_for_field(name, Item)), shown(name, getattr(item, name)), shown(name, value))


class BulkPriceForm(_BulkForm):
    """Another daily price, the same for all or in relation to what each has, and another deposit."""

    change = forms.ChoiceField(
        label=_("Daily price"),
        required=False,
        choices=[
            ("", _("Leave it as it is")),
            ("set", _("Set it to … won")),
            ("percent", _("Change it by … percent")),
            ("won", _("Change it by … won")),
        ],
    )
    amount = forms.DecimalField(
        label=_("Amount"),
        required=False,
        max_digits=10,
        decimal_places=2,
        help_text=_("Won or percent, as chosen above; with a minus to lower the price."),
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "text"}),
    )
    is_rounded = forms.BooleanField(label=_("Round changed prices to 100 won"), required=False, initial=True)
    deposit = forms.IntegerField(
        label=_("Deposit"),
        required=False,
        min_value=domain.MIN_DEPOSIT,
        max_value=domain.MAX_DEPOSIT,
        help_text=_("In won; 0 for none. Empty leaves it as it is."),
    )

    def clean(self) -> dict[str, Any]:
        """Check that what is chosen and what is typed belong together."""
        cleaned: dict[str, Any] = super().clean() or {}
        change, amount = cleaned.get("change"), cleaned.get("amount")
        if change and amount is None and "amount" not in self.errors:
            self.add_error("amount", _("Type how much."))
        if change in {"set", "won"} and amount is not None and amount != int(amount):
            self.add_error("amount", _("Won have no fractions."))
        if not change and amount is not None:
            self.add_error("change", _("Choose what the amount means."))
        if not self.errors and not change and cleaned.get("deposit") is None:
            self.add_error(None, _("Choose what is to change."))
        return cleaned

    def changes_of(self, item: Item) -> dict[str, Any]:
        """Return the daily price and the deposit, as far as they are to change."""
        change, amount = self.cleaned_data["change"], self.cleaned_data["amount"]
        step = _ROUNDED_TO if self.cleaned_data["is_rounded"] else 1
        found: dict[str, Any] = {}
        if change == "set":
            found["daily_price"] = int(amount)
        elif change:
            percent, won = (amount, 0) if change == "percent" else (Decimal(0), int(amount))
            found["daily_price"] = domain.repriced(daily_price=item.daily_price, percent=percent, won=won, step=step)
        if self.cleaned_data["deposit"] is not None:
            found["deposit"] = self.cleaned_data["deposit"]
        return found


class BulkPlaceForm(_BulkForm):
    """Another pickup place, of the items' manager."""

    columns: ClassVar[Mapping[str, str]] = {"pickup_place": "pickup_place_id"}
    pickup_place = forms.ModelChoiceField(PickupPlace.objects.none(), label=_("Pickup place"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the manager's places."""
        super().__init__(*args, **kwargs)
        field: Any = self.fields["pickup_place"]
        field.queryset = places.list_places(manager_id=self.manager_id)

    def changes_of(self, item: Item) -> dict[str, Any]:
        """Return the place."""
        return {"pickup_place": self.cleaned_data["pickup_place"].pk}

    def lines_of(self, item: Item, changes: Mapping[str, Any]) -> Iterator[HistoryLine]:
        """Yield from which place to which."""
        yield HistoryLine(str(_("Pickup place")), item.place, self.cleaned_data["pickup_place"].name)


BulkForm = BulkPriceForm | BulkPlaceForm
"""A form that knows by `changes_of` which details an item is to have."""
