"""Rentals as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

from apps.rentals import domain
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.models import Guest, ListingVersion, Rental
from apps.rentals.queries import Agreement
from gdmarket.contracts import names_of
from gdmarket.rest.contracts import PaymentSerializer, api_names, payment_json
from gdmarket.rest.instants import InstantField
from gdmarket.rest.representation import representation_of
from gdmarket.rest.serializers import StrictSerializer


class RequestRentalSerializer(StrictSerializer):
    """A request for an item; with `payment_method` it is paid in the same call."""

    item = serializers.UUIDField(source="item_id")
    starts_at = InstantField(required=False)
    ends_at = InstantField(required=False)
    payment_method = serializers.CharField(source="method", required=False, max_length=300)
    expected_price = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="The whole price that the renter was shown, in minor units: at another price the request is refused (`price_changed`).",
    )


class WalkInSerializer(StrictSerializer):
    """A booking at the desk, paid in cash, for who has an account (`renter_email`) or not (`renter_name`)."""

    item = serializers.UUIDField(source="item_id")
    starts_at = InstantField(required=False)
    ends_at = InstantField(required=False)
    renter_email = serializers.EmailField(required=False, max_length=254, help_text="Of an account; then no name.")
    renter_name = serializers.CharField(required=False, max_length=100, help_text="Of a renter without an account.")
    contact = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="How to reach a renter without an account, such as a telephone number."
    )
    expected_price = serializers.IntegerField(
        required=False, min_value=0, help_text="The whole price that was taken, in minor units: at another price the booking is refused."
    )


class PayRentalSerializer(StrictSerializer):
    """A payment of a rental."""

    payment_method = serializers.CharField(source="method", max_length=300)


class CancelRentalSerializer(StrictSerializer):
    """The reason of a cancellation."""

    reason = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        style={"base_template": "textarea.html"},
        help_text="May hold line breaks. Needed once the period is over.",
    )


class ReturnRentalSerializer(StrictSerializer):
    """When the item came back."""

    returned_at = InstantField(required=False, help_text="Now where it is not given; not before the handover.")


class AgreedItemSerializer(serializers.Serializer[Any]):
    """An item at one of its versions; `deposit` in minor units. The renter sees the coordinates from the payment on."""

    item_version = serializers.IntegerField(source="version")
    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    place = serializers.CharField()
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    deposit = serializers.IntegerField()


class RentalSerializer(serializers.ModelSerializer[Rental]):
    """A rental; `price` in minor units of `currency`."""

    state = serializers.ChoiceField(choices=list(domain.RentalState))
    overdue = serializers.BooleanField(read_only=True, help_text="Whether the item should have been returned by now.")
    payment = PaymentSerializer(read_only=True, allow_null=True)
    cancelled_by = serializers.ChoiceField(
        read_only=True,
        allow_null=True,
        choices=list(domain.RentalParty),
        help_text="The role of who cancelled, or asked for it; null where nobody did.",
    )
    in_cash = serializers.BooleanField(
        read_only=True, help_text="Whether the latest attempt to pay is cash at the desk, where it is also given back."
    )

    class Meta:
        model = Rental
        fields = tuple(api_names(RentalSnapshot, key="rental_id"))
        read_only_fields = names_of(RentalSnapshot)

    def build_unknown_field(self, field_name: str, model_class: Any) -> Any:
        """Build `item` from the column `item_id`, and the like."""
        return serializers.UUIDField, {"source": f"{field_name}_id"}


class GuestSerializer(serializers.Serializer[Any]):
    """A renter without an account."""

    name = serializers.CharField()
    contact = serializers.CharField(allow_blank=True)


class RentalDetailSerializer(RentalSerializer):
    """A rental, what it agreed to, and where the item differs from that since."""

    guest = GuestSerializer(
        read_only=True,
        allow_null=True,
        help_text="The renter, for the item's manager alone; null for one who has an account, and long after the rental.",
    )

    agreed = AgreedItemSerializer(
        read_only=True, allow_null=True, help_text="The item as it was agreed; null for a rental from before that was kept."
    )
    current = AgreedItemSerializer(
        read_only=True, allow_null=True, help_text="The item as it is, where that differs while the rental is open; else null."
    )
    changed = serializers.ListField(read_only=True, child=serializers.ChoiceField(choices=list(domain.TERMS)), help_text="What differs.")

    class Meta(RentalSerializer.Meta):
        fields = (*RentalSerializer.Meta.fields, "guest", "agreed", "current", "changed")


_rental = representation_of(RentalSerializer, computed=("overdue", "payment", "cancelled_by", "in_cash"))
_terms = representation_of(AgreedItemSerializer)
_guest = representation_of(GuestSerializer)


def rental_json(rental: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return a rental's row as the API shows it; `vars()` of a model is one."""
    return _rental(
        rental,
        overdue=domain.is_overdue(state=rental["state"], ends_at=rental["ends_at"], now=now),
        payment=payment_json(rental),
        cancelled_by=rental["cancelled_by"] or None,  # an empty text in the table is none in the contract
        in_cash=bool(rental["in_cash"]),  # and null is no
    )


def rental_detail_json(
    rental: Mapping[str, Any], *, agreement: Agreement, guest: Guest | None, person_id: UUID, now: datetime
) -> dict[str, Any]:
    """Return a rental's row with what it agreed to, and where the item differs from that since, as `person_id` sees it."""
    shows_place = person_id == rental["manager_id"] or domain.shows_place(state=rental["state"])

    def terms(version: ListingVersion | None) -> dict[str, Any] | None:
        shown = None if version is None else _terms(vars(version))
        if shown is not None and not shows_place:
            shown.update(latitude=None, longitude=None)
        return shown

    return rental_json(rental, now=now) | {
        "guest": None if guest is None or person_id != rental["manager_id"] else _guest(vars(guest)),
        "agreed": terms(agreement.agreed),
        "current": terms(agreement.current),
        "changed": agreement.changed,
    }
