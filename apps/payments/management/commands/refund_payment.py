"""Refund a part of a payment."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from apps.payments.services import refunding
from gdmarket import clock, ids
from gdmarket.console import OperatorCommand
from gdmarket.errors import DomainError


class Command(OperatorCommand):
    """Record a partial refund, which is then requested from the provider until it answers."""

    help = (
        "Refund a part of a payment to the renter, e.g. for an item that was late; the rental stays paid. To refund all of it, cancel "
        "the rental. Repeated with the same --refund, it refunds nothing more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("payment", type=UUID, help="the payment's id")
        parser.add_argument("amount", type=int, help="how much, in minor units: 3000 is 3,000 won")
        parser.add_argument("--refund", type=UUID, help="the refund's id, to repeat a command that may have succeeded (default: new)")
        parser.add_argument("--dry-run", action="store_true", help="check everything, change nothing")

    def handle(self, *args: Any, payment: UUID, amount: int, refund: UUID | None, dry_run: bool, **options: Any) -> None:
        refund_id = refund or ids.uuid7()
        try:
            recorded = refunding.record_partial_refund(
                refund_id=refund_id, payment_id=payment, amount=amount, now=clock.now(), dry_run=dry_run
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        currency = recorded.payment.currency
        if dry_run:
            self.stdout.write(f"Would refund {amount:,} {currency} of payment {payment}; nothing was changed.")
            return
        recorded.refresh_from_db()
        self.stdout.write(f"Refund {refund_id}: {amount:,} {currency} of payment {payment}, {recorded.state}.")
