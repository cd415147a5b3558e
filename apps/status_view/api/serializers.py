"""Rows as JSON. The hot read is a plain function from columns; the serializers below describe the same to the schema."""

from typing import Any

from rest_framework import serializers

from apps.rentals.contracts import RentalSnapshot
from apps.status_view import domain
from apps.status_view.queries import Row
from gdmarket.rest.contracts import Field, PaymentSerializer, api_names, serializer_fields


def item_json(row: Row) -> dict[str, Any]:
    """Return an item's row as the API shows it."""
    same = ("id", "name", "category", "place", "daily_price", "deposit", "currency", "state", "availability", "version", "updated_at")
    return {
        **{name: row[name] for name in same},
        "manager": row["manager_id"],
        "current_rental": _current_rental(row),
        "payment": _payment(row),
    }


def _current_rental(row: Row) -> dict[str, Any] | None:
    if row["current_rental_id"] is None:
        return None
    return {
        "id": row["current_rental_id"],
        "state": row["current_state"],
        "renter": row["current_renter_id"],
        "starts_at": row["current_starts_at"],
        "ends_at": row["current_ends_at"],
        "overdue": row["current_overdue"],
    }


def _payment(row: Row) -> dict[str, Any] | None:
    return None if row["payment_id"] is None else {"id": row["payment_id"], "state": row["payment_state"]}


_RENTAL = {shown: name for shown, name in api_names(RentalSnapshot, key="rental_id").items() if shown not in {"id", "payment"}}
_SAME = [shown for shown, name in _RENTAL.items() if shown == name]
_RENAMED = {shown: name for shown, name in _RENTAL.items() if shown != name}


def rental_json(row: Row) -> dict[str, Any]:
    """Return a rental's row as the API shows it: the rental's fields, and then the status view's own."""
    return {
        **{name: row[name] for name in ("id", *_SAME, "timeline", "updated_at")},
        **{shown: row[name] for shown, name in _RENAMED.items()},
        "payment": _payment(row),
        "turn": domain.next_actor(state=row["state"]),
        "deadline": domain.deadline(rental=row),
        "money": {name: row[name] for name in ("price", "paid", "refunded", "currency")},
    }


class CurrentRentalSchema(serializers.Serializer[Any]):
    """The rental that holds an item."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=[*domain.OPEN, *domain.CLOSED])
    renter = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    overdue = serializers.BooleanField()


class ItemStatusSchema(serializers.Serializer[Any]):
    """An item, the rental that holds it and that rental's payment; prices in minor units of `currency`."""

    id = serializers.UUIDField()
    manager = serializers.UUIDField()
    name = serializers.CharField()
    category = serializers.CharField()
    place = serializers.CharField()
    daily_price = serializers.IntegerField()
    deposit = serializers.IntegerField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=["listed", "withdrawn"])
    availability = serializers.ChoiceField(choices=[str(value) for value in domain.ItemAvailability])
    current_rental = CurrentRentalSchema(allow_null=True)
    payment = PaymentSerializer(allow_null=True)
    version = serializers.IntegerField()
    updated_at = serializers.DateTimeField()


class RentalMoneySchema(serializers.Serializer[Any]):
    """What a rental costs, and what of it was paid and refunded, in minor units of `currency`."""

    price = serializers.IntegerField()
    paid = serializers.IntegerField()
    refunded = serializers.IntegerField()
    currency = serializers.CharField()


class TimelineEntrySchema(serializers.Serializer[Any]):
    """A fact of a rental or of its payment."""

    fact = serializers.CharField()
    at = serializers.DateTimeField()
    version = serializers.IntegerField()
    source = serializers.ChoiceField(choices=["rental", "payment"])  # type: ignore[assignment]  # declared fields leave the class body
    reason = serializers.CharField(required=False)
    changed = serializers.ListField(child=serializers.CharField(), required=False)
    by = serializers.ChoiceField(choices=["renter", "manager", "operator", "system"], required=False)
    returned_at = serializers.DateTimeField(required=False, help_text="When the item came back, where that was recorded later.")
    payment = serializers.UUIDField(required=False)
    amount = serializers.IntegerField(required=False)


class RentalStatusSchema(serializers.Serializer[Any]):
    """A rental, whose turn it is and until when, its money and its timeline; amounts in minor units of `currency`."""

    state = serializers.ChoiceField(choices=[*domain.OPEN, *domain.CLOSED])
    payment = PaymentSerializer(allow_null=True)
    turn = serializers.ChoiceField(choices=[str(value) for value in domain.NextActor])
    deadline = serializers.DateTimeField(allow_null=True)
    money = RentalMoneySchema()
    timeline = TimelineEntrySchema(many=True)
    updated_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Field]:
        """Return the fields of a rental's contract in its order, then those of the status view."""
        declared = super().get_fields()
        rental = serializer_fields(RentalSnapshot, key="rental_id")
        return {shown: declared.get(shown) or rental[shown] for shown in api_names(RentalSnapshot, key="rental_id")} | declared
