"""Rentals as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.rentals import domain
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.models import ListingVersion, Rental
from gdmarket.contracts import names_of
from gdmarket.rest.contracts import PaymentSerializer, api_names
from gdmarket.rest.instants import InstantField
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


class EmptyBodySerializer(StrictSerializer):
    """A command without parameters."""


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
    overdue = serializers.SerializerMethodField(help_text="Whether the item should have been returned by now.")
    payment = serializers.SerializerMethodField()
    cancelled_by = serializers.SerializerMethodField(help_text="The role of who cancelled, or asked for it; null where nobody did.")

    class Meta:
        model = Rental
        fields = tuple(api_names(RentalSnapshot, key="rental_id"))
        read_only_fields = names_of(RentalSnapshot)

    def build_unknown_field(self, field_name: str, model_class: Any) -> Any:
        """Build `item` from the column `item_id`, and the like."""
        return serializers.UUIDField, {"source": f"{field_name}_id"}

    def get_overdue(self, rental: Rental) -> bool:
        """Return whether the item should have been returned by now."""
        return domain.is_overdue(state=rental.state, ends_at=rental.ends_at, now=self.context["now"])

    @extend_schema_field(serializers.ChoiceField(choices=list(domain.RentalParty), allow_null=True))
    def get_cancelled_by(self, rental: Rental) -> str | None:
        """Return who cancelled: an empty text in the table is none in the contract."""
        return rental.cancelled_by or None

    @extend_schema_field(PaymentSerializer(allow_null=True))
    def get_payment(self, rental: Rental) -> dict[str, str] | None:
        """Return the latest attempt to pay, or None."""
        return {"id": str(rental.payment_id), "state": rental.payment_state} if rental.payment_id else None


class RentalDetailSerializer(RentalSerializer):
    """A rental, what it agreed to, and where the item differs from that since."""

    agreed = serializers.SerializerMethodField(help_text="The item as it was agreed; null for a rental from before that was kept.")
    current = serializers.SerializerMethodField(help_text="The item as it is, where that differs while the rental is open; else null.")
    changed = serializers.SerializerMethodField(help_text="What differs.")

    class Meta(RentalSerializer.Meta):
        fields = (*RentalSerializer.Meta.fields, "agreed", "current", "changed")

    @extend_schema_field(AgreedItemSerializer(allow_null=True))
    def get_agreed(self, rental: Rental) -> dict[str, Any] | None:
        """Return the item as it was agreed; None for a rental from before that was kept."""
        return self._terms(rental, self.context["agreement"].agreed)

    @extend_schema_field(AgreedItemSerializer(allow_null=True))
    def get_current(self, rental: Rental) -> dict[str, Any] | None:
        """Return the item as it is, where that differs while the rental is open; else None."""
        return self._terms(rental, self.context["agreement"].current)

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=list(domain.TERMS))))
    def get_changed(self, _rental: Rental) -> list[str]:
        """Return the names of what differs."""
        changed: list[str] = self.context["agreement"].changed
        return changed

    def _terms(self, rental: Rental, version: ListingVersion | None) -> dict[str, Any] | None:
        if version is None:
            return None
        shown = dict(AgreedItemSerializer(version).data)
        if self.context["person_id"] != rental.manager_id and not domain.shows_place(state=rental.state):
            shown |= {"latitude": None, "longitude": None}
        return shown
