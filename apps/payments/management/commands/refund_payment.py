"""Refund a payment, in full or in part."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from apps.accounts import facade as accounts
from apps.payments.services import refunding
from gdmarket import clock, console, correlation, ids
from gdmarket.errors import DomainError

_LONGEST_REASON = 200


def _reason(text: str) -> str:
    line = console.one_line(text)
    if len(line) > _LONGEST_REASON:
        raise ArgumentTypeError(f"must have at most {_LONGEST_REASON} characters")
    return line


class Command(console.OperatorCommand):
    """Record a refund, which is then requested from the provider until it answers; cash is given back at the desk."""

    help = (
        "Give a payment back to the renter, in part, e.g. for an item that was late, or in full. The rental stays as it is, unless all "
        "goes back before the item was handed over: then it is cancelled. Repeated with the same --refund, it refunds nothing more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("payment", type=UUID, help="the payment's id")
        sum_ = parser.add_mutually_exclusive_group(required=True)
        sum_.add_argument("amount", type=int, nargs="?", help="how much, in minor units: 3000 is 3,000 won")
        sum_.add_argument("--all", action="store_true", help="all that is left of it")
        parser.add_argument("--reason", type=_reason, required=True, help="why; the renter and the manager read it")
        parser.add_argument("--by", metavar="EMAIL", required=True, help="which operator does it")
        parser.add_argument("--refund", type=UUID, help="the refund's id, to repeat a command that may have succeeded (default: new)")
        parser.add_argument("--dry-run", action="store_true", help="check everything, change nothing")

    def handle(
        self, *args: Any, payment: UUID, amount: int | None, reason: str, by: str, refund: UUID | None, dry_run: bool, **options: Any
    ) -> None:
        operator = accounts.find_person(email=by)
        if operator is None or "operator" not in operator.roles:
            raise CommandError(f"{by} is no operator's e-mail address.")
        correlation.act_as(str(operator.id))
        refund_id = refund or ids.uuid7()
        try:
            recorded = refunding.refund_payment(
                refund_id=refund_id, payment_id=payment, amount=amount, reason=reason, by=operator.id, now=clock.now(), dry_run=dry_run
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        currency, given = recorded.payment.currency, recorded.amount
        if dry_run:
            self.stdout.write(f"Would refund {given:,} {currency} of payment {payment}; nothing was changed.")
            return
        recorded.refresh_from_db()
        self.stdout.write(f"Refund {refund_id}: {given:,} {currency} of payment {payment}, {recorded.state}.")
