"""Writing: charge, check an unknown outcome, refund, reconcile with the provider's list."""
