import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False, verbose_name="id")),
                ("rental_id", models.UUIDField(db_index=True, verbose_name="rental")),
                ("payer_id", models.UUIDField(db_index=True, verbose_name="payer")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                ("method", models.CharField(max_length=100, verbose_name="payment method")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("unknown", "unknown"),
                            ("approved", "approved"),
                            ("declined", "declined"),
                            ("not_sent", "not sent"),
                            ("refunded", "refunded"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=100, verbose_name="reason")),
                ("provider_reference", models.CharField(blank=True, default="", max_length=200, verbose_name="provider's reference")),
                ("refunded", models.BigIntegerField(default=0, verbose_name="refunded")),
                ("checks", models.PositiveIntegerField(default=0, verbose_name="checks")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("asked_at", models.DateTimeField(null=True, verbose_name="provider asked at")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="settled at")),
            ],
            options={
                "verbose_name": "payment",
                "verbose_name_plural": "payments",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("pending", "unknown"))), fields=["created_at", "id"], name="payments_unsettled"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("pending", "unknown", "approved"))),
                        fields=("rental_id",),
                        name="payments_one_holding_per_rental",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["pending", "unknown", "approved", "declined", "not_sent", "refunded"])),
                        name="payments_payment_state_known",
                    ),
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="payments_payment_amount_gt_0"),
                    models.CheckConstraint(
                        condition=models.Q(("refunded__gte", 0), ("refunded__lte", models.F("amount"))), name="payments_refunded_lte_amount"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("refunded", 0), ("state__in", ["approved", "refunded"]), _connector="OR"),
                        name="payments_refunded_was_approved",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_at__isnull", True), ("state__in", ("pending", "unknown"))),
                            models.Q(models.Q(("state__in", ("pending", "unknown")), _negated=True), ("settled_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="payments_settled_has_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False, verbose_name="id")),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "pending"), ("refunded", "refunded")], default="pending", max_length=10, verbose_name="state"
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=100, verbose_name="reason")),
                ("provider_reference", models.CharField(blank=True, default="", max_length=200, verbose_name="provider's reference")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("settled_at", models.DateTimeField(null=True, verbose_name="settled at")),
                (
                    "payment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="payments.payment",
                        verbose_name="payment",
                    ),
                ),
            ],
            options={
                "verbose_name": "refund",
                "verbose_name_plural": "refunds",
                "constraints": [
                    models.UniqueConstraint(fields=("payment",), name="payments_one_refund_per_payment"),
                    models.CheckConstraint(condition=models.Q(("state__in", ["pending", "refunded"])), name="payments_refund_state_known"),
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="payments_refund_amount_gt_0"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_at__isnull", True), ("state", "pending")),
                            models.Q(("settled_at__isnull", False), ("state", "refunded")),
                            _connector="OR",
                        ),
                        name="payments_refund_settled_has_time",
                    ),
                ],
            },
        ),
    ]
