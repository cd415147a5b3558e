"""Give a part of a payment back."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from apps.payments import services
from gdmarket import clock, ids
from gdmarket.errors import DomainError


class Command(BaseCommand):
    """Record a partial refund; the provider is asked for it as soon as it is recorded, and again until it answers."""

    help = (
        "Give a part of a payment back to the renter, e.g. for an item that was late; the rental stays paid. To give all of it back, "
        "cancel the rental. Sent again with the same --refund, it gives nothing more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("payment", type=UUID, help="the payment's id")
        parser.add_argument("amount", type=int, help="how much, in minor units: 3000 is 3,000 won")
        parser.add_argument("--refund", type=UUID, help="the refund's own id, to repeat what may have gone through (default: new)")
        parser.add_argument("--dry-run", action="store_true", help="check everything, change nothing")

    def handle(self, *args: Any, payment: UUID, amount: int, refund: UUID | None, dry_run: bool, **options: Any) -> None:
        refund_id = refund or ids.uuid7()
        try:
            recorded = services.record_partial_refund(
                refund_id=refund_id, payment_id=payment, amount=amount, now=clock.now(), dry_run=dry_run
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        currency = recorded.payment.currency
        if dry_run:
            self.stdout.write(f"Would give back {amount:,} {currency} of payment {payment}; nothing was changed.")
            return
        recorded.refresh_from_db()
        self.stdout.write(f"Refund {refund_id}: {amount:,} {currency} of payment {payment}, {recorded.state}.")
