"""Repeatable measurements: figures for the record, never a pass or a fail."""
