"""Measuring the rebuilding of the status view."""
