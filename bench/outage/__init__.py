"""A payment provider that takes longer than its time-out for a minute, under load."""
