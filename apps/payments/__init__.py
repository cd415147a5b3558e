"""Payments: charges and refunds for rentals, the ledger, and every call to the payment provider."""
