"""Measuring the event bus."""
