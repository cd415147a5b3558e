from django.db import migrations, models


class Migration(migrations.Migration):
    """What the past was brought into by 0003 holds from now on, and for the version before, which may still run beside this one."""

    dependencies = [("payments", "0003_book_the_past")]

    operations = [
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("approved", "refunded")), models.Q(("provider_reference", ""), _negated=True)),
                fields=("provider_reference",),
                name="payments_one_payment_per_charge",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("refund_due__gte", 0), ("refund_due__lte", models.F("amount"))), name="payments_refund_due_lte_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("refund_due", 0), ("state__in", ("approved", "refunded")), _connector="OR"),
                name="payments_refund_due_was_charged",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("state", "refunded"), _negated=True), ("refunded", models.F("amount")), _connector="OR"),
                name="payments_refunded_means_in_full",
            ),
        ),
    ]
