"""The tables of payments; their constraints refuse a second charge, refunds above the charge, and an unbalanced ledger."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.payments.contracts import CASH
from apps.payments.domain import ACCOUNTS, CHARGED, HOLDING, UNSETTLED, Account, LedgerEntry, PaymentState, RefundState

PAYMENT_STATES = {
    PaymentState.PENDING: _("pending"),
    PaymentState.UNKNOWN: _("unknown"),
    PaymentState.APPROVED: _("approved"),
    PaymentState.DECLINED: _("declined"),
    PaymentState.NOT_SENT: _("not sent"),
    PaymentState.REFUNDED: _("refunded"),
}
REFUND_STATES = {RefundState.PENDING: _("pending"), RefundState.REFUNDED: _("refunded")}
ACCOUNT_NAMES = {
    Account.RENTER_RECEIVABLE: _("renters owe us"),
    Account.PROVIDER_CLEARING: _("with the provider"),
    Account.MANAGER_CASH: _("cash that managers took"),
    Account.MANAGER_PAYABLE: _("we owe managers"),
    Account.REFUNDS: _("we owe renters back"),
}
ENTRY_NAMES = {
    LedgerEntry.EARNED: _("earned"),
    LedgerEntry.CHARGED: _("charged"),
    LedgerEntry.REFUND_DUE: _("refund due"),
    LedgerEntry.REFUNDED: _("refunded"),
    LedgerEntry.CASH_TAKEN: _("cash taken"),
    LedgerEntry.CASH_GIVEN: _("cash given back"),
}

_LONGEST_METHOD = 300


class Payment(models.Model):
    """One attempt to collect the price of one rental; its id is the idempotency key, committed before the provider is called.

    `asked_at` is set by the one caller that may send the charge: no other ever does, so its "not sent" is certain. Of what was charged,
    `refund_due` is to be refunded in all, and `refunded` was. `payee_id` is the item's manager, None only for payments recorded before
    that column; so is `item_id`, by which income is summed, until `catch_up` has filled it in. `noticed_at` is when a webhook last caused
    a look-up. `provider_failed` says of one that was not sent that the provider could not be reached, and not that it refused our request.
    """

    id = models.UUIDField(_("id"), primary_key=True)
    rental_id = models.UUIDField(_("rental"), db_index=True)
    payer_id = models.UUIDField(_("payer"), db_index=True)
    payee_id = models.UUIDField(_("payee"), null=True, db_index=True)
    item_id = models.UUIDField(_("item"), null=True)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    method = models.CharField(_("payment method"), max_length=_LONGEST_METHOD)
    state = models.CharField(_("state"), max_length=10, choices=PAYMENT_STATES, default=PaymentState.PENDING)
    reason = models.CharField(_("reason"), max_length=100, blank=True, default="")
    provider_reference = models.CharField(_("provider's reference"), max_length=200, blank=True, default="")
    noticed_at = models.DateTimeField(_("noticed at"), null=True)
    provider_failed = models.BooleanField(_("provider failed"), default=False, db_default=False)
    refund_due = models.BigIntegerField(_("refund due"), default=0, db_default=0)
    refunded = models.BigIntegerField(_("refunded"), default=0)
    checks = models.PositiveIntegerField(_("checks"), default=0)
    version = models.PositiveIntegerField(_("version"), default=1)
    created_at = models.DateTimeField(_("created at"))
    asked_at = models.DateTimeField(_("provider asked at"), null=True)
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = (
            models.UniqueConstraint(fields=["rental_id"], condition=Q(state__in=HOLDING), name="payments_one_holding_per_rental"),
            models.CheckConstraint(condition=Q(state__in=list(PaymentState)), name="payments_payment_state_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_payment_amount_gt_0"),
            # One charge at the provider pays for one rental: a reference that a renter submits again pays for nothing.
            models.UniqueConstraint(
                fields=["provider_reference"],
                condition=Q(state__in=CHARGED) & ~Q(provider_reference=""),
                name="payments_one_payment_per_charge",
            ),
            models.CheckConstraint(condition=Q(refunded__gte=0, refunded__lte=F("amount")), name="payments_refunded_lte_amount"),
            models.CheckConstraint(condition=Q(refunded=0) | Q(state__in=CHARGED), name="payments_refunded_was_approved"),
            # Each refund is counted here before it is sent, so that all together never exceed the charge.
            models.CheckConstraint(condition=Q(refund_due__gte=0, refund_due__lte=F("amount")), name="payments_refund_due_lte_amount"),
            models.CheckConstraint(condition=Q(refund_due=0) | Q(state__in=CHARGED), name="payments_refund_due_was_charged"),
            models.CheckConstraint(
                condition=~Q(state=PaymentState.REFUNDED) | Q(refunded=F("amount")), name="payments_refunded_means_in_full"
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNSETTLED, settled_at__isnull=True) | (~Q(state__in=UNSETTLED) & Q(settled_at__isnull=False)),
                name="payments_settled_has_time",
            ),
        )
        indexes = (
            models.Index(fields=["created_at", "id"], condition=Q(state__in=UNSETTLED), name="payments_unsettled"),
            models.Index(fields=["created_at", "id"], condition=Q(method=CASH), name="payments_in_cash"),
            models.Index(fields=["rental_id"], condition=Q(item_id=None), name="payments_without_item"),
        )

    def __str__(self) -> str:
        """Say the sum and the state, in the reader's language."""
        return f"{self.amount:,} {self.currency}, {self.get_state_display()}"


