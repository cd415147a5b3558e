"""Rows as JSON: what they look like, and the plain functions made from that."""

from typing import Any

from rest_framework import serializers

from apps.rentals.contracts import RentalSnapshot
from apps.status_view import domain
from apps.status_view.queries import Row
from gdmarket import media
from gdmarket.rest.contracts import Field, PaymentSerializer, api_names, payment_json, serializer_fields
from gdmarket.rest.representation import representation_of


class CurrentRentalSchema(serializers.Serializer[Any]):
    """The rental that holds an item."""

    id = serializers.UUIDField(source="current_rental_id")
    state = serializers.ChoiceField(source="current_state", choices=[*domain.OPEN, *domain.CLOSED])
    renter = serializers.UUIDField(source="current_renter_id")
    starts_at = serializers.DateTimeField(source="current_starts_at")
    ends_at = serializers.DateTimeField(source="current_ends_at")
    overdue = serializers.BooleanField(source="current_overdue")


class ItemStatusSchema(serializers.Serializer[Any]):
    """An item, the rental that holds it and that rental's payment; prices in minor units of `currency`."""

    id = serializers.UUIDField()
    manager = serializers.UUIDField(source="manager_id")
    name = serializers.CharField()
    category = serializers.CharField()
    place = serializers.CharField()
    daily_price = serializers.IntegerField()
    deposit = serializers.IntegerField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=["listed", "paused", "withdrawn"])
    thumbnail = serializers.URLField(allow_null=True, help_text="Its first photo, of at most 320 pixels a side.")
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
    in_cash = serializers.BooleanField(required=False, help_text="True where the money changes hands at the desk.")
    payment = serializers.UUIDField(required=False)
    amount = serializers.IntegerField(required=False)


class RentalStatusSchema(serializers.Serializer[Any]):
    """A rental, whose turn it is and until when, its money and its timeline; amounts in minor units of `currency`."""

    state = serializers.ChoiceField(choices=[*domain.OPEN, *domain.CLOSED])
    payment = PaymentSerializer(allow_null=True)
    in_cash = serializers.BooleanField()
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


_item = representation_of(ItemStatusSchema, computed=("thumbnail", "current_rental", "payment"))
_rental = representation_of(RentalStatusSchema, computed=("payment", "in_cash", "turn", "deadline", "money"))
_current_rental = representation_of(CurrentRentalSchema)
_money = representation_of(RentalMoneySchema)


def item_json(row: Row, *, origin: str) -> dict[str, Any]:
    """Return an item's row as the API shows it; `origin` is the market's address, from which photos may be fetched."""
    name, is_free = row["thumbnail"], row["current_rental_id"] is None
    thumbnail = None if name is None else media.url_of(name, origin=origin)
    return _item(row, thumbnail=thumbnail, current_rental=None if is_free else _current_rental(row), payment=payment_json(row))


def rental_json(row: Row) -> dict[str, Any]:
    """Return a rental's row as the API shows it: the rental's fields, and then the status view's own."""
    deadline = domain.deadline(rental=row)
    turn, in_cash = domain.next_actor(state=row["state"]), bool(row["in_cash"])
    return _rental(row, payment=payment_json(row), in_cash=in_cash, turn=turn, deadline=deadline, money=_money(row))
