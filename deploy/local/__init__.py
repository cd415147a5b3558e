"""A cluster of real processes on this machine: gateway, servers, relay, PostgreSQL, payment provider and their supervisors."""
