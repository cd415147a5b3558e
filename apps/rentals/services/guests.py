"""Forgetting who the guests were: their rentals stay, without a name."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from apps.rentals.models import Guest, Rental
from gdmarket import databases

_CHUNK = 500


def forget_guests(*, now: datetime, older_than_days: int, dry_run: bool = False) -> Iterator[int]:
    """Forget the guests whose rental was over more than `older_than_days` ago, in chunks; yield the size of each. With `dry_run`, count."""
    until = now - timedelta(days=older_than_days)
    is_over = Exists(Rental.objects.filter(renter_id=OuterRef("renter_id"), closed_at__lte=until))  # a guest has one rental
    due = Guest.objects.filter(is_over, created_at__lte=until).order_by("renter_id")
    if dry_run:
        yield due.count()
        return
    while chunk := list(due.values_list("renter_id", flat=True)[:_CHUNK]):
        with databases.transaction_for("rentals"):
            Guest.objects.filter(renter_id__in=chunk).delete()
        yield len(chunk)