class Refund(models.Model):
    """A refund of a payment or a part of it; its id is the idempotency key, so that a repeated request never refunds again.

    Of one that an operator made, `refunded_by_id` is who, and `stated_reason` why; null for what a cancel refunds. `reason` is the
    provider's.
    """

    id = models.UUIDField(_("id"), primary_key=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("payment"))
    amount = models.BigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=10, choices=REFUND_STATES, default=RefundState.PENDING)
    reason = models.CharField(_("reason"), max_length=100, blank=True, default="")
    provider_reference = models.CharField(_("provider's reference"), max_length=200, blank=True, default="")
    stated_reason = models.CharField(_("why"), max_length=200, null=True)  # noqa: DJ001  # as the version before writes it
    refunded_by_id = models.UUIDField(_("by"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created at"))
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        indexes = (models.Index(fields=["payment"], condition=Q(state=RefundState.PENDING), name="payments_refund_pending"),)
        constraints = (
            models.CheckConstraint(condition=Q(state__in=list(RefundState)), name="payments_refund_state_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_refund_amount_gt_0"),
            models.CheckConstraint(
                condition=Q(state=RefundState.PENDING, settled_at__isnull=True) | Q(state=RefundState.REFUNDED, settled_at__isnull=False),
                name="payments_refund_settled_has_time",
            ),
        )

    def __str__(self) -> str:
        """Say the sum and the state, in the reader's language."""
        return f"{self.amount:,} {self.payment.currency}, {self.get_state_display()}"


class Posting(models.Model):
    """One sum in the ledger, debited to one account and credited to another, so that the ledger always balances.

    Written in the transaction that makes it true, once for each payment and refund, and never changed: a trigger refuses.
    """

    GUARDS = {
        "postgresql": ["payments_posting_stands"],
        "sqlite": ["payments_posting_stands_delete", "payments_posting_stands_insert", "payments_posting_stands_update"],
    }

    id = models.UUIDField(_("id"), primary_key=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="postings", verbose_name=_("payment"))
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="postings", null=True, verbose_name=_("refund"))
    entry = models.CharField(_("entry"), max_length=10, choices=ENTRY_NAMES)
    debit = models.CharField(_("debit"), max_length=20, choices=ACCOUNT_NAMES)
    credit = models.CharField(_("credit"), max_length=20, choices=ACCOUNT_NAMES)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    posted_at = models.DateTimeField(_("posted at"))

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        constraints = (
            models.UniqueConstraint(fields=["payment", "entry"], condition=Q(refund=None), name="payments_posted_once_per_payment"),
            models.UniqueConstraint(fields=["refund", "entry"], condition=~Q(refund=None), name="payments_posted_once_per_refund"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_posting_amount_gt_0"),
            models.CheckConstraint(
                condition=Q(*(Q(entry=entry, debit=debit, credit=credit) for entry, (debit, credit) in ACCOUNTS.items()), _connector=Q.OR),
                name="payments_posting_accounts_of_entry",
            ),
        )
        indexes = (models.Index(fields=["posted_at", "entry"], name="payments_posted"),)

    def __str__(self) -> str:
        """Say the sum and the entry, in the reader's language."""
        return f"{self.amount:,} {self.currency}, {self.get_entry_display()}"
