"""What may be asked of the list of rentals."""

import django_filters
from django.db.models import QuerySet

from apps.rentals import queries
from apps.rentals.models import Rental


class RentalFilter(django_filters.FilterSet):
    """By state, by item, and by what the caller is in the rental."""

    state = django_filters.ChoiceFilter(choices=Rental.States.choices)
    item = django_filters.UUIDFilter(field_name="item_id")
    role = django_filters.ChoiceFilter(choices=[("renter", "renter"), ("manager", "manager")], method="_in_role")

    def _in_role(self, rentals: QuerySet[Rental], name: str, role: str) -> QuerySet[Rental]:
        return queries.in_role(rentals, person_id=self.request.user.pk, role=role)
