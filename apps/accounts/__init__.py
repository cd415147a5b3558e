"""Accounts: who is asking, and in which role."""
