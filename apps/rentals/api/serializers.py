"""What renters and managers send and read of rentals."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.rentals import domain
from apps.rentals.models import Rental
from gdmarket.rest.instants import InstantField
from gdmarket.rest.serializers import StrictSerializer


class RequestRentalSerializer(StrictSerializer):
    """A request for an item; with `payment_method` it is paid in the same call."""

    item = serializers.UUIDField(source="item_id")
    starts_at = InstantField(required=False)
    ends_at = InstantField(required=False)
    payment_method = serializers.CharField(source="method", required=False, max_length=300)


class PayRentalSerializer(StrictSerializer):
    """How a rental is to be paid."""

    payment_method = serializers.CharField(source="method", max_length=300)


class CancelRentalSerializer(StrictSerializer):
    """Why a rental is called off."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class EmptyBodySerializer(StrictSerializer):
    """A command that needs no words."""


class PaymentSerializer(serializers.Serializer[Any]):
    """The latest attempt to pay."""

    id = serializers.UUIDField()
    state = serializers.CharField()


class RentalSerializer(serializers.ModelSerializer[Rental]):
    """A rental, as its renter and its manager see it at the instant `now` of the context; `price` in minor units of `currency`."""

    item = serializers.UUIDField(source="item_id")
    renter = serializers.UUIDField(source="renter_id")
    manager = serializers.UUIDField(source="manager_id")
    state = serializers.ChoiceField(choices=list(domain.RentalState))
    overdue = serializers.SerializerMethodField()
    payment = serializers.SerializerMethodField()

    class Meta:
        """The fields of the contract, in its order."""

        model = Rental
        fields = (
            "id",
            "item",
            "item_name",
            "renter",
            "manager",
            "starts_at",
            "ends_at",
            "price",
            "currency",
            "state",
            "overdue",
            "payment_due_at",
            "payment",
            "cancel_requested",
            "version",
            "requested_at",
            "paid_at",
            "handed_over_at",
            "returned_at",
            "closed_at",
        )
        read_only_fields = fields

    def get_overdue(self, rental: Rental) -> bool:
        """Say whether the item should be back by now."""
        return domain.is_overdue(state=rental.state, ends_at=rental.ends_at, now=self.context["now"])

    @extend_schema_field(PaymentSerializer(allow_null=True))
    def get_payment(self, rental: Rental) -> dict[str, str] | None:
        """Return the latest attempt to pay, if there was one."""
        return {"id": str(rental.payment_id), "state": rental.payment_state} if rental.payment_id else None
