"""Toss Payments, over its HTTP API of 2022-11-16."""
