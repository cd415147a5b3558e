"""A breaker in a hurry, so that nobody has to wait long for it."""

from gdmarket.breaker import Policy

BRISK = Policy(open_s=0.3, longest_open_s=1.0, probe_deadline_s=2.0)
