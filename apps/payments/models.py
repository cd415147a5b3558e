"""The tables of money; their constraints refuse a second charge, a second refund and an unsettled settlement."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.payments.domain import HOLDING, UNSETTLED, PaymentState, RefundState

PAYMENT_STATES = {
    PaymentState.PENDING: _("pending"),
    PaymentState.UNKNOWN: _("unknown"),
    PaymentState.APPROVED: _("approved"),
    PaymentState.DECLINED: _("declined"),
    PaymentState.NOT_SENT: _("not sent"),
    PaymentState.REFUNDED: _("refunded"),
}
REFUND_STATES = {RefundState.PENDING: _("pending"), RefundState.REFUNDED: _("refunded")}


class Payment(models.Model):
    """One attempt to collect the price of one rental; its id is the idempotency key, committed before the provider is asked.

    `asked_at` is set by the one caller that may send the charge: no other ever does, so that its "not sent" is certain.
    """

    id = models.UUIDField(_("id"), primary_key=True)
    rental_id = models.UUIDField(_("rental"), db_index=True)
    payer_id = models.UUIDField(_("payer"), db_index=True)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    method = models.CharField(_("payment method"), max_length=100)
    state = models.CharField(_("state"), max_length=10, choices=PAYMENT_STATES, default=PaymentState.PENDING)
    reason = models.CharField(_("reason"), max_length=100, blank=True, default="")
    provider_reference = models.CharField(_("provider's reference"), max_length=200, blank=True, default="")
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
            models.CheckConstraint(condition=Q(refunded__gte=0, refunded__lte=F("amount")), name="payments_refunded_lte_amount"),
            models.CheckConstraint(
                condition=Q(refunded=0) | Q(state__in=[PaymentState.APPROVED, PaymentState.REFUNDED]),
                name="payments_refunded_was_approved",
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNSETTLED, settled_at__isnull=True) | (~Q(state__in=UNSETTLED) & Q(settled_at__isnull=False)),
                name="payments_settled_has_time",
            ),
        )
        indexes = (models.Index(fields=["created_at", "id"], condition=Q(state__in=UNSETTLED), name="payments_unsettled"),)

    def __str__(self) -> str:
        """Name the payment and where it stands."""
        return f"{self.id} {self.state} {self.amount} {self.currency}"


class Refund(models.Model):
    """One payment given back in full; its id is the provider's key for it, so that asking again never refunds again."""

    id = models.UUIDField(_("id"), primary_key=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds", db_index=False, verbose_name=_("payment"))
    amount = models.BigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=10, choices=REFUND_STATES, default=RefundState.PENDING)
    reason = models.CharField(_("reason"), max_length=100, blank=True, default="")
    provider_reference = models.CharField(_("provider's reference"), max_length=200, blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("created at"))
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = (
            # One full refund a payment: so the sum of refunds is never more than what was captured.
            models.UniqueConstraint(fields=["payment"], name="payments_one_refund_per_payment"),
            models.CheckConstraint(condition=Q(state__in=list(RefundState)), name="payments_refund_state_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_refund_amount_gt_0"),
            models.CheckConstraint(
                condition=Q(state=RefundState.PENDING, settled_at__isnull=True) | Q(state=RefundState.REFUNDED, settled_at__isnull=False),
                name="payments_refund_settled_has_time",
            ),
        )

    def __str__(self) -> str:
        """Name the refund and where it stands."""
        return f"{self.id} {self.state} {self.amount}"
